/**
 * Changes that need no new container. The label of a container cannot be changed, so a field is changed in place only where the label names
 * it: for those the engine is asked what holds now, and the label is believed in everything else.
 */
import type { FieldChange } from '../step.ts'
import type { ChangeableFields, ContainerSpec, RecordedSpec } from '../types.ts'

/** Specs leave out the default; where a container had another policy before, what holds now is named, and must be on the other side, too. */
export function withPolicy(spec: ContainerSpec, found: RecordedSpec): ContainerSpec {
  return found['restart'] === 'no' && spec.restart === undefined ? { ...spec, restart: 'no' } : spec
}

/** The new values, when all that differs can be changed in place; nothing when something cannot. */
export function inPlace(changes: readonly FieldChange[], spec: ContainerSpec): ChangeableFields | undefined {
  const changed = new Set(changes.map(({ path }) => path))
  if (changes.length === 0 || !changes.every(isChangeable)) return undefined
  const { cpus, memoryBytes, restart = 'no' } = spec
  return {
    ...(changed.has('memoryBytes') && memoryBytes !== undefined ? { memoryBytes } : {}),
    ...(changed.has('cpus') && cpus !== undefined ? { cpus } : {}),
    ...(changed.has('restart') ? { restart } : {}),
  }
}

/** No engine takes a limit away again; a policy can end in `no`. */
function isChangeable({ path, before, after }: FieldChange): boolean {
  if (before === undefined) return false
  return path === 'restart' || ((path === 'memoryBytes' || path === 'cpus') && after !== undefined)
}
