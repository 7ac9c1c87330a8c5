/**
 * Projects with a PostgreSQL server of the native runtime, and a look at the processes they leave.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan } from '../../src/plan/types.ts'
import { createNativeRuntime } from '../../src/runtime/native/native.ts'
import type { NativeOptions } from '../../src/runtime/native/native.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { freePort } from './ports.ts'

const password = "it's a \\ pass"
export const files = { '/run/poststack/password': password }
export const target = { name: 'shop-db' }
export const volume = 'shop-db-data'

export interface PlanOptions {
  readonly name?: string
  readonly volume?: string
  readonly version?: number
  readonly database?: string
  readonly settings?: Readonly<Record<string, string>>
}

export function labelsOf(root: string): Readonly<Record<string, string>> {
  return { [label.stack]: 'shop', [label.project]: '0123456789ab', [label.root]: root, [label.service]: 'db' }
}

export function planFor(root: string, port: number, options: PlanOptions = {}): ContainerPlan {
  const secret = { kind: 'secret', name: 'db.password', encoding: 'plain' } as const
  const { settings } = options
  return {
    name: options.name ?? target.name,
    service: 'db',
    spec: {
      image: 'poststack/postgres:17',
      files: { '/run/poststack/password': { parts: [secret] } },
      ports: [{ container: 5432, host: port, hostAddress: '127.0.0.1', protocol: 'tcp' }],
      mounts: [{ kind: 'volume', volume: 'db-data', target: '/var/lib/postgresql/data' }],
      postgres: {
        version: options.version ?? 17,
        user: 'owner',
        database: options.database ?? 'shop',
        password: secret,
        ...(settings === undefined ? {} : { settings }),
      },
    },
    volumes: { 'db-data': options.volume ?? volume },
    network: undefined,
    aliases: [],
    labels: labelsOf(root),
  }
}

export interface Login {
  readonly port: number
  readonly password?: string
  readonly database?: string
}

/** One query over TCP as the declared role. */
export async function ask(login: Login, sql: string): Promise<unknown> {
  const client = new Client({ host: '127.0.0.1', user: 'owner', password, database: 'shop', ...login })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql)
    return Object.values(rows[0] ?? {})[0]
  } finally {
    await client.end()
  }
}

/** The same, once the server lets anybody in. */
export async function askWhenReady(login: Login, sql: string): Promise<unknown> {
  for (let left = 400; ; left--) {
    try {
      return await ask(login, sql)
    } catch (error) {
      const { code } = error as { code?: string }
      if (left === 0 || (code !== '57P03' && code !== 'ECONNREFUSED')) throw error
      await sleep(25)
    }
  }
}

/** The living processes that work in a folder or name it on their command line, our own apart. Linux only. */
export async function processesIn(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
      const workFolder = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      const ended = /\) [ZX]/.test(await read('stat'))
      return !ended && (workFolder.startsWith(folder) || (await read('cmdline')).includes(folder))
    }),
  )
  return pids
    .filter((_, index) => found[index] === true)
    .map(Number)
    .filter((pid) => pid !== process.pid)
}

/** Ends everything of a project and deletes it. */
export async function destroyProject(root: string): Promise<void> {
  for (let left = 20; left > 0; left--) {
    const pids = await processesIn(root)
    if (pids.length === 0) break
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
    await sleep(50)
  }
  await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

export const options = { signal: new AbortController().signal }
const projects: string[] = []

/** For `afterEach`. */
export async function destroyProjects(): Promise<void> {
  for (const root of projects.splice(0)) await destroyProject(root)
}

export async function emptyProject(name = 'project'): Promise<string> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), 'ps-native-')))
  projects.push(parent)
  // Others may pass, as in most places where projects lie: started by root, the server is one of them.
  await chmod(parent, 0o711)
  const root = join(parent, name)
  await mkdir(root)
  return root
}

export interface Project {
  readonly root: string
  readonly port: number
  readonly runtime: Runtime
}

/** A project with a container that was made and not started. */
export async function project(plan: PlanOptions = {}, more: Partial<NativeOptions> = {}): Promise<Project> {
  const root = more.root ?? (await emptyProject())
  const port = await freePort()
  const runtime = createNativeRuntime({ root, env: process.env, ...more })
  await runtime.createVolume(volume, labelsOf(root), options)
  await runtime.createContainer(planFor(root, port, plan), {}, options)
  return { root, port, runtime }
}

export const start = ({ runtime }: Project) => runtime.startContainer(target, files, options)
export const stop = ({ runtime }: Project, graceSeconds = 20) => runtime.stopContainer(target, graceSeconds, options)
export const state = async ({ runtime }: Project) => (await runtime.inspect(target, options))?.state
export const dataOf = ({ root }: Project) => join(root, '.poststack/native/volumes', volume, 'data')
export const postmaster = async (one: Project) =>
  Number((await readFile(join(dataOf(one), 'postmaster.pid'), 'utf8')).split('\n')[0])
