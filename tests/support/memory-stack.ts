/**
 * A whole stack without an engine: configs made by hand, the memory runtime, and databases that remember their ledger by volume.
 */
import type { Secrets } from '../../src/config/secrets.ts'
import { compareText } from '../../src/config/text-order.ts'
import type { Config, ContainerServiceConfig, PostgresServiceConfig } from '../../src/config/types.ts'
import { PoststackError, recordError, type ErrorCode } from '../../src/errors.ts'
import type { StackEvent, StepResult } from '../../src/events.ts'
import { execute } from '../../src/execute/execute.ts'
import { observe } from '../../src/execute/observe.ts'
import type { Databases, World } from '../../src/execute/world.ts'
import { compareContainers, type StackRecord } from '../../src/migrations/ledger/stack-tables.ts'
import { pendingSeeds } from '../../src/migrations/seeds/resolve.ts'
import type { AppliedMigration, Migration, Seed, SeededFile } from '../../src/migrations/types.ts'
import { checkTexts } from '../../src/migrations/run/check-texts.ts'
import { reformattedWords } from '../../src/migrations/ledger/reformatted.ts'
import { resolveMigrations } from '../../src/migrations/resolve.ts'
import { projectBuilds } from '../../src/plan/images.ts'
import { desiredState } from '../../src/plan/desired.ts'
import { reconcile } from '../../src/plan/reconcile/reconcile.ts'
import type { Plan } from '../../src/plan/step.ts'
import type { DatabaseTarget, Desired } from '../../src/plan/types.ts'
import type { MemoryRuntime } from './memory-runtime.ts'

export function postgresService(options: Partial<PostgresServiceConfig> = {}): PostgresServiceConfig {
  const name = options.name ?? 'db'
  return {
    kind: 'postgres',
    name,
    dependsOn: [],
    readyTimeoutMs: 120,
    containerName: undefined,
    stopGraceSeconds: 30,
    restart: 'no',
    limits: {},
    labels: {},
    aliases: [],
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
    readyTimeoutMs: 120,
    containerName: undefined,
    stopGraceSeconds: 10,
    restart: 'no',
    limits: {},
    labels: {},
    aliases: [],
    image: 'debian:trixie-slim',
    build: undefined,
    platform: undefined,
    command: undefined,
    entrypoint: undefined,
    env: {},
    ports: [],
    mounts: [],
    workdir: undefined,
    user: undefined,
    init: false,
    stopSignal: undefined,
    capAdd: [],
    capDrop: [],
    extraHosts: {},
    healthcheck: undefined,
    ready: { kind: 'running' },
    job: false,
    ...options,
  }
}

export function stackConfig(services: Config['services'], options: Partial<Config> = {}): Config {
  return { name: 'shop', runtime: 'auto', root: '/projects/shop', services, images: [], autoPorts: [], ...options }
}

export function migration(version: string, sql = `CREATE TABLE t${version} ();`): Migration {
  return { version, name: 'change', file: `${version}_change.sql`, sql, checksum: `sha-${sql}`, rollback: undefined }
}

export interface DesiredOptions {
  readonly migrations?: readonly Migration[]
  /** Run before the migrations. */
  readonly before?: readonly Seed[]
  readonly seeds?: readonly Seed[]
  readonly hookContents?: Desired['hookContents']
  readonly digests?: Readonly<Record<string, string>>
  /** Fingerprints of Poststack's own images. */
  readonly shipped?: Readonly<Record<string, string>>
}

/** The declared state, with a fixed digest for each password and the same migrations for every service that declares some. */
export function desiredOf(config: Config, options: DesiredOptions = {}): Desired {
  const { migrations = [], before = [], seeds: after = [], hookContents, digests = {} } = options
  const databases = config.services.filter((service) => service.kind !== 'container')
  return desiredState({
    config,
    folders: Object.fromEntries(databases.map(({ name }) => [name, { path: '/projects/shop/migrations', migrations }])),
    seeds: Object.fromEntries(databases.map(({ name }) => [name, { before, after }])),
    ...(hookContents === undefined ? {} : { hookContents }),
    builds: Object.fromEntries(
      projectBuilds(config).map(({ name, place }) => [
        place,
        { fingerprint: `${name}-0123456789abcdef`, baseImages: [] },
      ]),
    ),
    digests: { ...Object.fromEntries(databases.map(({ name }) => [`${name}.password`, 'digest'])), ...digests },
    shippedImages: { folder: '/package/containers', fingerprints: options.shipped ?? {} },
  })
}

/** What a database keeps of Poststack. */
export interface MemoryLedger {
  readonly applied: AppliedMigration[]
  readonly seeded: SeededFile[]
  recorded: StackRecord | undefined
  /** Made at the first start; tests may rename them, as people do. */
  user: string | undefined
  database: string | undefined
}

