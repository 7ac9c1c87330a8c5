/**
 * The images of the runtime in memory.
 */
import { PoststackError } from '../../src/errors.ts'
import type { BuiltImage } from '../../src/plan/clean.ts'
import { label } from '../../src/plan/labels.ts'
import type { BuildRequest, ImageOwner } from '../../src/runtime/runtime.ts'
import type { MemoryWorld } from './memory-world.ts'

export function build(world: MemoryWorld, request: BuildRequest, onLine: (line: string) => void): void {
  onLine(`built ${request.ref}`)
  const fingerprint = request.labels[label.fingerprint] ?? ''
  const image = { id: `image:${request.ref}:${fingerprint}`, labels: { ...request.labels } }
  for (const ref of [request.ref, ...request.aliases]) world.images.set(ref, image)
}

export function tag(world: MemoryWorld, ref: string, names: readonly string[]): void {
  const image = world.images.get(ref)
  if (image === undefined) throw new PoststackError('ENGINE_REFUSED', `There is no image ${ref}.`)
  for (const name of names) world.images.set(name, image)
}

export function builtFor(world: MemoryWorld, { stack, project }: ImageOwner): readonly BuiltImage[] {
  const mine = [...world.images].filter(
    ([, { labels }]) => labels[label.stack] === stack && labels[label.project] === project,
  )
  const ids = [...new Set(mine.map(([, { id }]) => id))].toSorted()
  const users = [...world.containers.values()]
  return ids.map((id) => ({
    id,
    refs: mine.flatMap(([ref, image]) => (image.id === id ? [ref] : [])).toSorted(),
    usedBy: users.filter(({ imageId }) => imageId === id).map((user) => user.id),
  }))
}

export function removeImage(world: MemoryWorld, ref: string): void {
  const id = world.images.get(ref)?.id
  const user = [...world.containers.values()].find(({ imageId }) => imageId === id)
  if (id !== undefined && user !== undefined)
    throw new PoststackError('ENGINE_REFUSED', `Image ${ref} is used by ${user.name}.`)
  world.images.delete(ref)
}
