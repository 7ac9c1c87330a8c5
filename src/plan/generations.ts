/**
 * Which data something was done on. Data that are made while anything is remembered of the stack get a number that no memory knows, so they are never
 * taken for those of before. No times: Docker's of a volume is that of the last change at its root, and clocks go back.
 */
import { isOurs } from './names.ts'
import type { Desired, ObservedVolume } from './types.ts'

/** By key of the volume. One that is not named has the first, 0, as have those that were made before there were numbers. */
export type Generations = Readonly<Record<string, number>>

type Owned = Pick<Desired, 'stack' | 'project'>

/** Of a volume that is there, or else of the one that would be made. */
export function generationOf(key: string, volumes: readonly ObservedVolume[], desired: Owned): number {
  const ours = volumes.filter(({ owner }) => isOurs(owner, desired))
  const there = ours.find((volume) => volume.key === key)
  if (there !== undefined) return there.generation ?? 0
  const memories = ours.flatMap(({ job }) => (job === undefined ? [] : [job.data?.[key] ?? 0]))
  return memories.length === 0 ? 0 : Math.max(...memories) + 1
}

/** As they are once everything declared is there. */
export function allGenerations(
  volumes: readonly ObservedVolume[],
  desired: Owned & Pick<Desired, 'volumes'>,
): Generations {
  const all = desired.volumes.map(({ key }) => [key, generationOf(key, volumes, desired)] as const)
  return Object.fromEntries(all.filter(([, generation]) => generation > 0))
}

/** As a label; nothing where all data are the first. */
export function formatGenerations(generations: Generations): string | undefined {
  const entries = Object.entries(generations).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries))
}

export function parseGenerations(text: string | undefined): Generations | undefined {
  if (text === undefined) return undefined
  try {
    const entries = Object.entries(JSON.parse(text) as object)
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])))
  } catch {
    return undefined
  }
}