/** Ledgers by the id of the volume that holds the data, so that a lost volume is a lost ledger. */
export type Ledgers = Map<string, MemoryLedger>

function memoryDatabases(runtime: MemoryRuntime, ledgers: Ledgers): Databases {
  const ledgerOf = (target: DatabaseTarget): MemoryLedger | undefined => {
    const server = [...runtime.world.containers.values()].find(
      ({ plan, state }) => state === 'running' && plan?.spec.ports?.some(({ host }) => host === target.port) === true,
    )
    const [volume = ''] = Object.values(server?.plan?.volumes ?? {})
    const id = runtime.world.volumes.get(volume)?.id
    if (id === undefined) return undefined
    const { user, database } = server?.plan?.spec.postgres ?? { user: undefined, database: undefined }
    const ledger = ledgers.get(id) ?? { applied: [], seeded: [], recorded: undefined, user, database }
    ledgers.set(id, ledger)
    return ledger
  }
  const refused = { code: 'DATABASE_UNREACHABLE', reason: 'connection refused' } as const
  const enter = (target: DatabaseTarget): MemoryLedger | { readonly code: ErrorCode; readonly reason: string } => {
    const ledger = ledgerOf(target)
    if (ledger === undefined) return refused
    if (ledger.user !== target.user) return { code: 'PASSWORD_REJECTED', reason: 'password authentication failed' }
    if (ledger.database !== target.database) return { code: 'DATABASE_MISSING', reason: 'no such database' }
    return ledger
  }
  return {
    prepare: () => undefined,
    probe(target) {
      const entered = enter(target)
      return Promise.resolve('code' in entered ? { ready: false, ...entered } : { ready: true })
    },
    async read({ before, folder, seeds, target }) {
      const entered = enter(target)
      if ('code' in entered) return { state: 'unreachable', ...entered }
      const { applied, recorded, seeded } = entered
      const texts = await checkTexts(resolveMigrations(folder.migrations, applied).pending)
      return {
        state: 'read',
        applied: [...applied],
        ...((before ?? seeds) === undefined ? {} : { seeded: [...seeded] }),
        ...(recorded === undefined ? {} : { recorded: structuredClone(recorded) }),
        ...(texts.refused === undefined ? {} : { refused: recordError(texts.refused) }),
      }
    },
    migrate({ target, folder, warned, onEvent }) {
      const ledger = ledgerOf(target)?.applied ?? []
      const { pending, reformatted } = resolveMigrations(folder.migrations, ledger)
      for (const { file } of warned ? [] : reformatted) onEvent({ type: 'notice', file, message: reformattedWords })
      for (const { version, name, checksum, file } of pending) {
        ledger.push({ version, name, checksum })
        onEvent({ type: 'migration-applied', version, name, file, durationMs: 1 })
      }
      return Promise.resolve(pending.map(({ version, name }) => ({ version, name, durationMs: 1 })))
    },
    async seed({ target, seeds, signal, runScript }) {
      const ledger = ledgerOf(target)?.seeded ?? []
      const pending = pendingSeeds(seeds, ledger).map(({ seed }) => seed)
      for (const { content, ...seed } of pending) {
        if (content.kind === 'script') await runScript(content.path, signal)
        ledger.push(seed)
      }
      return pending.map(({ file }) => file)
    },
    record({ target, record }) {
      const ledger = ledgerOf(target)
      if (ledger === undefined) return Promise.reject(new PoststackError('DATABASE_UNREACHABLE', refused.reason))
      ledger.recorded = mergeRecords(ledger.recorded, record)
      return Promise.resolve(true)
    },
  }
}

/** As the tables would say it: a record of some services leaves the rows of the others alone. */
function mergeRecords(before: StackRecord | undefined, record: StackRecord): StackRecord {
  const names = new Set(record.services.map(({ name }) => name))
  const kept = record.whole ? [] : (before?.services ?? []).filter(({ name }) => !names.has(name))
  const left = record.whole ? [] : (before?.containers ?? []).filter(({ service }) => !names.has(service))
  return {
    system: { ...before?.system, ...record.system },
    services: [...kept, ...record.services].toSorted((a, b) => compareText(a.name, b.name)),
    containers: [...left, ...record.containers].toSorted(compareContainers),
    whole: true,
  }
}

const noSecrets: Secrets = { hide: (text) => text, reveal: ({ name }) => `revealed ${name}`, digests: {}, unkept: [] }

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

export function memoryStack(
  runtime: MemoryRuntime,
  ledgers: Ledgers = new Map(),
  runCommand: World['runCommand'] = () => Promise.resolve(),
): MemoryStack {
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
    missingPaths: (paths) => Promise.resolve(paths.filter((path) => path.includes('/missing'))),
    secrets: noSecrets,
    emit: (event) => void events.push(event),
    runScript: () => Promise.resolve(),
    runCommand,
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
