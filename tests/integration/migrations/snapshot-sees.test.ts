import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/migrations/connection.ts'
import { compareSnapshots, judgeRollback, type SchemaDifference } from '../../../src/migrations/snapshot/difference.ts'
import { readSnapshotWithin } from '../../../src/migrations/snapshot/read.ts'
import { packSnapshot } from '../../../src/migrations/snapshot/snapshot.ts'
import { startPostgres, type TestServer } from '../../support/postgres.ts'
import { since18 } from './snapshot-changes-others.ts'
import { changes } from './snapshot-changes.ts'
import { fixture, roles, type Change } from './snapshot-fixture.ts'

let server: TestServer
let session: Connection

beforeAll(async () => {
  server = await startPostgres({ allow_in_place_tablespaces: 'on', allow_system_table_mods: 'on' })
  session = await (await server.createDatabase()).session()
  await session.query(roles)
  await session.query(`CREATE TABLESPACE elsewhere LOCATION ''`)
  await session.query(fixture)
})
afterAll(async () => await server.stop())

const marks = { added: '+', removed: '-', changed: '~' }

function named(differences: readonly SchemaDifference[]): readonly string[] {
  return differences.map((difference) => `${marks[difference.kind]} ${difference.class} ${difference.name}`).toSorted()
}

/** In a transaction that is rolled back, so that all start from the same schema. */
async function tried<T>(act: () => Promise<T>): Promise<T> {
  await session.query('BEGIN')
  try {
    return await act()
  } finally {
    await session.query('ROLLBACK')
  }
}

async function expectSeen([change, undo, ...differences]: Change): Promise<void> {
  await tried(async () => {
    const before = await readSnapshotWithin(session)
    await session.query(change)
    const after = await readSnapshotWithin(session)
    expect(named(compareSnapshots(before, after))).toEqual(differences.toSorted())
    expect(after.fingerprint).not.toBe(before.fingerprint)
    await session.query(undo)
    const undone = await readSnapshotWithin(session)
    expect(named(compareSnapshots(before, undone))).toEqual([])
    expect(undone.fingerprint).toBe(before.fingerprint)
  })
}

describe.each(Object.entries(changes))('%s', (_part, list) => {
  test.for(list)('%s', async (change) => await expectSeen(change))
})

test.for(since18)('since PostgreSQL 18: %s', async (change, { skip }) => {
  const { rows } = await session.query(`SELECT current_setting('server_version_num')::integer >= 180000 AS can`)
  skip(rows[0]?.['can'] !== true, 'this server is older')
  await expectSeen(change)
})

test('since PostgreSQL 18: a NOT NULL that is restored must be the same under another name', async ({ skip }) => {
  const { rows } = await session.query(`SELECT current_setting('server_version_num')::integer >= 180000 AS can`)
  skip(rows[0]?.['can'] !== true, 'this server is older')
  await tried(async () => {
    await session.query('ALTER TABLE orders ADD CONSTRAINT present NOT NULL sum')
    const before = await readSnapshotWithin(session)
    await session.query('ALTER TABLE orders ALTER sum DROP NOT NULL; ALTER TABLE orders ALTER sum SET NOT NULL')
    expect(judgeRollback(before, await readSnapshotWithin(session)).verdict).toBe('exact')
  })
})

describe('what PostgreSQL cannot take back', () => {
  test.each([
    [
      'a column that was dropped and added again stands last',
      'ALTER TABLE orders DROP COLUMN sum CASCADE',
      'ALTER TABLE orders ADD sum numeric(8, 2), ADD doubled numeric GENERATED ALWAYS AS (sum * 2) STORED; ALTER TABLE orders DROP user_id, ADD user_id integer CONSTRAINT orders_user REFERENCES users',
      'column-order',
      ['~ column-order public.orders'],
    ],
    [
      'a label of an enum stays',
      `ALTER TYPE mood ADD VALUE 'angry' BEFORE 'ok'`,
      '',
      'irreversible',
      [`+ enum-value public.mood 'angry'`],
    ],
    [
      'with a label left behind, something else that was forgotten still counts',
      `ALTER TYPE mood ADD VALUE 'angry'; CREATE TABLE forgotten ()`,
      '',
      'not-restored',
      [`+ enum-value public.mood 'angry'`, '+ table public.forgotten'],
    ],
    [
      'a type that was not dropped is not a label',
      `CREATE TYPE fresh AS ENUM ('a', 'b')`,
      '',
      'not-restored',
      ['+ enum public.fresh'],
    ],
    [
      'a label of another name is not restored',
      `ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'`,
      '',
      'not-restored',
      [`+ enum-value public.mood 'fine'`, `- enum-value public.mood 'ok'`],
    ],
  ] as const)('%s', async (...[, up, down, verdict, differences]) => {
    await tried(async () => {
      const before = await readSnapshotWithin(session)
      await session.query(up)
      await session.query(down)
      const judged = judgeRollback(before, await readSnapshotWithin(session))
      expect(named(judged.differences)).toEqual(differences)
      expect(judged.verdict).toBe(verdict)
    })
  })

  test('labels in another order are a difference', async () => {
    await tried(async () => {
      const before = await readSnapshotWithin(session)
      await session.query(
        `ALTER TABLE heir NO INHERIT users; DROP TABLE users CASCADE; DROP TYPE mood CASCADE; CREATE TYPE mood AS ENUM ('happy', 'ok', 'sad')`,
      )
      expect(named(compareSnapshots(before, await readSnapshotWithin(session)))).toContain('~ enum-order public.mood')
    })
  })
})

test('no secret of a user mapping, a server or a subscription may be in a snapshot', async () => {
  await tried(async () => {
    await session.query(
      `ALTER SERVER far OPTIONS (ADD dsn 'postgres://u:hunter2@h/d', ADD connection 'user=u password=hunter2', ADD api_key 'hunter2')`,
    )
    await session.query(
      `CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere password=hunter2' PUBLICATION news WITH (connect = false, slot_name = NONE)`,
    )
    const text = packSnapshot(await readSnapshotWithin(session))
    expect(text).toContain('sub')
    expect(text).toContain('password=(hidden)')
    expect(text).not.toContain('hunter2')
  })
})
