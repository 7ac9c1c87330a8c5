/**
 * A whole stack without an engine: configs made by hand, the memory runtime, and databases that remember their ledger by volume.
 */
import type { Secrets } from '../../src/config/secrets.ts'
import type { Config, ContainerServiceConfig, PostgresServiceConfig } from '../../src/config/types.ts'
import type { StackEvent, StepResult } from '../../src/events.ts'
import { execute } from '../../src/execute/execute.ts'
import { observe } from '../../src/execute/observe.ts'
import type { Databases, World } from '../../src/execute/world.ts'
import type { AppliedMigration, Migration } from '../../src/migrations/types.ts'
import { resolveMigrations } from '../../src/migrations/resolve.ts'
import { desiredState } from '../../src/plan/desired.ts'
import { reconcile } from '../../src/plan/reconcile.ts'
import type { Plan } from '../../src/plan/step.ts'
import type { DatabaseTarget, Desired } from '../../src/plan/types.ts'
import type { MemoryRuntime } from './memory-runtime.ts'

export function postgresService(options: Partial<PostgresServiceConfig> = {}): PostgresServiceConfig {
  const name = options.name ?? 'db'
  return {
    kind: 'postgres',
    name,
    dependsOn: [],
    readyTimeoutMs: 30,
    containerName: undefined,
    stopGraceSeconds: 30,
    restart: 'no',
    version: 17,
    image: undefined,
    port: 5432,
    hostAddress: '127.0.0.1',
    user: 'poststack',
    database: 'poststack',
    password: { kind: 'secret', name: `${name}.password`, encoding: 'plain' },
    migrations: undefined,
    settings: {},
    ...options,
  }
}

export function containerService(
  options: Partial<ContainerServiceConfig> & { readonly name: string },
): ContainerServiceConfig {
  return {
    kind: 'container',
    dependsOn: [],
    readyTimeoutMs: 30,
    containerName: undefined,
    stopGraceSeconds: 10,
    restart: 'no',
    image: 'debian:trixie-slim',
    build: undefined,
    command: undefined,
    entrypoint: undefined,
    env: {},
    ports: [],
    mounts: [],
    workdir: undefined,
    user: undefined,
    ready: { kind: 'running' },
    job: false,
    ...options,
  }
}

export function stackConfig(services: Config['services'], options: Partial<Config> = {}): Config {
  return { name: 'shop', runtime: 'auto', root: '/projects/shop', services, images: [], ...options }
}

export function migration(version: string, sql = `CREATE TABLE t${version} ();`): Migration {
  return { version, name: 'change', file: `${version}_change.sql`, sql, checksum: `sha-${sql}`, rollback: undefined }
}

export interface DesiredOptions {
  readonly migrations?: readonly Migration[]
  readonly digests?: Readonly<Record<string, string>>
}

/** The declared state, with a fixed digest for each password and the same migrations for every service that declares some. */
export function desiredOf(config: Config, { migrations = [], digests = {} }: DesiredOptions = {}): Desired {
  const databases = config.services.filter((service) => service.kind !== 'container')
  return desiredState({
    config,
    folders: Object.fromEntries(databases.map(({ name }) => [name, { path: '/projects/shop/migrations', migrations }])),
    builds: Object.fromEntries(
      [...config.services, ...config.images].map(({ name }) => [
        name,
        { fingerprint: `${name}-0123456789abcdef`, baseImages: [] },
      ]),
    ),
    digests: { ...Object.fromEntries(databases.map(({ name }) => [`${name}.password`, 'digest'])), ...digests },
    shippedImages: '/package/containers',
  })
}

/** Ledgers by the id of the volume that holds the data, so that a lost volume is a lost ledger. */
export type Ledgers = Map<string, AppliedMigration[]>

function memoryDatabases(runtime: MemoryRuntime, ledgers: Ledgers): Databases {
  const volumeOf = (target: DatabaseTarget): string | undefined => {
    const server = [...runtime.world.containers.values()].find(
      ({ plan, state }) => state === 'running' && plan?.spec.ports?.some(({ host }) => host === target.port) === true,
    )
    const [volume] = Object.values(server?.plan?.volumes ?? {})
    return volume === undefined ? undefined : runtime.world.volumes.get(volume)?.id
  }
  const ledgerOf = (target: DatabaseTarget): AppliedMigration[] | undefined => {
    const volume = volumeOf(target)
    if (volume === undefined) return undefined
    const ledger = ledgers.get(volume) ?? []
    ledgers.set(volume, ledger)
    return ledger
  }
  const refused = { code: 'DATABASE_UNREACHABLE', reason: 'connection refused' } as const
  return {
    probe: (target) => Promise.resolve(volumeOf(target) === undefined ? { ready: false, ...refused } : { ready: true }),
    read(target) {
      const applied = ledgerOf(target)
      return Promise.resolve(
        applied === undefined ? { state: 'unreachable', ...refused } : { state: 'read', applied: [...applied] },
      )
    },
    migrate({ target, folder, onApplied }) {
      const ledger = ledgerOf(target) ?? []
      const { pending } = resolveMigrations(folder.migrations, ledger)
      for (const { version, name, checksum } of pending) {
        ledger.push({ version, name, checksum })
        onApplied({ version, name, durationMs: 1 })
      }
      return Promise.resolve(pending.map(({ version, name }) => ({ version, name, durationMs: 1 })))
    },
  }
}

const noSecrets: Secrets = { reveal: ({ name }) => `revealed ${name}`, digests: {} }

export interface MemoryStack {
  readonly world: World
  readonly events: StackEvent[]
  plan(desired: Desired, services?: readonly string[]): Promise<Plan>
  /** Plans and carries out; a blocked plan is given back without results. */
  up(
    desired: Desired,
    services?: readonly string[],
  ): Promise<{ readonly plan: Plan; readonly results: readonly StepResult[] }>
}

export function memoryStack(runtime: MemoryRuntime, ledgers: Ledgers = new Map()): MemoryStack {
  const events: StackEvent[] = []
  const world: World = {
    runtime,
    databases: memoryDatabases(runtime, ledgers),
    busyPorts: (wanted) =>
      Promise.resolve(
        wanted
          .filter(({ host }) => runtime.world.busyPorts.has(host))
          .map((port) => ({ ...port, holder: 'another process' })),
      ),
    secrets: noSecrets,
    emit: (event) => void events.push(event),
    signal: new AbortController().signal,
  }
  const plan = async (desired: Desired, services: readonly string[] = []): Promise<Plan> =>
    reconcile(desired, await observe(desired, world), { services })
  return {
    world,
    events,
    plan,
    async up(desired, services = []) {
      const made = await plan(desired, services)
      const blocked = made.steps.some(({ action }) => action.kind === 'blocked')
      return { plan: made, results: blocked ? [] : await execute(made, world) }
    },
  }
}
