/**
 * The plan of `container clean`: what of this stack is left over and not needed by anything that is declared or runs.
 */
import { isRecord } from '../config/is-record.ts'
import { createDraft, type Draft } from './reconcile/draft.ts'
import { isOurs } from './names.ts'
import { isRunning } from './current.ts'
import type { Plan } from './step.ts'
import type { Desired, ObservedContainer, RuntimeName, RuntimeSnapshot } from './types.ts'

/** An image that carries the stack's labels. */
export interface BuiltImage {
  readonly id: string
  /** Its names, sorted; an image without any is one that a later build has taken the name of. */
  readonly refs: readonly string[]
  /** Ids of containers that were made from it, whoever made them. */
  readonly usedBy: readonly string[]
}

export interface CleanInput {
  readonly desired: Desired
  readonly observed: RuntimeSnapshot & { readonly runtime: RuntimeName }
  readonly images: readonly BuiltImage[]
  /** Delete the data that no container uses any more, too. */
  readonly volumes: boolean
}

/** An empty plan means: nothing is left over. */
export function planClean({ desired, observed, images, volumes }: CleanInput): Plan {
  const ours = observed.containers.filter(({ owner }) => isOurs(owner, desired))
  const leaving = ours.filter((container) => !isRunning(container) && !isFinishedJob(container, desired))
  const staying = ours.filter((container) => !leaving.includes(container))
  const kept = new Set(staying.flatMap(mountedVolumes))
  // What remembers a job or a hook is no data: without it that would run again, on the data that stay. Where those go, it counts for nothing.
  const data = observed.volumes.filter(({ job, owner }) => isOurs(owner, desired) && job === undefined)
  const unused = data.filter(({ key }) => !kept.has(key ?? ''))
  const draft = createDraft({
    goal: 'clean',
    stack: desired.stack,
    project: desired.project,
    runtime: observed.runtime,
    selected: [],
    keptVolumes: volumes ? [] : unused.map(({ name }) => name).toSorted(),
  })
  const removed = new Map(leaving.map((container) => [container.id, removeContainer(container, draft)]))
  if (staying.length === 0) removeNetworks({ desired, observed, draft, needs: [...removed.values()] })
  removeImages({ desired, images, draft, removed })
  for (const { name } of volumes ? unused : []) {
    const action = { kind: 'remove-volume', target: { name } } as const
    draft.add(`volume:${name}`, action, 'no container uses it', { needs: [...removed.values()], risk: 'data-loss' })
  }
  return draft.finish()
}

/** It is no leftover: it shows that the job has done its work, and what it said. */
function isFinishedJob({ exitCode, service, state }: ObservedContainer, { services }: Desired): boolean {
  const declared = services.find(({ name }) => name === service)
  return declared?.probe.kind === 'completed' && state === 'exited' && exitCode === 0
}

function mountedVolumes({ spec }: ObservedContainer): readonly string[] {
  const mounts = spec?.['mounts']
  if (!Array.isArray(mounts)) return []
  return mounts.flatMap((mount: unknown) =>
    isRecord(mount) && typeof mount['volume'] === 'string' ? [mount['volume']] : [],
  )
}

function removeContainer({ id, name, service = name, state }: ObservedContainer, draft: Draft): number {
  const cause = state === 'created' ? 'it was never started' : 'it is stopped'
  return draft.add(`service:${service}`, { kind: 'remove', target: { name, id } }, cause)
}

interface Removing {
  readonly desired: Desired
  readonly draft: Draft
}

function removeNetworks({
  desired,
  observed,
  draft,
  needs,
}: Removing & { readonly observed: RuntimeSnapshot; readonly needs: readonly number[] }): void {
  for (const { id, name, owner } of observed.networks) {
    if (!isOurs(owner, desired)) continue
    draft.add(`network:${name}`, { kind: 'remove-network', target: { name, id } }, 'no container is on it', { needs })
  }
}

function removeImages({
  desired,
  images,
  draft,
  removed,
}: Removing & { readonly images: readonly BuiltImage[]; readonly removed: ReadonlyMap<string, number> }): void {
  const wanted = new Set(
    desired.images.flatMap((image) => (image.kind === 'build' ? [image.ref, ...image.aliases] : [image.ref])),
  )
  for (const { id, refs, usedBy } of images) {
    if (!usedBy.every((user) => removed.has(user))) continue
    const needs = usedBy.map((user) => removed.get(user))
    if (refs.length === 0) {
      const name = id.slice(0, 12)
      draft.add(`image:${name}`, { kind: 'remove-image', target: { name, id } }, 'it has no name any more', { needs })
    }
    for (const name of refs.filter((ref) => !wanted.has(ref)))
      draft.add(`image:${name}`, { kind: 'remove-image', target: { name } }, 'built from older files', { needs })
  }
}
