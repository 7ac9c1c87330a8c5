/**
 * The plans of `container build` and `container build-project`: images, and nothing that runs.
 */
import { createDraft } from './reconcile/draft.ts'
import { ownerLabels } from './names.ts'
import { staleNames } from './images.ts'
import { staleCause, warnOfBulk } from './reconcile/resource-steps.ts'
import type { Plan } from './step.ts'
import type { Desired, DesiredImage, RuntimeName, RuntimeSnapshot } from './types.ts'

type BuildImage = Extract<DesiredImage, { kind: 'build' }>

export interface BuildInput {
  readonly desired: Pick<Desired, 'stack' | 'project' | 'root'>
  readonly observed: Pick<RuntimeSnapshot, 'images'> & {
    readonly runtime: RuntimeName
    readonly containersPossible: boolean
  }
  /** What to build. */
  readonly wanted: readonly BuildImage[]
  /** What these may stand on: built only where it is missing. */
  readonly bases: readonly BuildImage[]
  /** Even when there is an image of the same inputs; the engine uses nothing of an earlier build. */
  readonly noCache: boolean
}

/** An image of the project that is there has been built from the same files; Poststack's own are always built, and the engine knows what changed. */
export function planBuild({ desired, observed, wanted, bases, noCache }: BuildInput): Plan {
  const draft = createDraft({
    goal: 'build',
    stack: desired.stack,
    project: desired.project,
    runtime: observed.runtime,
    selected: [],
    keptVolumes: [],
  })
  if (!observed.containersPossible) {
    const ways = [
      'where podman or docker is there, choose it: --runtime podman, or --runtime docker',
      'else install one of them, and run it again',
    ]
    const cause = `the ${observed.runtime} runtime builds no images`
    draft.add('image:all', { kind: 'blocked', code: 'RUNTIME_MISSING', ways }, cause)
    return draft.finish()
  }
  const isThere = (ref: string): boolean => observed.images.some((image) => image.ref === ref)
  const planned = new Map<string, number | undefined>()
  const add = (image: BuildImage, cause: string): number => {
    const needs = image.needs.map((ref) => need(ref))
    const labels = image.shipped ? {} : ownerLabels(desired)
    warnOfBulk(image, draft)
    const action = { kind: 'build', image, labels, ...(noCache ? { noCache } : {}) } as const
    return draft.add(`image:${image.ref}`, action, cause, { needs })
  }
  const need = (ref: string): number | undefined => {
    const base = bases.find((image) => image.ref === ref)
    const asked = wanted.find((image) => image.ref === ref)
    if (asked !== undefined) return want(asked)
    if (planned.has(ref) || base === undefined || isThere(ref)) return planned.get(ref)
    const step = add(base, 'not found')
    planned.set(ref, step)
    return step
  }
  const want = (image: BuildImage): number | undefined => {
    const { ref } = image
    if (planned.has(ref)) return planned.get(ref)
    planned.set(ref, undefined)
    const cause = noCache ? 'asked for, without cache' : causeOf(image, isThere(ref))
    const names = staleNames(image, wanted, observed.images)
    if (cause !== undefined) planned.set(ref, add(image, cause))
    else if (names.length > 0)
      planned.set(ref, draft.add(`image:${ref}`, { kind: 'tag', ref, names }, staleCause(names)))
    return planned.get(ref)
  }
  for (const image of wanted) want(image)
  return draft.finish()
}

function causeOf({ shipped }: BuildImage, isThere: boolean): string | undefined {
  if (shipped) return isThere ? 'asked for' : 'not found'
  return isThere ? undefined : 'no image of the present build inputs'
}
