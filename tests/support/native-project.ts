/**
 * Projects with a PostgreSQL server of the native runtime, and a look at the processes they leave.
 */
import { readdir, readFile, readlink, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan } from '../../src/plan/types.ts'

export const password = "it's a \\ pass"
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
