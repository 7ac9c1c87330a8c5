/**
 * The real databases behind observing and executing: connects with revealed passwords, reads ledgers, applies migrations. What carries
 * migrations out is large, and is loaded when there are some.
 */
import type { Secrets } from '../config/secrets.ts'
import { recordError } from '../errors.ts'
import { resolveMigrations } from '../migrations/resolve.ts'
import type { LookedAhead } from '../migrations/run/preview.ts'
import type { ConnectOptions, Connection } from '../migrations/connection.ts'
import { readLedgerBeside } from '../migrations/ledger/reformatted.ts'
import { readSeeded } from '../migrations/ledger/seeded.ts'
import { readStackTables } from '../migrations/ledger/stack-tables.ts'
import type { AppliedMigration, MigrationFolder } from '../migrations/types.ts'
import type { ObservedDatabase } from '../plan/answers.ts'
import type { DatabaseTarget, DesiredService } from '../plan/types.ts'
import { readGitCommit, type ProgramEnvironment } from './git-commit.ts'
import { connect, type ConnectTarget, loadClient } from './database/database.ts'
import { lookAt, probePostgres } from './database/look.ts'
import type { Databases, MigrateRequest, MigrationRun } from './world.ts'

/** For a single look or probe: long enough for a slow network, short enough to look again. */
const lookTimeoutMs = 3_000
/** For each answer of a look: longer than a big ledger takes over a slow network. */
const answerTimeoutMs = 15_000
/** For work that has begun: the server was seen ready just before. */
const workTimeoutMs = 15_000

export interface DatabasesOptions {
  readonly secrets: Secrets
  /** Recorded in the ledger with each migration. */
  readonly toolVersion: string
  /** The environment that programs may see. */
  readonly env: ProgramEnvironment
  /** Whether Poststack runs the server of a service, so that nobody else's work has to be let through. */
  readonly owns: (service: string) => boolean
}

export function connectDatabases(options: DatabasesOptions): Databases {
  const { secrets, toolVersion } = options
  const open = (target: DatabaseTarget, applicationName: string, connectTimeoutMs: number): ConnectTarget => {
    const { host, port, user, database, password, parameters } = target
    const revealed = password === undefined ? undefined : secrets.reveal(password)
    return { host, port, user, database, password: revealed, parameters, applicationName, connectTimeoutMs }
  }
  return {
    prepare: () => {
      // What cannot be loaded is asked for again where it is needed, and fails there.
      loadClient().catch(() => undefined)
    },
    probe: (target, signal) => probePostgres(open(target, 'poststack probe', lookTimeoutMs), signal),
    read: (declared, signal) => read(open(declared.target, 'poststack plan', lookTimeoutMs), declared, signal),
    migrate: (request) =>
      apply(request, options, ({ applicationName, signal }) =>
        connect(open(request.target, applicationName, workTimeoutMs), signal),
      ),
    seed: async ({ runScript, seeds, service, signal, target, onEvent }) => {
      const { seed } = await import('../migrations/run/seed.ts')
      return seed({
        connect: ({ applicationName, signal: ending }) => connect(open(target, applicationName, workTimeoutMs), ending),
        seeds,
        runScript,
        signal,
        toolVersion,
        onEvent,
        ...(options.owns(service) ? { lockTimeoutMs: 0 } : {}),
      })
    },
    record: async ({ target, ...request }) => {
      const { recordStack } = await import('../migrations/run/record-stack.ts')
      return recordStack({
        ...request,
        toolVersion,
        connect: ({ applicationName, signal }) => connect(open(target, applicationName, workTimeoutMs), signal),
      })
    },
  }
}

async function read(
  target: ConnectTarget,
  { before = [], folder, seeds = [] }: NonNullable<DesiredService['migrations']>,
  signal: AbortSignal,
): Promise<ObservedDatabase> {
  const found = await lookAt(target, { signal, answerMs: answerTimeoutMs }, async (connection) => {
    const rows = await readLedgerBeside(folder.migrations, connection)
    const recorded = await readStackTables(connection)
    const seeded = before.length + seeds.length === 0 ? undefined : await readSeeded(connection)
    const { refused, losses } = await lookAtPending(connection, rows, folder)
    return {
      state: 'read',
      applied: rows,
      ...(seeded === undefined ? {} : { seeded }),
      ...(recorded === undefined ? {} : { recorded }),
      ...(refused === undefined ? {} : { refused: recordError(refused) }),
      ...(losses.length === 0 ? {} : { losses }),
    } as const
  })
  return 'code' in found ? { state: 'unreachable', ...found } : found
}

async function lookAtPending(
  connection: Connection,
  rows: readonly AppliedMigration[],
  { migrations }: MigrationFolder,
): Promise<LookedAhead> {
  const { pending, problems } = resolveMigrations(migrations, rows)
  // What does not go together, the plan finds out by itself.
  if (problems.length > 0 || pending.length === 0) return { losses: [] }
  const { lookAhead } = await import('../migrations/run/preview.ts')
  return lookAhead(connection, rows, pending)
}

async function apply(
  { service, folder, warned, signal, onEvent }: MigrateRequest,
  { toolVersion, env, owns }: DatabasesOptions,
  open: (options: ConnectOptions) => Promise<Connection>,
): Promise<readonly MigrationRun[]> {
  const { migrate } = await import('../migrations/run/migrate.ts')
  const { applied } = await migrate({
    connect: open,
    folder,
    warned,
    signal,
    toolVersion,
    onEvent,
    ...(owns(service) ? { lockTimeoutMs: 0 } : {}),
    gitCommit: () => readGitCommit(folder.path, { env, signal }),
  })
  return applied
}
