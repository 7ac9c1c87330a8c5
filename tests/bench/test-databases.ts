/**
 * What a database of its own costs a test, on the native runtime with a server's usual durability: a copy of the template and the first answer
 * in it, beside an empty database made by the bare driver; and the drop, which no test waits for.
 */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { parseDatabaseUrl } from '../../src/config/database-url.ts'
import { createSql } from '../../src/execute/database/sql.ts'
import { connectToUrl } from '../../src/execute/database/url.ts'
import type { OwnedSql } from '../../src/execute/sql.ts'
import { cloneDatabase, dropStatement, openTestRun } from '../../src/execute/test-databases.ts'
import { createAhead } from '../../src/vitest/ahead.ts'
import { freePort } from '../support/ports.ts'
import { runProgram, timingOf, type Timing } from './measure.ts'
import { poststackIn } from './stacks.ts'

export interface TestDatabaseRow {
  readonly name: string
  readonly copied: Timing
  /** What a test waits for the same where tests take `testMs` each, and it is made while the one before runs. */
  readonly ahead: Timing
  readonly empty: Timing
  readonly dropped: Timing
}

/** How long a test takes that has a database. */
export const testMs = 100

export interface TestDatabaseBench {
  readonly runs: number
  readonly isWanted: (name: string) => boolean
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

export async function measureTestDatabases(bench: TestDatabaseBench): Promise<readonly TestDatabaseRow[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  const port = await freePort()
  const url = `postgresql://poststack:bench@127.0.0.1:${String(port)}/poststack`
  await writeProject(folder, port)
  try {
    const up = await runProgram(poststackIn(folder, ['up']))
    if (up.code !== 0) throw new Error(up.output)
    const rows: TestDatabaseRow[] = []
    for (const tables of [5, 100]) {
      const name = `a database with ${String(tables)} tables`
      if (!bench.isWanted(name)) continue
      bench.say(`tests: ${name}`)
      // oxlint-disable-next-line no-await-in-loop -- one after the other, for they would disturb each other
      rows.push({ name, ...(await measureTables(url, tables, bench)) })
    }
    return rows
  } finally {
    await runProgram(poststackIn(folder, ['down', '--volumes', '--yes']))
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureTables(
  url: string,
  tables: number,
  { runs, signal }: TestDatabaseBench,
): Promise<Omit<TestDatabaseRow, 'name'>> {
  const run = await openTestRun(connectToUrl(url), signal)
  const admin = sqlOf(url, 'poststack')
  const plain = new Client({ connectionString: url })
  await plain.connect()
  const times = { copied: [] as number[], ahead: [] as number[], empty: [] as number[], dropped: [] as number[] }
  try {
    const template = await run.template({
      family: 'bench',
      key: `${String(process.pid)}${String(tables)}`,
      fill: async (connect) => {
        const connection = await connect({ applicationName: 'bench', signal })
        const numbers = Array.from({ length: tables }, (_, index) => String(index))
        await connection.script(numbers.map((n) => `CREATE TABLE t${n} (id bigint PRIMARY KEY, body text);`).join('\n'))
        await connection.close()
      },
    })
    for (let turn = 0; turn <= runs; turn += 1) {
      const name = `${run.prefix}${String(turn)}`
      const copied = await timed(async () => {
        await cloneDatabase(admin, name, template)
        const sql = sqlOf(url, name)
        await sql`SELECT 1`
        await sql.end()
      })
      const dropped = await timed(() => admin.query(dropStatement(name)))
      const empty = await timed(() => plain.query(`CREATE DATABASE ${name}`))
      await plain.query(dropStatement(name))
      // The first of each is for warming up.
      if (turn === 0) continue
      times.copied.push(copied)
      times.dropped.push(dropped)
      times.empty.push(empty)
    }
    times.ahead.push(...(await waitedFor(url, { admin, template, prefix: run.prefix, runs })))
    await plain.query(`DROP DATABASE ${template}`)
  } finally {
    await plain.end()
    await admin.end()
    await run.close()
  }
  const { ahead, copied, dropped, empty } = times
  return { copied: timingOf(copied), ahead: timingOf(ahead), dropped: timingOf(dropped), empty: timingOf(empty) }
}

interface Series {
  readonly admin: OwnedSql
  readonly template: string
  readonly prefix: string
  readonly runs: number
}

/** Tests one after the other, each with a database of its own, as the fixture does it. */
async function waitedFor(url: string, { admin, template, prefix, runs }: Series): Promise<readonly number[]> {
  let number = 0
  const ahead = createAhead(async () => {
    number += 1
    const name = `${prefix}a${String(number)}`
    await cloneDatabase(admin, name, template)
    const sql = sqlOf(url, name)
    await sql`SELECT 1`
    await sql.end()
    return name
  })
  const dropping = sqlOf(url, 'poststack')
  const drops: Promise<unknown>[] = []
  const times: number[] = []
  for (let turn = 0; turn <= runs; turn += 1) {
    const began = performance.now()
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const name = await ahead.take(turn < runs)
    if (turn > 0) times.push(performance.now() - began)
    // oxlint-disable-next-line no-await-in-loop
    await sleep(testMs)
    drops.push(dropping.query(dropStatement(name)))
  }
  await Promise.all(drops)
  await dropping.end()
  return times
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await body()
  return performance.now() - began
}

function sqlOf(url: string, database: string): OwnedSql {
  return createSql({ ...parseDatabaseUrl(url), database, applicationName: 'bench', connectTimeoutMs: 15_000 })
}

const root = fileURLToPath(new URL('../..', import.meta.url))

async function writeProject(folder: string, port: number): Promise<void> {
  const config = `import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: 'psbench-tests-${String(process.pid)}',
  runtime: 'native',
  services: { db: postgres({ port: ${String(port)}, password: 'bench' }) },
})
`
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'poststack'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n')
  await writeFile(join(folder, 'poststack.config.ts'), config)
}
