/**
 * Reads what the declared state depends on besides the config: migration folders, build inputs, secrets.
 */
import { join } from 'node:path'

import { ownPackage } from '../config/load/own-package.ts'
import { openSecrets, type Secrets } from '../config/secrets.ts'
import { stateFolder } from '../config/state-folder.ts'
import { compareText } from '../config/text-order.ts'
import type { ParsedConfig } from '../config/parse/parse.ts'
import type { Config, HookEvent } from '../config/types.ts'
import { isPoststackError, PoststackError } from '../errors.ts'
import { readMigrations } from '../migrations/files/read.ts'
import { readRemembered, readSeeds } from '../migrations/seeds/read.ts'
import type { MigrationFolder, Seed } from '../migrations/types.ts'
import { desiredState, type ServiceSeeds } from '../plan/desired.ts'
import { type BuildFacts, projectBuilds, type ShippedImages } from '../plan/images.ts'
import { selectServices } from '../plan/order.ts'
import type { Desired } from '../plan/types.ts'
import { readBuild } from './fingerprint/fingerprint.ts'
import { readMountedFiles } from './mounted-files.ts'

export interface ReadDesiredOptions {
  readonly config: Config
  /** Secrets that stand in the config itself, by name. */
  readonly literals: ParsedConfig['literals']
  readonly fileProblem: ParsedConfig['fileProblem']
  readonly signal: AbortSignal
  /** Only what belongs to these services and what they depend on is read; all when empty. */
  readonly services: readonly string[]
  /** Write what has to be kept: generated passwords, caches. Plans and looks write nothing. */
  readonly create: boolean
  /** Gets what is wrong with the files of builds, which then count as not read. Without it that is what reading fails with. */
  readonly onBrokenBuild?: ((problem: PoststackError) => void) | undefined
}

export interface DesiredRead {
  readonly desired: Desired
  readonly secrets: Secrets
}

/** The declared state, with every file that belongs to it read. */
export async function readDesired(options: ReadDesiredOptions): Promise<DesiredRead> {
  const { literals, signal, create, onBrokenBuild } = options
  const config = narrow(options.config, options.services)
  const problem = options.fileProblem(selectServices(config.services, []).map(({ name }) => name))
  if (problem !== undefined) throw problem
  const cacheDir = create ? stateFolder(config.root, 'cache') : undefined
  const [secrets, folders, seeds, hookContents, builds, shippedImages] = await Promise.all([
    readMountedFiles(config, signal).then((contents) =>
      openSecrets({ root: config.root, config, literals: { ...literals, ...contents }, create }),
    ),
    readFolders(config),
    readSeedFolders(config),
    readHookContents(config),
    readBuilds(config, { signal, cacheDir, onBrokenBuild }),
    readShipped(signal),
  ])
  const { digests, unkept } = secrets
  const input = { config, folders, seeds, hookContents, builds, digests, unkept, shippedImages }
  return { desired: desiredState(input), secrets }
}

/** A mistake in the files of a service that is not asked for stands in nobody's way. One that is named is not idle any more. */
function narrow(config: Config, services: readonly string[]): Config {
  if (services.length === 0) return config
  const named = selectServices(config.services, services).map((service) => ({ ...service, idle: undefined }))
  return { ...config, services: named, images: [] }
}

const unread: BuildFacts = { fingerprint: 'unread', baseImages: [] }

/** Whether nobody knows what the image would be made from now. */
export function isUnread({ ref }: { readonly ref: string }): boolean {
  return ref.endsWith(`:${unread.fingerprint}`)
}

/** The declared names alone. No file is read, so a stack can be taken down whatever is wrong with its files. */
export function readNames(config: Config): Desired {
  const builds = Object.fromEntries(projectBuilds(config).map(({ place }) => [place, unread]))
  return desiredState({
    config,
    folders: {},
    builds,
    digests: {},
    shippedImages: { folder: '', fingerprints: {} },
  })
}

/** What Poststack's own images are made from now. Where that cannot be read, their build says so. */
export async function readShipped(signal: AbortSignal): Promise<ShippedImages> {
  const folder = join(ownPackage().root, 'containers')
  const read = ['base-debian', 'postgres'].map(async (name) => {
    const context = join(folder, name)
    const build = { context, dockerfile: join(context, 'Dockerfile'), args: {}, target: undefined }
    const facts = await readBuild(build, { signal }).catch((error: unknown) => {
      if (isPoststackError(error) && error.code === 'BUILD_CONTEXT_INVALID') return undefined
      throw error
    })
    return facts === undefined ? [] : [[name, facts.fingerprint] as const]
  })
  return { folder, fingerprints: Object.fromEntries((await Promise.all(read)).flat()) }
}

