/**
 * How long it takes from the call that writes a migration to its row in the ledger, beside what cannot be saved: what chokidar needs to
 * tell of a file, and what the server needs for the SQL itself.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { FSWatcher } from 'chokidar'
import { Client } from 'pg'
import { freePort } from '../support/ports.ts'
import { environment, runProgram, timingOf, type Timing } from './measure.ts'
import { poststackIn } from './stacks.ts'

export interface WatchRow {
  readonly name: string
  readonly poststack: Timing
  readonly chokidar: Timing
  readonly sql: Timing
}

export interface WatchBench {
  readonly runs: number
  readonly isWanted: (name: string) => boolean
  readonly say: (line: string) => void
}

const newFile = 'a new migration'
const editedFile = 'the newest migration edited: rolled back, applied'
const editedAtOnce = 'the same again at once: proved, rolled back, applied'
const reloads = '500 reloads of the config'

/** Resident memory of the program, in MB, once it has come to its size and at the end. */
export interface WatchMemory {
  readonly name: string
  readonly reloads: number
  readonly before: number
  readonly after: number
}

export interface WatchResult {
  readonly rows: readonly WatchRow[]
  readonly memory: WatchMemory | undefined
}

export async function measureWatch({ runs, isWanted, say }: WatchBench): Promise<WatchResult> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  const port = await freePort()
  await writeProject(folder, port)
  const { command, cwd } = poststackIn(folder, ['watch', '--json'])
  const child = spawn(command[0], command.slice(1), { cwd, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  const heard = hear(child.stdout)
  const client = new Client({ host: '127.0.0.1', port, user: 'poststack', database: 'poststack', password: 'bench' })
  const own = new FSWatcher({ ignoreInitial: true, atomic: false })
  try {
    await heard('watch-waiting')
    await client.connect()
    own.add(join(folder, 'migrations'))
    await new Promise<void>((resolve) => own.once('ready', () => resolve()))
    const lab: Lab = { folder, client, own, heard, runs }
    const rows: WatchRow[] = []
    for (const [name, measure] of [
      [newFile, measureNew],
      [editedFile, (one: Lab) => measureEdited(one, 9_998, proofMs)],
      [editedAtOnce, (one: Lab) => measureEdited(one, 9_999, 0)],
    ] as const) {
      if (!isWanted(name)) continue
      say(`watch: ${name}`)
      rows.push({ name, ...(await measure(lab)) })
    }
    if (!isWanted(reloads)) return { rows, memory: undefined }
    say(`watch: ${reloads}`)
    return { rows, memory: await measureReloads(lab, child.pid ?? 0) }
  } finally {
    await own.close()
    await client.end()
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('close', resolve))
    await runProgram(poststackIn(folder, ['down', '--volumes', '--yes']))
    await rm(folder, { recursive: true, force: true })
  }
}

/** Waits for the next event of a type, and gives the time at which it came. */
type Heard = (type: string) => Promise<number>

