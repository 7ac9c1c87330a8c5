/**
 * Jobs run once for what they are made of. A job that has ended well is remembered by an empty volume with the digest of its spec in a
 * label: it outlives `down` as the data does that the job has worked on, and goes with it.
 */
import { createHash } from 'node:crypto'
import { label } from './labels.ts'
import { isOurs, ownerLabels } from './names.ts'
import { selectServices } from './order.ts'
import { formatRecord, recordSpec, withoutContents } from './spec.ts'
import type { Action } from './step.ts'
import type { ContainerSpec, Desired, DesiredService, ObservedVolume, RecordedSpec, RuntimeSnapshot } from './types.ts'

/** Equal for equal specs, secrets by their keyed digests. */
export function specDigest(spec: ContainerSpec, digests: Desired['digests']): string {
  return recordDigest(recordSpec(spec, digests))
}

export function recordDigest(record: RecordedSpec): string {
  return createHash('sha256').update(formatRecord(record)).digest('hex')
}

export interface JobMemory {
  /** It has ended well with this spec, on the data that is there now. */
  readonly isDone: boolean
  /** Why one that was done has to be done again; nothing when it never was. */
  readonly again: string | undefined
  /** What remembers it, when that must be written: not there yet, or beside others that are out of date. */
  readonly remember: Extract<Action, { kind: 'remember' }> | undefined
}

/** What is remembered of a job. Only services that are jobs may be asked for. */
export function jobMemory(
  service: DesiredService,
  desired: Desired,
  { volumes }: Pick<RuntimeSnapshot, 'volumes'>,
): JobMemory {
  const spec = service.container?.spec
  const digest = spec === undefined ? '' : specDigest(spec, desired.digests)
  // The newest first: a run that was cut may have left an older one of the same digest, whose time does not count any more.
  const memories = volumes
    .filter(({ job, owner }) => isOurs(owner, desired) && job?.service === service.name)
    .toSorted((a, b) => (b.createdMs ?? 0) - (a.createdMs ?? 0))
  const exact = memories.find(({ job }) => job?.digest === digest)
  const memory = exact ?? ofBefore(memories, spec, desired)
  const lost = memory === undefined ? undefined : lostData(service, desired, { volumes, since: memory })
  return {
    isDone: memory !== undefined && lost === undefined,
    again: lost ?? (memory === undefined && memories.length > 0 ? 'it changed since it was done' : undefined),
    remember:
      memories.length === 1 && exact !== undefined && lost === undefined
        ? undefined
        : rememberAction({ service, digest, memories, kept: lost === undefined ? exact : undefined }, desired),
  }
}

/** A memory from before what mounted files hold was part of it; it is written anew, and counts for nothing from then on. */
function ofBefore(
  memories: readonly ObservedVolume[],
  spec: ContainerSpec | undefined,
  { digests }: Desired,
): ObservedVolume | undefined {
  if (spec === undefined) return undefined
  const digest = specDigest(withoutContents(spec), digests)
  return memories.find(({ job }) => job?.digest === digest)
}

interface Remembering {
  readonly service: DesiredService
  readonly digest: string
  readonly memories: readonly ObservedVolume[]
  /** The one that is right. The time of any other one does not count: a new one needs a name of its own. */
  readonly kept: ObservedVolume | undefined
}

function rememberAction(
  { service, digest, memories, kept }: Remembering,
  desired: Desired,
): NonNullable<JobMemory['remember']> {
  const taken = memories.map((memory) => memory.name)
  let content = digest
  while (taken.includes(nameOf(service, desired, content))) content += ' again'
  const name = kept?.name ?? nameOf(service, desired, content)
  const labels = { ...ownerLabels(desired), [label.job]: service.name, [label.done]: digest }
  const outdated = taken.filter((other) => other !== name)
  return { kind: 'remember', name, labels, outdated }
}

/** Two checkouts of one stack have names of their own. */
function nameOf(service: DesiredService, { project, stack }: Desired, content: string): string {
  const suffix = createHash('sha256').update(`${project}\0${content}`).digest('hex').slice(0, 12)
  return `${stack}-${service.name}-done-${suffix}`
}

interface Since {
  readonly volumes: readonly ObservedVolume[]
  readonly since: ObservedVolume
}

/** The data that the job has worked on, its own or that of what it waits for, may have been deleted since. */
function lostData(service: DesiredService, desired: Desired, { volumes, since }: Since): string | undefined {
  for (const { container, name } of selectServices(desired.services, [service.name])) {
    for (const mount of container?.spec.mounts ?? []) {
      if (mount.kind !== 'volume') continue
      const data = volumes.find(({ key, owner }) => key === mount.volume && isOurs(owner, desired))
      const whose = name === service.name ? 'its data' : `the data of ${name}`
      if (data === undefined) return `${whose} is gone since it was done`
      if ((data.createdMs ?? 0) > (since.createdMs ?? Number.MAX_SAFE_INTEGER))
        return `${whose} is new since it was done`
    }
  }
  return undefined
}
