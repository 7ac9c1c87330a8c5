import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { interruption } from '../../src/abort.ts'
import { ensureLedger } from '../../src/migrations/ledger/layout.ts'
import { readLedger } from '../../src/migrations/ledger/rows.ts'
import {
  compareContainers,
  readStackTables,
  writeStackTables,
  type ContainerRow,
  type ServiceRow,
  type StackRecord,
} from '../../src/migrations/ledger/stack-tables.ts'
import { recordStack } from '../../src/migrations/run/record-stack.ts'
import { compareText } from '../../src/config/text-order.ts'
import { apply, failureOf, shown } from '../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../support/postgres.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

function service(name: string, options: Partial<ServiceRow> = {}): ServiceRow {
  const common = { stack: 'shop', kind: 'container', runtime: 'podman', image: 'debian', specDigest: 'ab12' }
  return { name, ...common, addresses: ['tcp://127.0.0.1:80'], state: 'running', ...options }
}

function container(id: string, options: Partial<ContainerRow> = {}): ContainerRow {
  const image = { image: 'debian', imageId: 'sha256:1' }
  const now = { runtime: 'podman', state: 'running', exitCode: undefined, ports: ['127.0.0.1:80'] }
  return { id, service: 'web', name: 'shop-web', ...image, ...now, ...options }
}

const system = { stack: 'shop', root: '/projects/shop', runtime: 'podman' }
const shop: StackRecord = {
  system,
  services: [service('db', { kind: 'postgres' }), service('web')],
  containers: [container('1', { service: 'db', name: 'shop-db' }), container('2')],
  whole: true,
}

async function record(what: StackRecord, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
  return await recordStack({
    connect: database.connect,
    record: what,
    signal: new AbortController().signal,
    toolVersion: '1.2.3',
    onWaiting: () => {},
    ...options,
  })
}

async function recorded(): Promise<unknown> {
  return await readStackTables(await database.session())
}

/** Which transaction wrote each row, and when: nothing else shows a write that changed nothing. */
async function writes(): Promise<readonly Record<string, unknown>[]> {
  return await database.rows(`
    SELECT 'info ' || name AS row, xmin::text, updated_at::text FROM poststack.system_info
    UNION ALL SELECT 'service ' || name, xmin::text, updated_at::text FROM poststack.services
    UNION ALL SELECT 'container ' || id, xmin::text, updated_at::text FROM poststack.containers ORDER BY 1`)
}

async function ownTables(): Promise<readonly unknown[]> {
  const rows = await database.rows(`SELECT tablename FROM pg_tables WHERE schemaname = 'poststack' ORDER BY 1`)
  return rows.map((row) => row['tablename'])
}

const original = `
CREATE SCHEMA IF NOT EXISTS poststack;
CREATE TABLE poststack.services (id serial PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, type varchar(100) NOT NULL,
  status varchar(50) NOT NULL DEFAULT 'stopped', config jsonb);
INSERT INTO poststack.services (name, type) VALUES ('postgresql', 'database');`

describe('reading', () => {
  test('must give nothing and make nothing where there are no tables', async () => {
    expect(await recorded()).toBeUndefined()
    expect(await ownTables()).toEqual([])
  })

  test('must work in a read-only session, and give nothing to a role without rights instead of failing', async () => {
    await apply(database, { '1_a.sql': '' })
    await record(shop)
    await database.rows(`CREATE ROLE reader LOGIN PASSWORD 'x'`)
    const session = await database.session({ user: 'reader', password: 'x' })
    await session.query('SET default_transaction_read_only = on')
    expect(await readStackTables(session)).toBeUndefined()
    await database.rows('GRANT USAGE ON SCHEMA poststack TO reader')
    expect(await readStackTables(session)).toBeUndefined()
    await database.rows('GRANT SELECT ON ALL TABLES IN SCHEMA poststack TO reader')
    expect(await readStackTables(session)).toEqual(shop)
  })

  test('must tell tables that another tool made, and leave the ledger readable', async () => {
    await apply(database, { '1_a.sql': '' })
    await database.rows(`DROP TABLE poststack.containers; ALTER TABLE poststack.services RENAME COLUMN kind TO type`)
    expect(await recorded()).toBe('foreign')
    expect(await readLedger(await database.session())).toHaveLength(1)
  })
})