function hear(stream: Readable): Heard {
  const events: { readonly type: string; readonly at: number }[] = []
  let wake: (() => void) | undefined
  let text = ''
  stream.on('data', (data: Buffer) => {
    const at = performance.now()
    const lines = (text + data.toString()).split('\n')
    text = lines.pop() ?? ''
    events.push(...lines.map((line) => ({ type: (JSON.parse(line) as { readonly type: string }).type, at })))
    wake?.()
  })
  return async (type) => {
    for (;;) {
      const index = events.findIndex((event) => event.type === type)
      const [found] = index === -1 ? [] : events.splice(0, index + 1).slice(-1)
      if (found !== undefined) return found.at
      // oxlint-disable-next-line no-await-in-loop -- until it comes
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
}

interface Lab {
  readonly folder: string
  readonly client: Client
  readonly own: FSWatcher
  readonly heard: Heard
  readonly runs: number
}

type Timings = Omit<WatchRow, 'name'>

/** Longer than the rollback of the newest migration takes to be proved, which is done when nothing else is to be. */
const proofMs = 3_000

async function measureReloads({ folder, heard }: Lab, pid: number): Promise<WatchMemory> {
  const file = join(folder, 'poststack.config.ts')
  const text = await readFile(file, 'utf8')
  const reload = async (from: number, to: number): Promise<number> => {
    for (let turn = from; turn < to; turn += 1) {
      await writeFile(file, `${text}// ${String(turn)}\n`)
      await heard('watch-waiting')
    }
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${String(pid)}/status`, 'utf8')) ?? []
    return Math.round(Number(kilobytes) / 1024)
  }
  const before = await reload(0, 50)
  return { name: reloads, reloads: 500, before, after: await reload(50, 550) }
}

async function measureNew(lab: Lab): Promise<Timings> {
  return await measureSaves(lab, (turn) => ({ version: turn + 1, table: `new_${String(turn)}`, columns: 'a int' }))
}

async function measureEdited(lab: Lab, version: number, pauseMs: number): Promise<Timings> {
  const table = `edited_${String(version)}`
  return await measureSaves(lab, (turn) => ({ version, table, columns: `a${String(turn)} int` }), pauseMs)
}

interface Save {
  readonly version: number
  readonly table: string
  readonly columns: string
}

async function measureSaves(
  { folder, client, own, heard, runs }: Lab,
  saveOf: (turn: number) => Save,
  pauseMs = 0,
): Promise<Timings> {
  const times = { poststack: [] as number[], chokidar: [] as number[], sql: [] as number[] }
  for (let turn = 0; turn <= runs; turn += 1) {
    const { version, table, columns } = saveOf(turn)
    const sql = `CREATE TABLE ${table} (${columns});\n`
    const file = join(folder, 'migrations', `${String(version).padStart(4, '0')}_x`)
    if (turn === 0 || version !== saveOf(0).version) await writeFile(`${file}.rollback.sql`, `DROP TABLE ${table};\n`)
    if (turn === 0 || version !== saveOf(0).version) await heard('watch-waiting')
    await sleep(pauseMs)
    const told = new Promise<number>((resolve) => own.once('all', () => resolve(performance.now())))
    const began = performance.now()
    await writeFile(`${file}.sql`, sql)
    // Said when it is committed; asking the ledger again and again would take the time that is measured.
    const took = (await heard('migration-applied')) - began
    if (!(await isApplied(client, version, sql))) throw new Error(`${file}.sql was told, and is not in the ledger`)
    // The first of each is for warming up.
    if (turn > 0) {
      times.poststack.push(took)
      times.chokidar.push((await told) - began)
      times.sql.push(await timeSql(client, `CREATE TABLE plain_${String(turn)} (${columns})`))
    }
    await heard('watch-waiting')
  }
  const { poststack, chokidar, sql } = times
  return { poststack: timingOf(poststack), chokidar: timingOf(chokidar), sql: timingOf(sql) }
}

async function isApplied(client: Client, version: number, sql: string): Promise<boolean> {
  const text = "SELECT 1 FROM poststack.schema_migrations WHERE version = $1 AND up_sql = $2 AND state = 'applied'"
  return (await client.query(text, [version, sql])).rowCount === 1
}

async function timeSql(client: Client, statement: string): Promise<number> {
  const began = performance.now()
  await client.query(`BEGIN; ${statement}; COMMIT`)
  const took = performance.now() - began
  await client.query(statement.replace('CREATE TABLE', 'DROP TABLE').replace(/ \(.*/, ''))
  return took
}

const root = fileURLToPath(new URL('../..', import.meta.url))

async function writeProject(folder: string, port: number): Promise<void> {
  const config = `import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: 'psbench-watch-${String(process.pid)}',
  runtime: 'native',
  services: { db: postgres({ port: ${String(port)}, password: 'bench', migrations: './migrations' }) },
})
`
  await mkdir(join(folder, 'migrations'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'poststack'))
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  await writeFile(join(folder, 'poststack.config.ts'), config)
  await writeFile(join(folder, 'migrations', '0000_first.sql'), 'SELECT 1;\n')
}
