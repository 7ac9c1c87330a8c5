/**
 * What is taken back when files are not as they were applied, on a real server: nothing that is there again by then.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { StackEvent } from '../../../src/events.ts'
import type { DeclaredDatabase } from '../../../src/execute/database/choice.ts'
import { connect } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { createProofs, type Proofs } from '../../../src/watch/proofs.ts'
import { type ConfirmTakeBack, type OnEdit, takeBackEdits, type TakeBackEnd } from '../../../src/watch/take-back.ts'
import { apply, ledgerOf, type SqlFiles } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

const files: SqlFiles = {
  '1_a.sql': 'CREATE TABLE a ()',
  '1_a.rollback.sql': 'DROP TABLE a',
  '2_b.sql': 'CREATE TABLE b (id int)',
  '2_b.rollback.sql': 'DROP TABLE b',
}
const edited = 'CREATE TABLE b (id bigint)'

let server: TestServer
let database: TestDatabase
let root: string
let events: StackEvent[]
let changed: AbortController

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ps-take-back-'))
  await mkdir(join(root, 'migrations'))
  for (const [file, text] of Object.entries(files)) await put(file, text)
  database = await server.createDatabase()
  await apply(database, files)
  await database.rows('INSERT INTO b VALUES (1)')
  events = []
  changed = new AbortController()
})
afterEach(() => rm(root, { recursive: true, force: true }))

const put = (file: string, text: string): Promise<void> => writeFile(join(root, 'migrations', file), text)
const second = ['2_b.sql', '2_b.rollback.sql'] as const
async function leave(): Promise<void> {
  for (const file of second) await rm(join(root, 'migrations', file))
}
async function putBack(): Promise<void> {
  for (const file of second) await put(file, files[file] ?? '')
}

const agreeTooLate: ConfirmTakeBack = async () => {
  await putBack()
  return true
}
const agree: ConfirmTakeBack = () => Promise.resolve(true)
const neverAnswer: ConfirmTakeBack = () => {
  changed.abort()
  return new Promise(() => undefined)
}

function declared(): DeclaredDatabase {
  const { host, port, user, database: name } = database.target
  const connectTo =
    (other: string): Connect =>
    ({ applicationName, signal }) =>
      connect({ ...database.target, database: other, applicationName }, signal)
  const names = { service: 'db', host, port, user, database: name, migrations: join(root, 'migrations'), root }
  return { ...names, owned: true, connect: connectTo(name), connectTo }
}

const { signal } = new AbortController()

async function takeBack(
  onEdit: OnEdit,
  confirm: ConfirmTakeBack,
  proofs: Proofs = createProofs(signal),
): Promise<TakeBackEnd> {
  return await takeBackEdits({
    database: declared(),
    onEdit,
    proofs,
    confirm,
    changed: changed.signal,
    emit: (event) => void events.push(event),
    signal,
  })
}

async function expectKept(): Promise<void> {
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
  expect(await database.rows('SELECT id FROM b')).toEqual([{ id: 1 }])
  expect(events.filter(({ type }) => type === 'warning')).toEqual([
    { type: 'warning', message: expect.stringContaining('db: files have changed meanwhile') as string },
  ])
}

test.each<readonly [string, OnEdit, () => Promise<void>]>([
  ['gone', 'rollback', leave],
  ['edited', 'ask', () => put('2_b.sql', edited)],
])('a file that was %s must keep its rows when it is there again before the answer', async (_, onEdit, change) => {
  await change()
  expect(await takeBack(onEdit, agreeTooLate)).toBe('stale')
  await expectKept()
})

test('a question must be withdrawn when files change, without an answer', async () => {
  await leave()
  expect(await takeBack('rollback', neverAnswer)).toBe('stale')
  await expectKept()
})

test('an edit that is undone while its rollback is tried must keep its rows', async () => {
  await put('2_b.sql', edited)
  const proofs = createProofs(signal)
  const undoing: Proofs = {
    ...proofs,
    of: async (...asked) => {
      const proof = await proofs.of(...asked)
      await putBack()
      return proof
    },
  }
  expect(await takeBack('rollback', () => Promise.resolve(true), undoing)).toBe('stale')
  await expectKept()
})

test('what still holds must be done, also when it was answered at once while files change', async () => {
  await leave()
  changed.abort()
  expect(await takeBack('rollback', () => Promise.resolve(true))).toBe('done')
  expect(await ledgerOf(database)).toEqual(['1 applied'])
})

test('a rollback file that was written since must serve where none was stored, when it restores the schema', async () => {
  await put('3_c.sql', 'CREATE TABLE c (id int)')
  await apply(database, { ...files, '3_c.sql': 'CREATE TABLE c (id int)' })
  await put('3_c.sql', 'CREATE TABLE c (id bigint)')
  await expect(takeBack('rollback', agree)).rejects.toThrow('it has no rollback file. Nothing was done.')
  await put('3_c.rollback.sql', 'SELECT 1')
  await expect(takeBack('rollback', agree)).rejects.toThrow('tried on a copy, does not restore the schema')
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied', '3 applied'])
  await put('3_c.rollback.sql', 'DROP TABLE c')
  expect(await takeBack('rollback', agree)).toBe('done')
  expect(await ledgerOf(database)).toEqual(['1 applied', '2 applied'])
  expect(await database.rows("SELECT to_regclass('c') AS c")).toEqual([{ c: null }])
})