async function readFolders(config: Config): Promise<Readonly<Record<string, MigrationFolder>>> {
  const entries = selectServices(config.services, []).map(async (service) => {
    if (service.kind === 'container' || service.migrations === undefined) return []
    return [[service.name, await readMigrations(service.migrations, { root: config.root })] as const]
  })
  return Object.fromEntries((await Promise.all(entries)).flat())
}

async function readSeedFolders(config: Config): Promise<Readonly<Record<string, ServiceSeeds>>> {
  const entries = selectServices(config.services, []).map(async (service) => {
    return [service.name, await readServiceSeeds(service, config)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Those of its folder, and around them the hooks that are remembered for their content. */
export async function readServiceSeeds(service: Config['services'][number], config: Config): Promise<ServiceSeeds> {
  if (service.kind === 'container' || service.migrations === undefined) return { before: [], after: [] }
  const { root } = config
  const folder = service.kind === 'postgres' ? service.seed : undefined
  const [before, seeds, last] = await Promise.all([
    remembered(config, 'beforeMigrate'),
    folder === undefined ? [] : readSeeds(folder, root),
    remembered(config, 'afterMigrate'),
  ])
  return { before, after: [...seeds, ...last] }
}

async function remembered({ hooks, root }: Config, event: HookEvent): Promise<readonly Seed[]> {
  const hook = hooks?.[event]
  return hook?.kind === 'script' && hook.once ? [await readRemembered(hook.path, { root, event })] : []
}

async function readHookContents(config: Config): Promise<NonNullable<Desired['hookContents']>> {
  const events = ['beforeUp', 'afterReady'] as const
  const read = await Promise.all(events.map(async (event) => ({ event, seeds: await remembered(config, event) })))
  return Object.fromEntries(read.flatMap(({ event, seeds }) => seeds.map(({ checksum }) => [event, checksum] as const)))
}

interface BuildOptions {
  readonly signal: AbortSignal
  readonly cacheDir: string | undefined
  readonly onBrokenBuild: ReadDesiredOptions['onBrokenBuild']
}

/** The error with the place in the config that led to it; undefined for one that is not about the files of a build. */
function placed(error: unknown, place: string): PoststackError | undefined {
  if (!isPoststackError(error) || error.code !== 'BUILD_CONTEXT_INVALID') return undefined
  const { code, message, hint, details, cause } = error
  const field = typeof details['field'] === 'string' && place.startsWith('services.') ? `.${details['field']}` : ''
  return new PoststackError(code, `${place}${field}: ${message}`, { hint, details: { ...details, place }, cause })
}

async function readBuilds(config: Config, options: BuildOptions): Promise<Readonly<Record<string, BuildFacts>>> {
  const wanted = projectBuilds({ ...config, services: selectServices(config.services, []) })
  // What does not run without being named: its files stand in nobody's way.
  const idle = projectBuilds(config).map(({ place }) => [place, unread] as const)
  const problems: PoststackError[] = []
  const facts = wanted.map(async ({ build, place }) => {
    try {
      return [[place, await readBuild(build, options)] as const]
    } catch (error) {
      const problem = placed(error, place)
      if (problem === undefined) throw error
      problems.push(problem)
      return []
    }
  })
  const read = (await Promise.all(facts)).flat()
  if (problems.length > 0) {
    const all = together(problems.toSorted((a, b) => compareText(a.message, b.message)))
    if (options.onBrokenBuild === undefined) throw all
    options.onBrokenBuild(all)
  }
  return Object.fromEntries([...idle, ...read].toSorted(([a], [b]) => compareText(a, b)))
}

/** All of them in one, as a person mends them together. */
function together(problems: readonly PoststackError[]): PoststackError {
  const [first, ...others] = problems
  if (first !== undefined && others.length === 0) return first
  const list = problems.map(({ message }) => `- ${message}`).join('\n')
  return new PoststackError('BUILD_CONTEXT_INVALID', `${String(problems.length)} images cannot be built:\n${list}`, {
    hint: [...new Set(problems.flatMap(({ hint }) => hint ?? []))].join('\n'),
    details: { problems: problems.map(({ message, details }) => ({ message, ...details })) },
  })
}
