import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPoststackError } from '../../../../src/errors.ts'
import {
  createSnapshot,
  packSnapshot,
  unpackSnapshot,
  type SchemaObject,
} from '../../../../src/migrations/snapshot/snapshot.ts'
import { snapshots } from './schema-objects.ts'

const table: SchemaObject = { class: 'table', name: 'public.a', definition: 'owner: x' }

describe('the fingerprint', () => {
  test('must not depend on the order of what came in', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        expect(createSnapshot(snapshot.objects.toReversed())).toEqual(snapshot)
      }),
    )
  })

  test.each([
    ['class', { ...table, class: 'view' }],
    ['name', { ...table, name: 'public.b' }],
    ['definition', { ...table, definition: 'owner: y' }],
    ['name, when text moves from one field to the next', { ...table, name: 'public.', definition: 'aowner: x' }],
  ])('must tell another %s', (_field, other) => {
    expect(createSnapshot([other]).fingerprint).not.toBe(createSnapshot([table]).fingerprint)
  })

  test('must stay what it is, because ledgers hold it: another one needs another format', () => {
    expect(createSnapshot([table]).fingerprint).toMatchInlineSnapshot(
      `"0f4c9295d4b0015ecd83690fc8ca0d45299894ce69e0543cf3fac373cef59a2e"`,
    )
  })
})

describe('a packed snapshot', () => {
  test('must come back the same', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        expect(unpackSnapshot(packSnapshot(snapshot))).toEqual(snapshot)
      }),
    )
  })

  test('of another format must be told from a snapshot of an empty schema', () => {
    expect(unpackSnapshot('{"format":99,"objects":[]}')).toBeUndefined()
    expect(unpackSnapshot(packSnapshot(createSnapshot([])))).toEqual(createSnapshot([]))
  })

  test.each([
    '',
    'nonsense',
    '[]',
    'null',
    '{"format":1}',
    '{"format":1,"objects":[1]}',
    '{"format":1,"objects":[["a","b"]]}',
  ])('that is none must be refused: %s', (text) => {
    let code: string | undefined
    try {
      unpackSnapshot(text)
    } catch (error) {
      code = isPoststackError(error) ? error.code : undefined
    }
    expect(code).toBe('LEDGER_FOREIGN')
  })
})
