/**
 * What the labels of an object say of it, whatever runtime keeps them. Pure.
 */
import { parseGenerations } from '../plan/generations.ts'
import { label } from '../plan/labels.ts'
import { parseRecord } from '../plan/spec.ts'
import type { ObservedContainer, ObservedVolume, Owner } from '../plan/types.ts'

export type Labels = Readonly<Record<string, string>>

/** Whose an object is. A label left empty by another tool does not make it ours. */
export function ownerOf(labels: Labels): Owner | undefined {
  const stack = labels[label.stack]
  const project = labels[label.project]
  if (stack === undefined || stack === '' || project === undefined || project === '') return undefined
  return { stack, project, root: labels[label.root] ?? '' }
}

/** The fields of a volume that come from its labels. */
export function labelledVolume(labels: Labels): Omit<ObservedVolume, 'name'> {
  const postgres = Number(labels[label.postgres])
  const generation = Number(labels[label.generation])
  const [service, digest] = [labels[label.job], labels[label.done]]
  const data = parseGenerations(labels[label.data])
  return {
    owner: ownerOf(labels),
    key: labels[label.volume],
    postgres: postgres > 0 ? postgres : undefined,
    ...(generation > 0 ? { generation } : {}),
    ...(service === undefined || digest === undefined
      ? {}
      : { job: { service, digest, ...(data === undefined ? {} : { data }) } }),
  }
}

/** The fields of a container that come from its labels. */
export function labelledContainer(labels: Labels): Pick<ObservedContainer, 'owner' | 'service' | 'spec'> {
  const service = labels[label.service]
  // A container inherits the labels of its image, so the owner alone does not prove that Poststack made it.
  if (service === undefined) return { owner: undefined, service: undefined, spec: undefined }
  return { owner: ownerOf(labels), service, spec: parseRecord(labels[label.spec]) }
}

/** True when every wanted label is there with its value; the engine may have added others. */
export function carriesLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}
