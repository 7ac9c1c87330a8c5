/**
 * The real databases behind observing and executing: connects with revealed passwords, reads ledgers, applies migrations.
 */
import { throwIfAborted } from '../abort.ts'
import type { Secrets } from '../config/secrets.ts'
import { isPoststackError } from '../errors.ts'
import { migrate } from '../migrations/apply.ts'
import type { ConnectOptions, Connection } from '../migrations/connection.ts'
import { readLedger } from '../migrations/ledger.ts'
import type { DatabaseTarget, ObservedDatabase } from '../plan/types.ts'
import { connect, probePostgres, type ConnectTarget } from './database.ts'
import type { Databases, MigrateRequest, MigrationRun } from './world.ts'

/** For a single look or probe: long enough for a slow network, short enough to look again. */
const lookTimeoutMs = 3_000
/** For work that has begun: the server was seen ready just before. */
const workTimeoutMs = 15_000

export interface DatabasesOptions {
  readonly secrets: Secrets
  /** Recorded in the ledger with each migration. */
  readonly toolVersion: string
}

export function connectDatabases({ secrets, toolVersion }: DatabasesOptions): Databases {
  const open = (target: DatabaseTarget, applicationName: string, connectTimeoutMs: number): ConnectTarget => {
    const { host, port, user, database, password, parameters } = target
    const revealed = password === undefined ? undefined : secrets.reveal(password)
    return { host, port, user, database, password: revealed, parameters, applicationName, connectTimeoutMs }
  }
  return {
    probe: (target, signal) => probePostgres(open(target, 'poststack probe', lookTimeoutMs), signal),
    read: (target, signal) => read(open(target, 'poststack plan', lookTimeoutMs), signal),
    migrate: (request) =>
      apply(request, toolVersion, ({ applicationName, signal }) =>
        connect(open(request.target, applicationName, workTimeoutMs), signal),
      ),
  }
}

async function read(target: ConnectTarget, signal: AbortSignal): Promise<ObservedDatabase> {
  let connection: Connection | undefined
  try {
    connection = await connect(target, signal)
    const rows = await readLedger(connection)
    return { state: 'read', applied: rows }
  } catch (error) {
    throwIfAborted(signal)
    if (!isPoststackError(error)) throw error
    return { state: 'unreachable', code: error.code, reason: error.message }
  } finally {
    await connection?.close()
  }
}

async function apply(
  { folder, signal, onApplied, onWaiting }: MigrateRequest,
  toolVersion: string,
  open: (options: ConnectOptions) => Promise<Connection>,
): Promise<readonly MigrationRun[]> {
  const { applied } = await migrate({
    connect: open,
    folder,
    signal,
    toolVersion,
    onEvent: (event) => {
      if (event.type === 'migration-applied')
        onApplied({ version: event.version, name: event.name, durationMs: event.durationMs })
      if (event.type === 'lock-waiting') onWaiting(event.description)
    },
  })
  return applied
}
