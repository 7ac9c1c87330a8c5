/**
 * Names in the engine. Ours are found by label; a name is only what a new object gets, so when another checkout of the same
 * stack has it, the object gets a second name instead, and both checkouts run side by side.
 */
import { createHash } from 'node:crypto'
import { label } from './labels.ts'
import type {
  ContainerSpec,
  Desired,
  DesiredService,
  ObservedContainer,
  ObservedNetwork,
  ObservedVolume,
  Owner,
  RuntimeSnapshot,
} from './types.ts'

/** What a name leads to: use it, or it is taken by something that is not ours to touch. */
export type NameChoice =
  | { readonly free: true; readonly name: string }
  | { readonly free: false; readonly holder: string }

const replacedSuffix = '-replaced'

/** Name of the old container while the new one is on its way. */
export function replacedName(name: string): string {
  return `${name}${replacedSuffix}`
}

export function isReplacedName(name: string): boolean {
  return name.endsWith(replacedSuffix)
}

/** The name that it had. */
export function nameBefore(replaced: string): string {
  return replaced.slice(0, -replacedSuffix.length)
}

/** The name an object gets when another checkout of the same stack has the preferred one. */
function secondName(name: string, project: string): string {
  return `${name}-${project.slice(0, 6)}`
}

/** Identifies a checkout by its real path. */
export function projectId(root: string): string {
  return createHash('sha256').update(root).digest('hex').slice(0, 12)
}

/** True for objects made by this stack in this checkout. */
export function isOurs(owner: Owner | undefined, stack: { readonly stack: string; readonly project: string }): boolean {
  return owner?.stack === stack.stack && owner.project === stack.project
}

/** Labels that make an object ours. */
export function ownerLabels(desired: Pick<Desired, 'stack' | 'project' | 'root'>): Readonly<Record<string, string>> {
  return { [label.stack]: desired.stack, [label.project]: desired.project, [label.root]: desired.root }
}

/** Chooses a name for a new object; `fixed` names were declared, so no second one will do. */
export function chooseName(
  preferred: string,
  objects: readonly (ObservedContainer | ObservedVolume | ObservedNetwork)[],
  desired: Pick<Desired, 'stack' | 'project'>,
  fixed: boolean,
): NameChoice {
  const holder = objects.find((object) => object.name === preferred && !isOurs(object.owner, desired))
  if (holder === undefined) return { free: true, name: preferred }
  if (holder.owner === undefined) return { free: false, holder: 'something that Poststack did not make' }
  if (fixed) return { free: false, holder: `stack ${holder.owner.stack} in ${holder.owner.root}` }
  const second = secondName(preferred, desired.project)
  const other = objects.find((object) => object.name === second && !isOurs(object.owner, desired))
  return other === undefined
    ? { free: true, name: second }
    : { free: false, holder: `stack ${holder.owner.stack} in ${holder.owner.root}` }
}

/** Every name that a container of this service may have. */
export function containerNames(
  { container }: Pick<DesiredService, 'container'>,
  { project }: Pick<Desired, 'project'>,
): readonly string[] {
  if (container === undefined) return []
  const names = [container.name, secondName(container.name, project)]
  return [...names, ...names.map(replacedName)]
}

/** Every name that a plan for this stack may want: what an observation has to look at besides our own objects. */
export function wantedNames(desired: Desired): {
  readonly containerNames: readonly string[]
  readonly volumeNames: readonly string[]
  readonly networkNames: readonly string[]
} {
  const both = (name: string): readonly string[] => [name, secondName(name, desired.project)]
  return {
    containerNames: desired.services.flatMap((service) => containerNames(service, desired)),
    volumeNames: desired.volumes.flatMap(({ name }) => both(name)),
    networkNames: desired.network === undefined ? [] : both(desired.network),
  }
}

/** The engine's name of each volume: where ours already is, else where it will be made. */
export function volumeNames(desired: Desired, snapshot: RuntimeSnapshot): Readonly<Record<string, string>> {
  return Object.fromEntries(
    desired.volumes.map((volume) => {
      const existing = snapshot.volumes.find(
        (observed) => isOurs(observed.owner, desired) && observed.key === volume.key,
      )
      if (existing !== undefined) return [volume.key, existing.name]
      const choice = chooseName(volume.name, snapshot.volumes, desired, false)
      return [volume.key, choice.free ? choice.name : volume.name]
    }),
  )
}

/** Keys of the volumes that are mounted. */
export function volumesOf(mounts: ContainerSpec['mounts']): readonly string[] {
  return (mounts ?? []).flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : []))
}

export function isVolumeMissing(
  key: string,
  volumes: readonly ObservedVolume[],
  desired: Pick<Desired, 'stack' | 'project'>,
): boolean {
  return !volumes.some((volume) => volume.key === key && isOurs(volume.owner, desired))
}
