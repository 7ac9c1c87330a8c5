import { describe, expect, test } from 'vitest'
import { compareStates } from '../../../src/execute/backup/compare.ts'
import { failed } from '../../../src/execute/backup/program.ts'
import {
  backupName,
  type DatabaseState,
  expired,
  isBackupName,
  type Manifest,
  parseManifest,
} from '../../../src/execute/backup/manifest.ts'
import { createSnapshot, packSnapshot, type SchemaObject } from '../../../src/migrations/snapshot/snapshot.ts'

const now = new Date('2026-11-26T01:12:48.500Z')

function state(objects: readonly SchemaObject[], more: Partial<DatabaseState> = {}): DatabaseState {
  const snapshot = createSnapshot(objects)
  return {
    serverVersion: 170_010,
    schema: { fingerprint: snapshot.fingerprint, snapshot: JSON.parse(packSnapshot(snapshot)) as unknown },
    rows: {},
    settings: [],
    ...more,
  }
}

function manifest(time: string, database: Partial<Manifest['database']> = {}): Manifest {
  return {
    format: 1,
    tool: 'poststack 1',
    time,
    database: { service: 'db', host: '127.0.0.1', port: 5432, name: 'shop', ...database },
    dump: 'custom',
    schemaOnly: false,
    verified: false,
    bytes: 1,
    sha256: '',
    state: state([]),
  }
}

describe('names', () => {
  test('a backup is called by what it is of and when, and nothing in a name leads elsewhere', () => {
    expect(backupName({ service: 'db', name: 'shop' }, 'custom', now)).toBe('db-shop-20261126-011248.dump')
    expect(backupName({ name: '../shop "x"' }, 'plain', now)).toBe('..-shop-x--20261126-011248.dump.sql')
  })

  test('what stands beside a backup is none', () => {
    expect(['a.dump', 'a.dump.sql', 'a.dump.json', 'a.dump.partial-0123', 'a.sql'].filter(isBackupName)).toEqual([
      'a.dump',
      'a.dump.sql',
    ])
  })
})

test('what a program has failed with is told with a way out that it has, and once', () => {
  const missing = { exitCode: 3, words: 'role "a" does not exist' }
  expect(failed('pg_restore', 'shop', missing).hint).toContain('--no-owner')
  expect(failed('psql', 'shop', missing).hint).not.toContain('--no-owner')
  expect(failed('psql', 'shop', { exitCode: 3, words: 'no' }).hint).not.toContain('Nothing was changed')
  for (const [program, words] of [
    ['pg_restore', 'pg_restore: error: could not read from input file: end of file'],
    ['pg_restore', 'pg_restore: error: did not find magic string in file header'],
    ['psql', 'ERROR:  syntax error at or near "hello"\nLINE 1: hello'],
  ] as const)
    expect(failed(program, 'shop', { exitCode: 1, words }).hint).toContain('list-backups')
})

describe('retention', () => {
  const days = ['2026-11-25', '2026-11-20', '2026-11-10', '2026-10-01'].map((day) => `${day}T00:00:00.000Z`)
  const backups = days.map((time) => ({ file: time.slice(0, 10), manifest: manifest(time) }))
  const of = manifest('')
  const gone = (retention: Parameters<typeof expired>[2], list = backups): readonly string[] =>
    expired(list, of, retention, now).map(({ file }) => file)

  test('without a limit nothing goes, and the newest stays whatever the limit', () => {
    expect(gone({})).toEqual([])
    expect(gone({ keep: 1 })).toEqual(['2026-10-01', '2026-11-10', '2026-11-20'])
    expect(gone({ keep: 3 })).toEqual(['2026-10-01'])
    expect(gone({ keepDays: 10 })).toEqual(['2026-10-01', '2026-11-10'])
    expect(gone({ keepDays: 1 }, backups.slice(2))).toEqual(['2026-10-01'])
    expect(gone({ keep: 3, keepDays: 10 })).toEqual(['2026-10-01', '2026-11-10'])
  })

  test('backups of other databases neither go nor count', () => {
    const others = [{ service: 'stats' }, { name: 'shop2' }].map((database, index) => ({
      file: `other ${String(index)}`,
      manifest: manifest('2026-11-26T00:00:00.000Z', database),
    }))
    expect(gone({ keep: 1 }, [...others, ...backups])).toEqual(['2026-10-01', '2026-11-10', '2026-11-20'])
  })

  test('whole backups and those of the schema alone neither go nor count for each other', () => {
    const schemaOnly = true
    const schemas = ['2026-11-26', '2026-11-01'].map((day) => ({
      file: `schema ${day}`,
      manifest: { ...manifest(`${day}T00:00:00.000Z`), schemaOnly },
    }))
    const all = [...backups, ...schemas]
    expect(gone({ keep: 1 }, all)).toEqual(['2026-10-01', '2026-11-10', '2026-11-20'])
    const left = expired(all, { ...of, schemaOnly }, { keep: 1 }, now)
    expect(left.map(({ file }) => file)).toEqual(['schema 2026-11-01'])
  })
})

