/**
 * Migrations: each tool on a database of its own, all on one PostgreSQL with a server's usual durability, in turns.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '../../src/migrations/connection.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { timeOnce, timingOf, type Timing } from './measure.ts'
import { writeMigrations, type MigrationFiles } from './migration-files.ts'
import { toolsWith, type Deed, type Target, type Tool } from './migration-tools.ts'
import { installPeers } from './peers.ts'

export interface MigrationRow {
  readonly name: string
  /** By the tools' names; a text says why it was not measured. */
  readonly cells: Readonly<Record<string, Timing | string>>
}

export interface MigrationsResult {
  readonly tools: readonly string[]
  readonly rows: readonly MigrationRow[]
  readonly server: string
  /** Why there is nothing of the peers. */
  readonly missing: string | undefined
}

export interface MigrationsOptions {
  readonly runs: number
  readonly isWanted: (name: string) => boolean
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

const sizes = [10, 100, 1000]
/** The other deeds are measured on the largest. */
const largest = 1000

const nameOf = (deed: Deed, count: number): string =>
  ({
    apply: `apply ${count}`,
    again: `nothing to do, ${count} applied`,
    status: `status, ${count} applied`,
    rollback: `roll back ${count}`,
  })[deed]

export async function measureMigrations(options: MigrationsOptions): Promise<MigrationsResult> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  let server: TestServer | undefined
  try {
    const peers = await installPeers(folder)
    server = await startPostgres({}, { durable: true })
    const bench = await openBench(server, toolsWith(peers), options)
    for (const count of sizes)
      await measureSize(bench, count, await writeMigrations(join(folder, String(count)), count))
    const missing = typeof peers === 'string' ? peers : undefined
    return { tools: bench.tools.map(({ name }) => name), rows: rowsOf(bench), server: bench.version, missing }
  } finally {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Bench extends MigrationsOptions {
  readonly server: TestServer
  readonly admin: Connection
  readonly version: string
  readonly tools: readonly Tool[]
  /** By row, then by tool. */
  readonly found: Map<string, Map<string, number[] | string>>
}

async function openBench(server: TestServer, tools: readonly Tool[], options: MigrationsOptions): Promise<Bench> {
  const admin = await (await server.createDatabase()).session()
  const { rows } = await admin.query('SHOW server_version')
  return { ...options, server, admin, version: String(rows[0]?.['server_version']), tools, found: new Map() }
}

async function measureSize(bench: Bench, count: number, files: MigrationFiles): Promise<void> {
  const deeds: readonly Deed[] = count === largest ? ['apply', 'again', 'status', 'rollback'] : ['apply']
  if (!deeds.some((deed) => bench.isWanted(nameOf(deed, count)))) return
  // The first round does not count: programs and files come into memory.
  for (let round = 0; round <= bench.runs; round++) {
    for (const tool of bench.tools) {
      bench.signal.throwIfAborted()
      const database = await bench.server.createDatabase()
      const target = { database, files, count }
      for (const deed of deeds) await measureOne(bench, tool, { deed, target, counts: round > 0 })
      await bench.admin.query(`DROP DATABASE ${database.target.database} WITH (FORCE)`)
    }
    bench.say(`${count} migrations: ${round === 0 ? 'warmed up' : `round ${round} of ${bench.runs}`}`)
  }
}

interface One {
  readonly deed: Deed
  readonly target: Target
  readonly counts: boolean
}

async function measureOne(bench: Bench, tool: Tool, one: One): Promise<void> {
  const { deed, target, counts } = one
  const program = tool.program(deed, target)
  const name = nameOf(deed, target.count)
  const row = bench.found.get(name) ?? new Map<string, number[] | string>()
  bench.found.set(name, row)
  if (typeof program === 'string') {
    row.set(tool.name, program)
    return
  }
  // What was written before this is not to be waited for in it.
  await bench.admin.query('CHECKPOINT')
  const took = await timeOnce(program)
  await checkTables(one, tool)
  const before = row.get(tool.name)
  if (counts) row.set(tool.name, [...(typeof before === 'object' ? before : []), took])
}

/** A tool that did nothing would be the fastest. */
async function checkTables({ deed, target }: One, tool: Tool): Promise<void> {
  const rows = await target.database.rows(
    "SELECT count(*)::int AS there FROM pg_class WHERE relname ~ '^bench_[0-9]{4}$'",
  )
  const there = rows[0]?.['there']
  const expected = deed === 'rollback' ? 0 : target.count
  if (there !== expected) throw new Error(`${tool.name} left ${String(there)} tables after ${deed}, not ${expected}`)
}

function rowsOf({ found, isWanted }: Bench): readonly MigrationRow[] {
  return [...found]
    .filter(([name]) => isWanted(name))
    .map(([name, row]) => {
      const cells = [...row].map(([tool, cell]) => [tool, typeof cell === 'string' ? cell : timingOf(cell)] as const)
      return { name, cells: Object.fromEntries(cells) }
    })
}
