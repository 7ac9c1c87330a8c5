/**
 * Images that were built for a stack: found by their labels, removed one name at a time and never by force.
 */
import type { BuiltImage } from '../../plan/clean.ts'
import { label } from '../../plan/labels.ts'
import type { Target } from '../../plan/types.ts'
import { read, readList, whilePassing } from './calls.ts'
import { refusal } from './refusals.ts'
import type { Engine } from './engine-connect.ts'
import { parseJson } from './engine-http.ts'
import type { EngineAnswer } from './engine-http.ts'
import { engineImageName, parseImageName } from './image-names.ts'
import { asRecord, asText, labelsOf } from './inspect.ts'
import type { ImageOwner } from '../runtime.ts'

export async function builtImages(
  engine: Engine,
  { stack, project }: ImageOwner,
  signal: AbortSignal,
): Promise<readonly BuiltImage[]> {
  // Podman finds nothing when it is given two labels.
  const filters = { label: [`${label.project}=${project}`] }
  const [images, containers] = await Promise.all([
    list(engine, `/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}`, signal),
    list(engine, '/containers/json?all=1', signal),
  ])
  const users = containers.map((entry) => ({ id: asText(entry['Id']), image: bare(entry['ImageID']) }))
  return images
    .filter((entry) => labelsOf(entry['Labels'])[label.stack] === stack)
    .map((entry): BuiltImage => {
      const id = bare(entry['Id'])
      const refs = Array.isArray(entry['RepoTags']) ? entry['RepoTags'].map(asText) : []
      return {
        id,
        refs: refs
          .filter((ref) => !ref.includes('<none>'))
          .map((ref) => ref.replace(/^localhost\//, ''))
          .toSorted(),
        usedBy: users.filter(({ image }) => image === id).map((user) => user.id),
      }
    })
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
}

interface Tagging {
  readonly ref: string
  readonly names: readonly string[]
  readonly signal: AbortSignal
}

export async function tagImage(engine: Engine, { ref, names, signal }: Tagging): Promise<void> {
  const key = encodeURIComponent(engineImageName(ref, engine.flavour))
  for (const name of names) {
    const { repository, tag = 'latest' } = parseImageName(engineImageName(name, engine.flavour))
    const path = `/images/${key}/tag?repo=${encodeURIComponent(repository)}&tag=${encodeURIComponent(tag)}`
    const answer = await engine.client.send({ method: 'POST', path, signal })
    if (answer.status >= 300) throw refusal(`Image ${ref} was not named ${name}`, answer)
  }
}

const removals = new WeakMap<Engine, Promise<void>>()

/**
 * Engines refuse to remove an image that a container uses, or that has another name, by its id. Podman leaves what the image was built
 * upon, step by step, as images without a name: those that nothing else stands on go with it. One image after the other there, for two
 * that stand on the same steps, removed at once, leave each other's.
 */
export function removeImage(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  if (engine.flavour !== 'podman') return removeAlone(engine, target, signal)
  const before = removals.get(engine) ?? Promise.resolve()
  const removal = before.then(() => removeAlone(engine, target, signal))
  removals.set(
    engine,
    removal.catch(() => undefined),
  )
  return removal
}

async function removeAlone(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  const key = target.id ?? encodeURIComponent(engineImageName(target.name, engine.flavour))
  const remove = (image: string): Promise<EngineAnswer> =>
    whilePassing(signal, () => engine.client.send({ method: 'DELETE', path: `/images/${image}`, signal }))
  // Looked up first: what is gone does not say any more what it stood on.
  const steps = engine.flavour === 'podman' ? await stepsBelow(engine, key, signal) : []
  const answer = await remove(key)
  if (answer.status >= 300 && answer.status !== 404) throw refusal(`Image ${target.name} was not removed`, answer)
  for (const step of steps) {
    const { status } = await remove(step)
    if (status >= 300 && status !== 404) return
  }
}

/** What an image was built upon, from the top: ids of images of the same project without a name. */
async function stepsBelow(engine: Engine, key: string, signal: AbortSignal): Promise<readonly string[]> {
  const steps: string[] = []
  const top = await inspectStep(engine, key, signal)
  for (let step = top; step !== undefined && step.parent !== '';) {
    const below = await inspectStep(engine, step.parent, signal)
    if (below === undefined || below.named || below.project !== top?.project) break
    steps.push(step.parent)
    step = below
  }
  return steps
}

interface BuildStep {
  readonly parent: string
  readonly named: boolean
  /** Whose it is, by its label. */
  readonly project: string | undefined
}

async function inspectStep(engine: Engine, key: string, signal: AbortSignal): Promise<BuildStep | undefined> {
  const answer = await read(engine, `/images/${key}/json`, signal)
  if (answer.status !== 200) return undefined
  const image = asRecord(parseJson(answer))
  const tags = image['RepoTags']
  return {
    parent: typeof image['Parent'] === 'string' ? bare(image['Parent']) : '',
    named: Array.isArray(tags) && tags.length > 0,
    project: labelsOf(asRecord(image['Config'] ?? {})['Labels'])[label.project],
  }
}

async function list(
  engine: Engine,
  path: string,
  signal: AbortSignal,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const value = await readList(engine, path, signal)
  return Array.isArray(value) ? value.map(asRecord) : []
}

/** Engines disagree on whether the algorithm stands in front. */
function bare(id: unknown): string {
  return asText(id).replace(/^sha256:/, '')
}
