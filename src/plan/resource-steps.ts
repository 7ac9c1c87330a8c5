/**
 * Steps for what containers stand on: images, the network, volumes. Each is planned once, when the first container asks for it.
 */
import type { Draft } from './draft.ts'
import { label } from './labels.ts'
import { chooseName, isOurs, ownerLabels, volumeNames } from './names.ts'
import type { Desired, DesiredImage, Observed } from './types.ts'

export interface Resources {
  /** The step that brings the image, or nothing when it is there. */
  image(ref: string): number | undefined
  /** The step that makes the network, or nothing when it is there or none is needed. */
  network(): number | undefined
  /** The step that makes the volume, or nothing when it is there. */
  volume(key: string): number | undefined
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
    if (!planned.has(key)) planned.set(key, plan())
    return planned.get(key)
  }
  const names = volumeNames(desired, observed)
  const network = observed.containersPossible ? networkName(desired, observed) : { name: undefined, missing: false }
  const image = (ref: string): number | undefined => once(`image:${ref}`, () => planImage(ref, image, context))
  const isVolumeMissing = (key: string): boolean =>
    !observed.volumes.some((volume) => volume.key === key && isOurs(volume.owner, desired))

  return {
    image,
    network: () => (network.missing ? once('network', () => planNetwork(network.name, context)) : undefined),
    volume: (key) =>
      isVolumeMissing(key) ? once(`volume:${key}`, () => planVolume(key, names[key] ?? key, context)) : undefined,
    networkName: network.name,
    networkMissing: network.missing,
    volumeNames: names,
    isVolumeMissing,
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
  if (!observed.containersPossible || wanted === undefined || observed.images.some((present) => present.ref === ref))
    return undefined
  if (wanted.kind === 'pull') return draft.add(`image:${ref}`, { kind: 'pull', ref }, 'not found')
  const needs = wanted.needs.map((needed) => image(needed))
  return draft.add(
    `image:${ref}`,
    { kind: 'build', image: wanted },
    wanted.shipped ? 'not found' : 'no image of the present build inputs',
    { needs },
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

function planNetwork(name: string | undefined, { desired, observed, draft }: Context): number | undefined {
  if (name === undefined || desired.network === undefined) return undefined
  const subject = `network:${name}`
  const choice = chooseName(desired.network, observed.networks, desired, false)
  if (choice.free)
    return draft.add(subject, { kind: 'create-network', name, labels: ownerLabels(desired) }, 'not found')
  const ways = [`remove the network ${name} if nothing needs it`, 'give this stack another `name` in its config']
  return draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, `the name is taken by ${choice.holder}`)
}

function planVolume(key: string, name: string, { desired, observed, draft }: Context): number | undefined {
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
  if (choice.free)
    return draft.add(
      subject,
      { kind: 'create-volume', name, labels: { ...ownerLabels(desired), [label.volume]: key, ...version } },
      'not found',
    )
  const ways = [
    `rename or remove the volume ${name} if nothing needs its data`,
    'give this stack another `name` in its config',
  ]
  return draft.add(subject, { kind: 'blocked', code: 'NAME_TAKEN', ways }, `the name is taken by ${choice.holder}`)
}
