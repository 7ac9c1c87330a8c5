import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationEvent } from '../../../src/migrations/events.ts'
import { readMigrations } from '../../../src/migrations/files/read.ts'
import { readLedgerFacts } from '../../../src/migrations/ledger/facts.ts'
import { inspectRepair } from '../../../src/migrations/repair/cases.ts'
import { previewMigrate } from '../../../src/migrations/run/preview.ts'
import { migrationStates } from '../../../src/migrations/status.ts'
import { configProject } from '../../support/config-project.ts'
import { apply, failApply, failureOf, folderOf, ledgerRow, noticesOf, tablesOf } from '../../support/migrations.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'
import { repairSteps } from '../../support/repair.ts'

let server: TestServer
let database: TestDatabase

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => await server.stop())
beforeEach(async () => {
  database = await server.createDatabase()
})

const { inspect, settle, events, takeBack } = repairSteps(() => database)

describe('an applied file of which only comments and blanks were edited', () => {
  const before = { '1_a.sql': 'CREATE TABLE t (id int)' }
  const edited = { '1_a.sql': '-- users\nCREATE TABLE t (\n  id int\n);\n', '2_b.sql': 'CREATE TABLE b ();' }
  const signal = new AbortController().signal

  test('a run, a preview and a status go on, and name it; the ledger keeps the text that was applied', async () => {
    await apply(database, before)
    const { checksum } = await ledgerRow(database, 1)
    const preview = await previewMigrate({ connect: database.connect, signal, folder: folderOf(edited) })
    expect(preview.pending).toHaveLength(1)
    const heard: MigrationEvent[] = []
    const { applied } = await apply(database, edited, { onEvent: (event) => heard.push(event) })
    expect(applied).toMatchObject([{ version: '2' }])
    const [notice = ''] = noticesOf(heard)
    expect(heard).toContainEqual({ type: 'notice', file: '1_a.sql', message: notice })
    expect(preview.warnings).toEqual([`1_a.sql: ${notice}`])
    expect(notice).toMatchInlineSnapshot(
      `"only comments or blanks changed since it was applied. The structure is the same, so nothing is refused; poststack database repair has the ledger take the new text"`,
    )
    expect((await ledgerRow(database, 1))['checksum']).toBe(checksum)
    const { migrations } = folderOf(edited)
    const states = migrationStates(migrations, (await readLedgerFacts(await database.session(), migrations)) ?? [])
    expect(states).toMatchObject([{ state: 'applied', reformatted: true }, { state: 'applied' }])
    expect(states[0]).not.toHaveProperty('problem')
    heard.splice(0)
    const warned = { warned: true, onEvent: (event: MigrationEvent) => heard.push(event) }
    expect(await apply(database, edited, warned)).toMatchObject({ applied: [], already: 2 })
    expect(heard).toEqual([])
  })

  test('an edit of a string or of the order is refused as before', async () => {
    const two = { '1_a.sql': `CREATE TABLE t (); COMMENT ON TABLE t IS 'a b';` }
    await apply(database, two)
    for (const sql of [`CREATE TABLE t (); COMMENT ON TABLE t IS 'a  b';`, `CREATE TABLE t ();`])
      // oxlint-disable-next-line no-await-in-loop
      expect((await failApply(database, { '1_a.sql': sql })).code).toBe('MIGRATION_CHANGED')
  })
})

describe('texts that differ', () => {
  test('comments and blanks only: the ledger may take the new text', async () => {
    await apply(database, { '1_a.sql': 'CREATE TABLE t (id int)' })
    const edited = { '1_a.sql': '-- users\nCREATE TABLE t (\n  id int\n);\n' }
    const [found] = await inspect(edited)
    expect(found).toMatchObject({
      kind: 'reformatted',
      message: 'In 1_a.sql only comments or blanks changed since it was applied.',
    })
    expect(found?.lines).toContain('+-- users')
    await settle(edited, '1', 'accept-text', { seen: found?.mark })
    expect((await apply(database, edited)).already).toBe(1)
    expect(await events()).toEqual(['applied 1', 'text-accepted 1 accept-text'])
    const [event] = await database.rows(`SELECT detail FROM poststack.migration_events WHERE event = 'text-accepted'`)
    expect(event).toMatchObject({ detail: { before: { text: 'CREATE TABLE t (id int)' } } })
  })

  test('a real edit must not be offered to be accepted', async () => {
    await apply(database, { '1_a.sql': 'CREATE TABLE t (id int)' })
    const edited = { '1_a.sql': 'CREATE TABLE t (id bigint)' }
    expect(await inspect(edited)).toEqual([])
    expect((await failureOf(settle(edited, '1', 'accept-text'))).code).toBe('USAGE')
  })

  test('a rollback that was added or edited may be stored, and is used then', async () => {
    await apply(database, { '1_a.sql': 'CREATE TABLE t (); CREATE TABLE u ()' })
    const added = { '1_a.sql': 'CREATE TABLE t (); CREATE TABLE u ()', '1_a.rollback.sql': 'DROP TABLE u' }
    const [found] = await inspect(added)
    expect(found).toMatchObject({ kind: 'rollback-changed', message: expect.stringContaining('was added') as string })
    await settle(added, '1', 'store-rollback', { seen: found?.mark })
    const edited = { ...added, '1_a.rollback.sql': 'DROP TABLE u;\nDROP TABLE t;' }
    const [second] = await inspect(edited)
    expect(second).toMatchObject({ kind: 'rollback-changed', message: expect.stringContaining('was edited') as string })
    expect(second?.lines).toContain('+DROP TABLE t;')
    const wrong = await failureOf(settle({ ...edited, '1_a.rollback.sql': 'DROP TABEL u' }, '1', 'store-rollback'))
    expect(wrong.code).toBe('MIGRATION_INVALID')
    expect(wrong.message).toMatch(/^1_a\.rollback\.sql, line 1, column 6: [^]*\nNothing was changed\.$/)
    expect(await inspect(edited)).toEqual([second])
    await settle(edited, '1', 'store-rollback')
    expect(await inspect(edited)).toEqual([])
    await takeBack()
    expect(await tablesOf(database)).toEqual([])
  })
})