describe('recording', () => {
  test('must make with the ledger tables that explain themselves', async () => {
    await apply(database, { '1_a.sql': '' })
    const silent = await database.rows(`
      SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'poststack'::regnamespace
      AND c.relname IN ('system_info', 'services', 'containers') AND obj_description(c.oid, 'pg_class') IS NOT NULL`)
    expect(silent).toHaveLength(3)
    expect(await recorded()).toEqual({ system: {}, services: [], containers: [], whole: true })
  })

  test('must give back what was written, whatever it is', async () => {
    await apply(database, { '1_a.sql': '' })
    const session = await database.session()
    const word = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !text.includes('\0'))
    const name = word.filter((text) => text !== '')
    const anyService = fc.record({
      name,
      stack: word,
      kind: word,
      runtime: fc.option(word, { nil: undefined }),
      image: fc.option(word, { nil: undefined }),
      specDigest: fc.option(word, { nil: undefined }),
      addresses: fc.array(word, { maxLength: 3 }),
      state: word,
    })
    const anyContainer = fc.record({
      id: name,
      name: word,
      image: fc.option(word, { nil: undefined }),
      imageId: fc.option(word, { nil: undefined }),
      runtime: word,
      state: word,
      exitCode: fc.option(fc.integer({ min: -1, max: 255 }), { nil: undefined }),
      ports: fc.array(word, { maxLength: 3 }),
    })
    const anyRecord = fc
      .tuple(
        fc.uniqueArray(fc.tuple(anyService, fc.uniqueArray(anyContainer, { maxLength: 2, selector: ({ id }) => id })), {
          maxLength: 4,
          selector: ([{ name: key }]) => key,
        }),
        fc.record({ stack: word, root: word, runtime: word }),
      )
      .map(([all, facts]): StackRecord => ({
        system: facts,
        services: all.map(([row]) => row).toSorted((a, b) => compareText(a.name, b.name)),
        containers: all
          .flatMap(([row, many]) => many.map((one) => ({ ...one, id: `${row.name}/${one.id}`, service: row.name })))
          .toSorted(compareContainers),
        whole: true,
      }))
    await fc.assert(
      fc.asyncProperty(anyRecord, async (any) => {
        await writeStackTables(session, any, '1')
        expect(await readStackTables(session)).toEqual(any)
      }),
      { numRuns: 60 },
    )
  })

  test('must write nothing when nothing differs, and else the rows that do', async () => {
    await apply(database, { '1_a.sql': '' })
    await record(shop)
    const before = await writes()
    expect(before.map(({ row }) => row)).toEqual([
      'container 1',
      'container 2',
      'info ledger_layout',
      'info root',
      'info runtime',
      'info stack',
      'info tool_version',
      'service db',
      'service web',
    ])
    await record(shop)
    expect(await writes()).toEqual(before)
    await record({ ...shop, containers: [...shop.containers.slice(0, 1), container('3', { state: 'exited' })] })
    const after = await writes()
    const same = after.filter(({ row, xmin }) => before.some((old) => old['row'] === row && old['xmin'] === xmin))
    expect(same.map(({ row }) => row)).toEqual(before.map(({ row }) => row).filter((row) => row !== 'container 2'))
    expect(after.map(({ row }) => row)).toContain('container 3')
    expect(after.map(({ row }) => row)).not.toContain('container 2')
  })

  test('of some services must leave the rows of the others alone, and of the whole stack take away what is gone', async () => {
    await apply(database, { '1_a.sql': '' })
    await record(shop)
    await record({ system, services: [service('web', { state: 'absent' })], containers: [], whole: false })
    expect(await recorded()).toEqual({
      ...shop,
      services: [shop.services[0], service('web', { state: 'absent' })],
      containers: shop.containers.slice(0, 1),
    })
    const only = { ...shop, services: shop.services.slice(0, 1), containers: shop.containers.slice(0, 1) }
    await record(only)
    expect(await recorded()).toEqual(only)
  })

  test('must make the tables where an older ledger has none, once, however many ask at once', async () => {
    await apply(database, { '1_a.sql': '' })
    await database.rows('DROP TABLE poststack.containers, poststack.services')
    expect(await Promise.all([record(shop), record(shop), record(shop)])).toEqual([true, true, true])
    expect(await recorded()).toEqual(shop)
  })

  test('must leave tables of the same names alone, those of the original Poststack included', async () => {
    await database.rows(original)
    const session = await database.session()
    expect((await failureOf(ensureLedger(session, '1'))).code).toBe('LEDGER_FOREIGN')
    expect(await readStackTables(session)).toBe('foreign')
    expect(await record(shop)).toBe(false)
    expect(await database.rows('SELECT name, type, status FROM poststack.services')).toEqual([
      { name: 'postgresql', type: 'database', status: 'stopped' },
    ])
    expect(await ownTables()).toEqual(['services'])
  })

  test('must say why the server refuses, and leave nothing half-written', async () => {
    await apply(database, { '1_a.sql': '' })
    await record(shop)
    await database.rows(`ALTER TABLE poststack.containers ADD CHECK (state <> 'exited')`)
    const changed = { ...shop, services: [], containers: [container('9', { state: 'exited' })] }
    const error = await failureOf(record({ ...changed, services: [service('web', { state: 'failed' })] }))
    expect(shown(error)).toMatchInlineSnapshot(`
      "STEP_FAILED
      What runs could not be recorded in schema poststack: new row for relation "containers" violates check constraint "containers_state_check" (SQLSTATE 23514).

      Everything else is done. Mend what the server complains about, then run again."
    `)
    expect(await recorded()).toEqual(shop)
  })

  test('must end when it is told to, also while another session holds the tables', async () => {
    await apply(database, { '1_a.sql': '' })
    await record(shop)
    const other = await database.session()
    await other.query('BEGIN; LOCK TABLE poststack.containers IN ACCESS EXCLUSIVE MODE')
    const stop = new AbortController()
    const began = performance.now()
    setTimeout(() => stop.abort(interruption(stop.signal)), 200)
    const changed = { ...shop, services: [service('db', { kind: 'postgres' })], containers: [] }
    await expect(record(changed, { signal: stop.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(performance.now() - began).toBeLessThan(5000)
    await other.query('ROLLBACK')
    expect(await recorded()).toEqual(shop)
  })
})
