/**
 * Steps for what containers stand on: images, the network, volumes. Each is planned once, when the first container asks for it.
 */
import type { Draft } from './draft.ts'
import { generationOf } from '../generations.ts'
import { label } from '../labels.ts'
import { isForPlatform, isOfOtherVersion, staleNames } from '../images.ts'
import { chooseName, isOurs, isVolumeMissing, ownerLabels, volumeNames, volumesOf } from '../names.ts'
import { pullAction, type PulledImage } from './pull.ts'
import { waysInConfig } from '../refusal.ts'
import type { Action, ImageUse } from '../step.ts'
import type { Desired, DesiredImage, Observed } from '../types.ts'

export interface Resources {
  /** The step that brings the image, or nothing when it is there. */
  image(ref: string): number | undefined
  /** The step that makes the network, or nothing when it is there or none is needed. */
  network(): number | undefined
  /**
   * The step that makes the volume, or nothing when it is there. It waits for the image of the container that asks: a volume carries the
   * version that it was made for, so none must be left behind by a version that could not be had.
   */
  volume(key: string, image: number | undefined): number | undefined
  readonly networkName: string | undefined
  readonly networkMissing: boolean
  /** Engine's name of every volume. */
  readonly volumeNames: Readonly<Record<string, string>>
  isVolumeMissing(key: string): boolean
  /** Plans the images that are built but not run. */
  requireProjectImages(): void
}

interface Context {
  readonly desired: Desired
  readonly observed: Observed
  readonly draft: Draft
}

export function createResources(context: Context): Resources {
  const { desired, observed } = context
  const planned = new Map<string, number | undefined>()
  const once = (key: string, plan: () => number | undefined): number | undefined => {
    if (planned.has(key)) return planned.get(key)
    // Images that are built from each other, which only the engine can refuse, must not go round here.
    planned.set(key, undefined)
    const step = plan()
    planned.set(key, step)
    return step
  }
  const names = volumeNames(desired, observed)
  const network = observed.containersPossible ? networkName(desired, observed) : { name: undefined, missing: false }
  const image = (ref: string): number | undefined => once(`image:${ref}`, () => planImage(ref, image, context))
  const isMissing = (key: string): boolean => isVolumeMissing(key, observed.volumes, desired)

  return {
    image,
    network: () => (network.missing ? once('network', () => planNetwork(network.name, context)) : undefined),
    volume: (key, needed) =>
      isMissing(key)
        ? once(`volume:${key}`, () => planVolume({ key, name: names[key] ?? key, needed }, context))
        : undefined,
    networkName: network.name,
    networkMissing: network.missing,
    volumeNames: names,
    isVolumeMissing: isMissing,
    requireProjectImages() {
      if (!observed.containersPossible) return
      const run = new Set(desired.services.map(({ container }) => container?.spec.image))
      for (const wanted of desired.images) {
        if (wanted.kind === 'build' && !wanted.shipped && !run.has(wanted.ref)) image(wanted.ref)
      }
    },
  }
}

function planImage(ref: string, image: Resources['image'], { desired, observed, draft }: Context): number | undefined {
  const wanted: DesiredImage | undefined = desired.images.find((candidate) => candidate.ref === ref)
  if (!observed.containersPossible || wanted === undefined) return undefined
  const cause = whyNotThere(wanted, observed)
  if (cause === undefined) return planTag(wanted, { desired, observed, draft })
  if (wanted.kind === 'pull') {
    const action =
      wanted.policy === 'never'
        ? imageMissing(wanted, observed)
        : pullAction(wanted, makers(ref, { desired, observed }))
    return draft.add(`image:${ref}`, action, cause)
  }
  const needs = wanted.needs.map((needed) => image(needed))
  warnOfBulk(wanted, draft)
  return draft.add(
    `image:${ref}`,
    { kind: 'build', image: wanted, labels: wanted.shipped ? {} : ownerLabels(desired) },
    wanted.shipped ? 'not found' : 'no image of the present build inputs',
    { needs },
  )
}

/** The services that would make new data with an image. A volume says for good which version it was made for. */
function makers(ref: string, { desired, observed }: Pick<Context, 'desired' | 'observed'>): readonly ImageUse[] {
  return desired.services.flatMap(({ container, name }) => {
    const { image, mounts, postgres } = container?.spec ?? {}
    const [data] = volumesOf(mounts)
    if (image !== ref || postgres === undefined || data === undefined) return []
    return isVolumeMissing(data, observed.volumes, desired) ? [{ service: name, version: postgres.version }] : []
  })
}

/** It is there, and a name of it has stayed with an image of other files. */
function planTag(wanted: DesiredImage, { desired, observed, draft }: Context): number | undefined {
  const names = staleNames(wanted, desired.images, observed.images)
  if (names.length === 0) return undefined
  return draft.add(`image:${wanted.ref}`, { kind: 'tag', ref: wanted.ref, names }, staleCause(names))
}