describe('a file that is gone', () => {
  const texts = {
    '001-a.sql': 'CREATE TABLE a ();\n',
    '002-größe.sql': 'CREATE TABLE "größe" ();\n',
    '002-größe.rollback.sql': 'DROP TABLE "größe";\n',
  }

  test('may be written back as it was, with its rollback', async () => {
    await apply(database, texts)
    const root = await configProject({ '001-a.sql': texts['001-a.sql'] })
    const folder = await readMigrations(root)
    const cases = await inspectRepair({ connect: database.connect, folder, signal: new AbortController().signal })
    expect(cases.map(({ kind, version, offers }) => [kind, version, offers])).toEqual([
      [
        'file-missing',
        '002',
        [{ choice: 'write-file', does: 'Writes 002-größe.sql and its rollback with the text that the ledger has.' }],
      ],
    ])
    const result = await settle({}, '2', 'write-file', { folder, seen: cases[0]?.mark })
    expect(result.files).toEqual(['002-größe.sql', '002-größe.rollback.sql'])
    expect(result.message).toMatch(/^The files of Migration "002 größe" are written /)
    await rm(join(root, '001-a.sql'))
    const alone = await settle({}, '1', 'write-file', { folder: await readMigrations(root) })
    expect(alone.message).toMatch(/^The file of Migration "001 a" is written /)
    for (const [file, text] of Object.entries(texts)) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await readFile(join(root, file), 'utf8')).toBe(text)
    }
    expect(await apply(database, {}, { folder: await readMigrations(root) })).toEqual({ applied: [], already: 2 })
    expect(await events()).toContain('repaired 002 write-file')
  })

  test('must not be written over another, and then nothing is changed', async () => {
    await apply(database, texts)
    const root = await configProject({ '001-a.sql': texts['001-a.sql'] })
    const folder = await readMigrations(root)
    await writeFile(join(root, '002-größe.rollback.sql'), 'mine')
    const error = await failureOf(settle({}, '2', 'write-file', { folder }))
    expect([error.code, error.message]).toEqual([
      'NAME_TAKEN',
      '002-größe.rollback.sql is there already. Nothing was changed.',
    ])
    expect((await readdir(root)).toSorted()).toEqual(['001-a.sql', '002-größe.rollback.sql'])
    expect(await readFile(join(root, '002-größe.rollback.sql'), 'utf8')).toBe('mine')
    expect(await events()).not.toContain('repaired 002 write-file')
  })

  test('that only has another number is told, not written again', async () => {
    await apply(database, texts)
    const [found] = await inspect({ '001-a.sql': texts['001-a.sql'], '005-größe.sql': texts['002-größe.sql'] })
    expect(found).toMatchObject({ kind: 'file-missing', offers: [] })
    expect(found?.message).toContain('005-größe.sql has the same text: rename it back to number 002.')
  })

  test('must never be written outside of the folder, whatever the ledger says', async () => {
    await apply(database, texts)
    await database.rows(`UPDATE poststack.schema_migrations SET name = 'x/../../evil' WHERE version = 2`)
    const root = await configProject({ 'm/001-a.sql': texts['001-a.sql'] })
    const folder = await readMigrations(join(root, 'm'))
    const [found] = await inspectRepair({ connect: database.connect, folder, signal: new AbortController().signal })
    expect(found?.offers).toEqual([])
    expect((await failureOf(settle({}, '2', 'write-file', { folder }))).code).toBe('USAGE')
  })
})
