/**
 * A PgBouncer in front of a test server, with a pool of server connections that several clients share.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, openSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type ConnectTarget } from '../../src/execute/database/database.ts'
import { freePort } from './ports.ts'
import { asOrdinaryUser, type TestDatabase, type TestServer } from './postgres.ts'

export interface TestPooler {
  readonly port: number
  /** The same database, reached through the pooler. Sessions opened with it are the test's to close. */
  through(database: TestDatabase): Pick<TestDatabase, 'target' | 'connect'>
  stop(): Promise<void>
}

export interface PoolerOptions {
  /** When a server connection goes back to the pool. @default 'transaction' */
  readonly mode?: 'transaction' | 'session'
  /** Server connections for each database; further clients wait. @default 20 */
  readonly size?: number
}

/** Why there is no PgBouncer here, in the form that `context.skip` and POSTSTACK_REQUIRE take, or nothing. */
export function pgbouncerMissing(): string | undefined {
  return program() === undefined
    ? 'pgbouncer: it is not installed (tests/support/prepare-engines.sh does it)'
    : undefined
}

function program(): string | undefined {
  // Debian puts it where ordinary users have no path to.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => isExecutable(path))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return existsSync(path)
  } catch {
    return false
  }
}

export async function startPgBouncer(server: TestServer, options: PoolerOptions = {}): Promise<TestPooler> {
  const binary = program()
  if (binary === undefined) throw new Error(pgbouncerMissing())
  const folder = await mkdtemp(join(tmpdir(), 'poststack-pgbouncer-'))
  const port = await freePort()
  const configuration = join(folder, 'pgbouncer.ini')
  await writeFile(join(folder, 'users'), `"postgres" "${server.password}"\n`)
  await writeFile(configuration, configurationOf({ server, port, folder, ...options }))
  await chmod(folder, 0o755)
  const { program: starter, args } = asOrdinaryUser(binary, [configuration])
  const log = join(folder, 'log')
  const output = openSync(log, 'w')
  const child = spawn(starter, [...args], { stdio: ['ignore', output, output] })
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const through = ({ target }: TestDatabase): Pick<TestDatabase, 'target' | 'connect'> => {
    const here: ConnectTarget = { ...target, port }
    return {
      target: here,
      connect: async ({ applicationName, signal }) => await connect({ ...here, applicationName }, signal),
    }
  }
  const until = Date.now() + 10_000
  while (!readFileSync(log, 'utf8').includes('process up')) {
    if (child.exitCode !== null || Date.now() > until)
      throw new Error(`PgBouncer did not start:\n${readFileSync(log, 'utf8')}`)
    // oxlint-disable-next-line no-await-in-loop
    await sleep(10)
  }
  return {
    port,
    through,
    stop: async () => {
      process.off('exit', kill)
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Configuration extends PoolerOptions {
  readonly server: TestServer
  readonly port: number
  readonly folder: string
}

function configurationOf({ server, port, folder, mode = 'transaction', size = 20 }: Configuration): string {
  return `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users')}
pool_mode = ${mode}
default_pool_size = ${size}
`
}
