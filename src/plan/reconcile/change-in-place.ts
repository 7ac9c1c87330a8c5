/**
 * Changes that need no new container. The label of a container cannot be changed, so in these fields the engine is asked what holds now, and
 * the label is believed in everything else.
 */
import type { FieldChange } from '../step.ts'
import type { ChangeableFields, ContainerSpec, RecordedSpec } from '../types.ts'

/** The kernel grants processors in parts of this size, and podman shows what it granted. */
export const cpuStep = 1e-5

/** What is declared, in the words of what was found where both mean the same: a part of a processor may have been rounded. */
export function wordedAs({ cpus }: RecordedSpec, spec: ContainerSpec): ContainerSpec {
  const isRounded = typeof cpus === 'number' && spec.cpus !== undefined && Math.abs(cpus - spec.cpus) < cpuStep
  return isRounded ? { ...spec, cpus } : spec
}

/** The new values, when all that differs can be changed in place; nothing when something cannot. */
export function inPlace(changes: readonly FieldChange[], spec: ContainerSpec): ChangeableFields | undefined {
  const changed = new Set(changes.map(({ path }) => path))
  if (changes.length === 0 || !changes.every(isChangeable)) return undefined
  const { cpus, memoryBytes, restart = 'no' } = spec
  return {
    ...(changed.has('memory') && memoryBytes !== undefined ? { memoryBytes } : {}),
    ...(changed.has('cpus') && cpus !== undefined ? { cpus } : {}),
    ...(changed.has('restart') ? { restart } : {}),
  }
}

/** No engine takes a limit away again: zero stands for what holds now. A policy can end in `no`. */
function isChangeable({ path, after }: FieldChange): boolean {
  return path === 'restart' || ((path === 'memory' || path === 'cpus') && after !== undefined)
}
