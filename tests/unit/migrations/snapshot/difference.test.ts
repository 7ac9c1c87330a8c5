import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeDifference, summarizeDifferences } from '../../../../src/migrations/snapshot/describe.ts'
import { compareSnapshots, judgeRollback } from '../../../../src/migrations/snapshot/difference.ts'
import { createSnapshot, type SchemaObject, type Snapshot } from '../../../../src/migrations/snapshot/snapshot.ts'
import { snapshots } from './schema-objects.ts'

type Row = readonly [kind: string, name: string, definition?: string, parent?: string]

function schema(...rows: readonly Row[]): Snapshot {
  const object = ([kind, name, definition = '', parent]: Row): SchemaObject =>
    parent === undefined ? { class: kind, name, definition } : { class: kind, name, definition, parent }
  return createSnapshot(rows.map(object))
}

function lines(before: Snapshot, after: Snapshot): readonly string[] {
  return compareSnapshots(before, after).map(describeDifference)
}

/** How many objects only the first has. */
function missing(here: Snapshot, there: Snapshot): number {
  return here.objects.filter((a) => !there.objects.some((b) => a.class === b.class && a.name === b.name)).length
}

function ordered(order: string): Snapshot {
  return schema(['column-order', 'public.t', `order: ${order}`])
}

const opposite = { added: 'removed', removed: 'added', changed: 'changed' } as const

describe('comparing', () => {
  test('a schema with itself must find nothing', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        expect(compareSnapshots(snapshot, snapshot)).toEqual([])
        expect(judgeRollback(snapshot, createSnapshot(snapshot.objects))).toEqual({ verdict: 'exact', differences: [] })
      }),
    )
  })

  test('the other way round must say the opposite of the same objects', () => {
    fc.assert(
      fc.property(snapshots, snapshots, (one, two) => {
        const turned = compareSnapshots(two, one).map(({ before, after, ...rest }) => ({
          ...rest,
          kind: opposite[rest.kind],
          ...(after === undefined ? {} : { before: after }),
          ...(before === undefined ? {} : { after: before }),
        }))
        expect(turned).toEqual(compareSnapshots(one, two))
      }),
    )
  })

  test('what changes are listed must account for every object that is not the same', () => {
    fc.assert(
      fc.property(snapshots, snapshots, (one, two) => {
        const differences = compareSnapshots(one, two)
        const counted = (kind: string): number =>
          differences
            .filter((difference) => difference.kind === kind)
            .reduce((sum, { parts = {} }) => sum + 1 + Object.values(parts).reduce((a, b) => a + b, 0), 0)
        expect(counted('added')).toBe(missing(two, one))
        expect(counted('removed')).toBe(missing(one, two))
      }),
    )
  })

  test('what comes with a table must be counted there, through any number of parents', () => {
    const parts: readonly Row[] = [
      ['table', 'public.t'],
      ['column', 'public.t.a', 'type: integer', 'table public.t'],
      ['column', 'public.t.b', 'type: integer', 'table public.t'],
      ['column-order', 'public.t', 'order: a, b', 'table public.t'],
      ['constraint', 't_pkey on public.t', 'definition: PRIMARY KEY (a)', 'table public.t'],
      ['index', 'public.t_pkey', 'definition: x', 'constraint t_pkey on public.t'],
      ['policy', 'p on public.t', '', 'table public.t'],
      ['policy', 'q on public.t', '', 'table public.t'],
    ]
    expect(lines(schema(), schema(...parts))).toEqual([
      '+ table public.t (2 columns, 1 constraint, 1 index, 2 policies)',
    ])
    expect(lines(schema(...parts), schema())).toEqual([
      '- table public.t (2 columns, 1 constraint, 1 index, 2 policies)',
    ])
    expect(lines(schema(...parts.slice(0, 4)), schema(...parts))).toEqual([
      '+ constraint t_pkey on public.t (1 index)',
      '+ policy p on public.t',
      '+ policy q on public.t',
    ])
  })

  test('another order among columns that both have must be told, one column more must not', () => {
    expect(lines(ordered('a, b'), ordered('a, x, b'))).toEqual([])
    expect(lines(ordered('a, "b, a", c'), ordered('c, "b, a"'))).toEqual([
      '~ column order public.t: order a, "b, a", c -> c, "b, a"',
    ])
  })

  test('of a changed object only what changed must be shown', () => {
    const one = schema(['column', 'public.t.a', 'type: integer\nnull: not null\ndefault: 0'])
    const two = schema(['column', 'public.t.a', 'type: integer\nnull: null\nowner: me'])
    expect(compareSnapshots(one, two)).toEqual([
      {
        kind: 'changed',
        class: 'column',
        name: 'public.t.a',
        before: 'default: 0\nnull: not null',
        after: 'null: null\nowner: me',
      },
    ])
    expect(lines(one, two)).toEqual(['~ column public.t.a: default 0 -> none; not null -> null; owner none -> me'])
  })
})

