/**
 * Reads what the declared state depends on besides the config: migration folders, build inputs, secrets.
 */
import { join } from 'node:path'

import { ownPackage } from '../config/own-package.ts'
import { openSecrets, type Secrets } from '../config/secrets.ts'
import { stateFolder } from '../config/state-folder.ts'
import { compareText } from '../config/text-order.ts'
import type { Config } from '../config/types.ts'
import { readMigrations } from '../migrations/read.ts'
import type { MigrationFolder } from '../migrations/types.ts'
import { desiredState } from '../plan/desired.ts'
import type { BuildFacts } from '../plan/images.ts'
import { selectServices } from '../plan/order.ts'
import type { Desired } from '../plan/types.ts'
import { baseImages, fingerprintBuild } from './fingerprint.ts'

export interface ReadDesiredOptions {
  readonly config: Config
  /** Secrets that stand in the config itself, by name. */
  readonly literals: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Only what belongs to these services and what they depend on is read; all when empty. */
  readonly services: readonly string[]
  /** Write what has to be kept: generated passwords, caches. Plans and looks write nothing. */
  readonly create: boolean
}

export interface DesiredRead {
  readonly desired: Desired
  readonly secrets: Secrets
}

/** The declared state, with every file that belongs to it read. */
export async function readDesired(options: ReadDesiredOptions): Promise<DesiredRead> {
  const { literals, signal, create } = options
  const config = narrow(options.config, options.services)
  const cacheDir = create ? stateFolder(config.root, 'cache') : undefined
  const [secrets, folders, builds] = await Promise.all([
    openSecrets({ root: config.root, config, literals, create }),
    readFolders(config),
    readBuilds(config, { signal, cacheDir }),
  ])
  const shippedImages = join(ownPackage().root, 'containers')
  return { desired: desiredState({ config, folders, builds, digests: secrets.digests, shippedImages }), secrets }
}

/** A mistake in the files of a service that is not asked for stands in nobody's way. */
function narrow(config: Config, services: readonly string[]): Config {
  if (services.length === 0) return config
  return { ...config, services: selectServices(config.services, services), images: [] }
}

/** The declared names alone. No file is read, so a stack can be taken down whatever is wrong with its files. */
export function readNames(config: Config): Desired {
  const unread: BuildFacts = { fingerprint: 'unread', baseImages: [] }
  const builds = Object.fromEntries([...config.services, ...config.images].map(({ name }) => [name, unread]))
  return desiredState({
    config,
    folders: {},
    builds,
    digests: {},
    shippedImages: '',
  })
}

async function readFolders(config: Config): Promise<Readonly<Record<string, MigrationFolder>>> {
  const entries = config.services.map(async (service) => {
    if (service.kind === 'container' || service.migrations === undefined) return []
    return [[service.name, await readMigrations(service.migrations)] as const]
  })
  return Object.fromEntries((await Promise.all(entries)).flat())
}

interface BuildOptions {
  readonly signal: AbortSignal
  readonly cacheDir: string | undefined
}

async function readBuilds(config: Config, options: BuildOptions): Promise<Readonly<Record<string, BuildFacts>>> {
  const services = config.services.flatMap((service) =>
    service.kind === 'container' && service.build !== undefined ? [{ name: service.name, build: service.build }] : [],
  )
  const facts = [...services, ...config.images].map(async ({ name, build }) => {
    const [fingerprint, bases] = await Promise.all([fingerprintBuild(build, options), baseImages(build)])
    return [name, { fingerprint, baseImages: bases }] as const
  })
  return Object.fromEntries((await Promise.all(facts)).toSorted(([a], [b]) => compareText(a, b)))
}
