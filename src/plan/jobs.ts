/**
 * Jobs run once for what they are made of. A job that has ended well is remembered by an empty volume with the digest of its spec in a
 * label: it outlives `down` as the data does that the job has worked on, and goes with it.
 */
import { createHash } from 'node:crypto'
import { allGenerations, formatGenerations, generationOf, type Generations } from './generations.ts'
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
  const memories = volumes.filter(({ job, owner }) => isOurs(owner, desired) && job?.service === service.name)
  const ofDigest = (wanted: string) => memories.filter(({ job }) => job?.digest === wanted)
  const lostSince = (since: ObservedVolume) => lostData(service, desired, { volumes, since })
  // A run that was cut may have left one of the same digest about data of before.
  const newest = (some: readonly ObservedVolume[]) => some.find((one) => lostSince(one) === undefined) ?? some[0]
  const exact = newest(ofDigest(digest))
  const memory = exact ?? newest(ofBefore(spec, ofDigest, desired))
  const lost = memory === undefined ? undefined : lostSince(memory)
  return {
    isDone: memory !== undefined && lost === undefined,
    again: lost ?? (memory === undefined && memories.length > 0 ? 'it changed since it was done' : undefined),
    remember:
      memories.length === 1 && exact !== undefined && lost === undefined
        ? undefined
        : rememberAction({ service, digest, memories, volumes, kept: lost === undefined ? exact : undefined }, desired),
  }
}

/** A memory from before what mounted files hold was part of it; it is written anew, and counts for nothing from then on. */
function ofBefore(
  spec: ContainerSpec | undefined,
  ofDigest: (digest: string) => readonly ObservedVolume[],
  { digests }: Desired,
): readonly ObservedVolume[] {
  return spec === undefined ? [] : ofDigest(specDigest(withoutContents(spec), digests))
}

interface Remembering {
  readonly service: DesiredService
  readonly digest: string
  readonly memories: readonly ObservedVolume[]
  readonly volumes: readonly ObservedVolume[]
  /** The one that is right. A new one needs a name of its own: of the others some may be about other data. */
  readonly kept: ObservedVolume | undefined
}

function rememberAction(
  { service, digest, memories, volumes, kept }: Remembering,
  desired: Desired,
): NonNullable<JobMemory['remember']> {
  const taken = memories.map((memory) => memory.name)
  let content = digest
  while (taken.includes(nameOf(service, desired, content))) content += ' again'
  const name = kept?.name ?? nameOf(service, desired, content)
  const data = kept === undefined ? allGenerations(volumes, desired) : (kept.job?.data ?? {})
  const labels = { ...ownerLabels(desired), [label.job]: service.name, [label.done]: digest, ...dataLabel(data) }
  const outdated = taken.filter((other) => other !== name)
  return { kind: 'remember', name, labels, outdated }
}

function dataLabel(generations: Generations): Readonly<Record<string, string>> {
  const text = formatGenerations(generations)
  return text === undefined ? {} : { [label.data]: text }
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
      if (generationOf(mount.volume, volumes, desired) !== (since.job?.data?.[mount.volume] ?? 0))
        return `${whose} is new since it was done`
    }
  }
  return undefined
}