export function staleCause(names: readonly string[]): string {
  return `${names.join(' and ')} is an image of other files`
}

function whyNotThere(wanted: DesiredImage, { images }: Observed): string | undefined {
  const present = images.find(({ ref }) => ref === wanted.ref)
  if (present === undefined) return wanted.kind === 'pull' && wanted.policy === 'never' ? notHere : 'not found'
  if (wanted.kind === 'build' || wanted.platform === undefined || present.platform === undefined) return undefined
  if (isForPlatform(present.platform, wanted.platform)) return undefined
  return `it is there for ${present.platform}, and wanted for ${wanted.platform}`
}

/** Told and left alone: a new version of Poststack makes nothing anew by itself. */
export function warnOfOtherVersions({ desired, observed, draft }: Context): void {
  for (const wanted of desired.images) {
    const present = observed.images.find(({ ref }) => ref === wanted.ref)
    if (wanted.kind !== 'build' || present === undefined || !isOfOtherVersion(wanted, present)) continue
    const message =
      'another version of Poststack has built it. To have that of this one: poststack container build; a container takes it when it is made anew'
    draft.warn(`image:${wanted.ref}`, message)
  }
}

const notHere = "not found, and `pull: 'never'` forbids pulling it"

function imageMissing({ ref, platform }: PulledImage, { runtime }: Observed): Action {
  const forPlatform = platform === undefined ? '' : ` --platform ${platform}`
  const ways = [
    `bring it here: ${runtime} pull${forPlatform} ${ref}, or ${runtime} load -i FILE`,
    'or leave `pull` out of the config, and it is pulled',
  ]
  return { kind: 'blocked', code: 'IMAGE_MISSING', ways }
}

/** Reading and sending it takes time at every change, and it seldom belongs into an image. */
export function warnOfBulk({ bulk, ref }: Extract<DesiredImage, { kind: 'build' }>, draft: Draft): void {
  if (bulk === undefined) return
  const megabytes = String(Math.ceil(bulk.bytes / 1024 / 1024))
  draft.warn(
    `image:${ref}`,
    `all ${String(bulk.files)} files (${megabytes} MB) of its build context are copied, most of that ${bulk.most}, and there is no .dockerignore: name in one what the image does not need`,
  )
}

function networkName(
  desired: Desired,
  observed: Observed,
): { readonly name: string | undefined; readonly missing: boolean } {
  if (desired.network === undefined) return { name: undefined, missing: false }
  const ours = observed.networks.find(({ owner }) => isOurs(owner, desired))
  if (ours !== undefined) return { name: ours.name, missing: false }
  const choice = chooseName(desired.network, observed.networks, desired, false)
  return { name: choice.free ? choice.name : desired.network, missing: true }
}

const otherName = 'give this stack another `name`'

function planNetwork(name: string | undefined, { desired, observed, draft }: Context): number | undefined {
  if (name === undefined || desired.network === undefined) return undefined
  const subject = `network:${name}`
  const choice = chooseName(desired.network, observed.networks, desired, false)
  if (choice.free)
    return draft.add(subject, { kind: 'create-network', name, labels: ownerLabels(desired) }, 'not found')
  const ways = [`remove the network ${name} if nothing needs it`, ...waysInConfig(otherName, desired)]
  return draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, `the name is taken by ${choice.holder}`)
}

interface Volume {
  readonly key: string
  readonly name: string
  readonly needed: number | undefined
}

function planVolume({ key, name, needed }: Volume, { desired, observed, draft }: Context): number | undefined {
  const wanted = desired.volumes.find((volume) => volume.key === key)
  if (wanted === undefined) return undefined
  const subject = `volume:${name}`
  const choice = chooseName(wanted.name, observed.volumes, desired, false)
  // Whoever moved the project would otherwise find an empty database, and not know where the old one is.
  const other = observed.volumes.find((volume) => volume.name === wanted.name && volume.name !== name)
  if (choice.free && other?.owner !== undefined) {
    const made = `the volume ${wanted.name} was made by this stack in ${other.owner.root}`
    draft.warn(
      subject,
      `${made}; here it gets a new and empty one, ${name}. To go on with the old data, work in that folder`,
    )
  }
  const version = wanted.postgres === undefined ? {} : { [label.postgres]: String(wanted.postgres) }
  const number = generationOf(key, observed.volumes, desired)
  const generation = number === 0 ? {} : { [label.generation]: String(number) }
  const labels = { ...ownerLabels(desired), [label.volume]: key, ...version, ...generation }
  if (choice.free) return draft.add(subject, { kind: 'create-volume', name, labels }, 'not found', { needs: [needed] })
  const ways = [`rename or remove the volume ${name} if nothing needs its data`, ...waysInConfig(otherName, desired)]
  return draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, `the name is taken by ${choice.holder}`)
}
