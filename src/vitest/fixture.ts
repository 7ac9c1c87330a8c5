/**
 * `poststack/vitest`: a `test` whose tests get a database of their own. It needs the global setup `poststack/vitest/setup`.
 */
import { randomBytes } from 'node:crypto'
import type { RunnerTask } from 'vitest'
import { inject, test as base, type TestAPI } from 'vitest'

import { parseDatabaseUrl } from '../config/database-url.ts'
import { PoststackError } from '../errors.ts'
import type { ConnectTarget } from '../execute/database/database.ts'
import { createSql } from '../execute/database/sql.ts'
import type { OwnedSql, Sql } from '../execute/sql.ts'
import { cloneDatabase, dropStatement } from '../execute/test-databases.ts'
import { type Ahead, createAhead } from './ahead.ts'
import type { ProvidedDatabases } from './provided.ts'

export type { Sql } from '../execute/sql.ts'

/** A database with all migrations applied and seeded, and nothing else in it. */
export interface TestDatabase {
  /** `postgresql://user:password@host:port/database`, for your own driver. Sessions that are open at the end are ended. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  /** Statements in it. */
  readonly sql: Sql
}

export interface DatabaseFixtures {
  /** A database of this very test: nobody else has seen it, and it is dropped when the test has ended. */
  readonly database: TestDatabase
  /** A database of the worker, which its tests share, also those of other files: made once for a worker of Vitest's pool. */
  readonly workerDatabase: TestDatabase
}

interface OpenedDatabase extends TestDatabase {
  readonly sql: OwnedSql
}

interface Server {
  readonly provided: ProvidedDatabases
  /** Sessions in the declared database, to make others from. */
  readonly admin: OwnedSql
  /** Another one, to drop them: what is dropped holds up nothing that is made. */
  readonly dropping: OwnedSql
  readonly ahead: Ahead<OpenedDatabase>
}

let opened: Server | undefined

/** One for the life of the worker. It keeps no worker from ending. */
function server(): Server {
  const provided = inject('poststack') as ProvidedDatabases | undefined
  if (provided === undefined) {
    throw new PoststackError('USAGE', 'There are no databases for tests: the global setup has not run.', {
      hint: "Add to Vitest's config: test: { globalSetup: 'poststack/vitest/setup' }",
    })
  }
  // In watch mode another template may have been made meanwhile; what was made ahead of the old one goes with the run.
  if (opened?.provided.url !== provided.url || opened.provided.template !== provided.template) opened = open(provided)
  return { ...opened, provided }
}

function open(provided: ProvidedDatabases): Server {
  const admin = createSql(targetOf(provided.url), { max: 2 })
  const dropping = createSql(targetOf(provided.url), { max: 1 })
  return { provided, admin, dropping, ahead: createAhead(() => ownDatabase(admin, provided)) }
}

async function ownDatabase(admin: OwnedSql, provided: ProvidedDatabases): Promise<OpenedDatabase> {
  const name = `${provided.prefix}${randomBytes(6).toString('hex')}`
  await cloneDatabase(admin, name, provided.template)
  const database = databaseNamed(name, provided)
  // The first session of a database builds caches that all others find; it is gone before the test begins.
  await database.sql.query('SELECT').catch(() => undefined)
  await database.sql.end()
  return database
}

function targetOf(url: string): ConnectTarget {
  return { ...parseDatabaseUrl(url), applicationName: 'poststack tests', connectTimeoutMs: 15_000 }
}

function databaseNamed(name: string, { url }: ProvidedDatabases): OpenedDatabase {
  const own = new URL(url)
  own.pathname = `/${name}`
  const target = targetOf(own.href)
  const { host, port, user, password, database } = target
  return { url: own.href, host, port, user, password, database, sql: createSql(target) }
}

export const test: TestAPI<DatabaseFixtures> = base.extend<DatabaseFixtures>({
  database: async ({ task }, use) => {
    const { ahead, dropping } = server()
    const database = await ahead.take(hasMore(task.file.tasks, task.id))
    try {
      await use(database)
    } finally {
      await database.sql.end()
      // Not waited for: the next test has nothing to do with it, and what is left the global teardown drops.
      dropping.query(dropStatement(database.database)).catch(() => undefined)
    }
  },
  workerDatabase: [
    async ({}, use) => {
      const { admin, provided } = server()
      const name = `${provided.prefix}worker${process.env['VITEST_POOL_ID'] ?? '1'}_${String(provided.round)}`
      await cloneDatabase(admin, name, provided.template)
      const database = databaseNamed(name, provided)
      try {
        await use(database)
      } finally {
        await database.sql.end()
      }
    },
    { scope: 'worker' },
  ],
})

/** Whether another test of the file is still to be run, which will then want a database, too. */
function hasMore(tasks: readonly RunnerTask[], current: string): boolean {
  return tasks.some((task) =>
    task.type === 'suite'
      ? hasMore(task.tasks, current)
      : task.id !== current && (task.mode === 'run' || task.mode === 'queued') && task.result === undefined,
  )
}