describe('manifests', () => {
  test.each(['', 'null', '[]', '{"format":"1"}', '{"format":1}', '{"format":2}'])('%s is refused', (text) => {
    expect(() => parseManifest(text, '/b/x.dump.json')).toThrow(/\/b\/x\.dump\.json cannot be used/)
  })

  test('what was written is read back', () => {
    const written = manifest('2026-11-25T00:00:00.000Z')
    expect(parseManifest(JSON.stringify(written), 'x')).toEqual(written)
  })
})

const check = (definition: string): SchemaObject => ({
  class: 'constraint',
  name: 'a_b_check on public.a',
  definition,
})

const compare = (was: DatabaseState, is: DatabaseState, withoutOwners = false) =>
  compareStates(was, is, { withoutOwners })

describe('a copy against its original', () => {
  const table: SchemaObject = { class: 'table', name: 'public.a', definition: 'owner: postgres' }

  test('the same is the same', () => {
    expect(compare(state([table]), state([table]))).toEqual({ wrong: [], notes: [] })
  })

  test('casts that PostgreSQL moves about are no difference', () => {
    const was = "check: CHECK (((b)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])))"
    const is =
      "check: CHECK (((b)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text])))"
    expect(compare(state([table, check(was)]), state([table, check(is)]))).toEqual({ wrong: [], notes: [] })
  })

  test('another definition is told, and a missing object is wrong', () => {
    const [was, is] = [state([table, check('check: CHECK (b > 1)')]), state([table, check('check: CHECK (b > 2)')])]
    expect(compare(was, is).wrong).toEqual([])
    expect(compare(was, is).notes).toHaveLength(1)
    expect(compare(was, state([table])).wrong).toEqual(['- constraint a_b_check on public.a'])
    expect(compare(state([]), state([table])).wrong).toEqual(['+ table public.a'])
  })

  test('owners count unless they were left out on purpose', () => {
    const other = { ...table, definition: 'owner: somebody' }
    expect(compare(state([table]), state([other])).notes).toHaveLength(1)
    expect(compare(state([table]), state([other]), true)).toEqual({ wrong: [], notes: [] })
  })

  test('of a server of another major version the words do not count, and objects do', () => {
    const newer = { serverVersion: 180_001 }
    const is = state([table, check('check: CHECK (b > 2)')], newer)
    expect(compare(state([table, check('check: CHECK (b > 1)')]), is)).toEqual({
      wrong: [],
      notes: ['definitions were not compared: PostgreSQL 17 printed those of the backup'],
    })
    expect(compare(state([]), state([table], newer)).wrong).toEqual(['+ table public.a'])
  })

  test('rows and the ledger must be the same', () => {
    const ledger = { version: '002', migrations: 2, digest: 'aaaaaaaaaa' }
    const was = state([], { rows: { 'public.a': 3, 'public.b': 1 }, ledger })
    expect(compare(was, was).wrong).toEqual([])
    expect(compare(was, state([], { rows: { 'public.a': 2 } })).wrong).toEqual([
      'ledger: 2 migrations up to 002 (aaaaaaaa) in the backup, none in the copy',
      'public.a: 3 rows in the backup, 2 in the copy',
      'public.b: 1 rows in the backup, no such table in the copy',
    ])
  })
})