function change(before: string, after: string): string | undefined {
  return lines(schema(['function', 'f()', before]), schema(['function', 'f()', after]))[0]
}

function body(result: string): string {
  return `definition: CREATE OR REPLACE FUNCTION f()\n\t RETURNS integer\n\t LANGUAGE sql\n\tAS $$ SELECT ${result} FROM a_table WHERE nothing ELSE matters $$`
}

describe('describing', () => {
  test('a value of many lines must be one line', () => {
    expect(change('definition: a\n\tb: c', 'definition: a\n\tb: d')).toBe('~ function f(): definition a b: c -> a b: d')
  })

  test('of a long definition the part that changed must be shown', () => {
    expect(change(body('1'), body('2 + 2'))).toBe(
      '~ function f(): definition … SELECT 1 FROM … -> … SELECT 2 + 2 FROM …',
    )
    expect(change(body('1'), body(`'${'long '.repeat(30)}'`))?.length).toBeLessThan(160)
  })

  test('of what only became longer the end must be shown', () => {
    const long = `definition: ${'word '.repeat(20)}end`
    expect(change(long, `${long} NOT VALID`)).toBe('~ function f(): definition … end -> … end NOT VALID')
  })

  test('any two schemas must give one line a difference', () => {
    fc.assert(
      fc.property(snapshots, snapshots, (one, two) => {
        for (const line of lines(one, two)) expect(line).toMatch(/^[+~-] [^\n]+$/)
      }),
    )
  })

  test('a summary must not be longer than asked for, and say what it leaves out', () => {
    const many = compareSnapshots(schema(), schema(...'abcdefg'.split('').map((name): Row => ['table', name])))
    expect(summarizeDifferences(many)).toEqual(['+ table a', '+ table b', '+ table c', '+ table d', 'and 3 more'])
    expect(summarizeDifferences(many.slice(0, 5))).toHaveLength(5)
    expect(summarizeDifferences(many, 2)).toEqual(['+ table a', 'and 6 more'])
    expect(summarizeDifferences([])).toEqual([])
  })
})

describe('judging a rollback', () => {
  const before = schema(['enum', 'mood'], ['enum-value', `mood 'a'`], ['column-order', 't', 'order: a, b'])
  const left: Row = ['enum-value', `mood 'b'`, '', 'enum mood']

  test.each([
    ['exact', []],
    ['column-order', [['column-order', 't', 'order: b, a']]],
    ['irreversible', [left]],
    ['irreversible', [left, ['column-order', 't', 'order: b, a']]],
    ['not-restored', [left, ['index', 'i']]],
    ['not-restored', [['enum-value', `mood 'a'`, 'changed: yes']]],
    [
      'not-restored',
      [
        ['enum', 'other'],
        ['enum-value', `other 'b'`, '', 'enum other'],
      ],
    ],
  ] as const)('%s: %j', (verdict, rows) => {
    const kept = before.objects.filter(
      (object) => !rows.some(([kind, name]) => kind === object.class && name === object.name),
    )
    expect(judgeRollback(before, createSnapshot([...kept, ...schema(...rows).objects])).verdict).toBe(verdict)
  })

  test('a label that is gone is not one left behind', () => {
    expect(judgeRollback(schema(left), schema()).verdict).toBe('not-restored')
  })
})
