/**
 * Pulling ahead of everything else: whether a registry has a newer image, nobody knows before it was asked, and what follows from a newer one
 * is for the plan that comes after.
 */
import { createDraft } from './draft.ts'
import type { Action, ImageUse, Plan } from '../step.ts'
import type { Desired, DesiredImage, RuntimeName } from '../types.ts'

export type PulledImage = Extract<DesiredImage, { readonly kind: 'pull' }>

/** The step that brings an image. */
export function pullAction({ kind, ref, platform }: PulledImage, makes: readonly ImageUse[] = []): Action {
  return { kind, ref, ...(platform === undefined ? {} : { platform }), ...(makes.length === 0 ? {} : { makes }) }
}

/** The images that each `up` asks the registry for. */
export function alwaysPulled({ images }: Pick<Desired, 'images'>): readonly PulledImage[] {
  return images.filter((image) => image.kind === 'pull').filter(({ policy }) => policy === 'always')
}

/** What an `up` begins with; no step where nothing is pulled always. */
export function planPull(
  desired: Pick<Desired, 'images' | 'stack' | 'project'>,
  runtime: { readonly name: RuntimeName; readonly containersPossible: boolean },
  selected: readonly string[],
): Plan {
  const { project, stack } = desired
  const draft = createDraft({ goal: 'up', stack, project, runtime: runtime.name, selected, keptVolumes: [] })
  for (const image of runtime.containersPossible ? alwaysPulled(desired) : [])
    draft.add(`image:${image.ref}`, pullAction(image), "`pull: 'always'`")
  return draft.finish()
}

/** The same plan, with a word on what it cannot know. */
export function warnOfPulls(plan: Plan, desired: Pick<Desired, 'images'>): Plan {
  const warnings = alwaysPulled(desired).map(({ ref }) => ({
    subject: `image:${ref}`,
    message:
      "`up` asks the registry for a newer one first (`pull: 'always'`); what follows from one is not in this plan",
  }))
  return { ...plan, warnings: [...plan.warnings, ...warnings] }
}
