import { expect, test } from 'vitest'

import { answerDocuments, answersText } from '../../../src/cli/report/query-words.ts'
import { table } from '../../../src/cli/report/words.ts'
import type { Answer } from '../../../src/migrations/connection.ts'

const [text, int4, int8, bool, json, float8] = [25, 23, 20, 16, 114, 701]
const answer: Answer = {
  command: 'SELECT',
  count: 2,
  columns: [
    { name: 'id', type: int4 },
    { name: 'name', type: text },
    { name: 'name', type: text },
  ],
  rows: [
    ['1', '日本', null],
    ['22', 'a\nb\u001B[31m', ''],
  ],
}

test('answers are tables, aligned by what a terminal shows, and no value steers it', () => {
  const inserted: Answer = { command: 'INSERT', count: 3, columns: [], rows: [] }
  const made: Answer = { command: 'CREATE', count: undefined, columns: [], rows: [] }
  expect(answersText([answer, inserted, made])).toMatchInlineSnapshot(`
    "id | name         | name
    ---+--------------+-------
     1 | 日本         | (null)
    22 | a\\nb\\x1b[31m |
    (2 rows)

    INSERT 3

    CREATE
    "
  `)
  expect(answersText([])).toContain('no statement')
})

test('values are JSON where nothing is lost by it, and names are unique', () => {
  const types: Answer = {
    command: 'SELECT',
    count: 1,
    columns: [int8, bool, json, float8, float8].map((type, index) => ({ name: `c${String(index)}`, type })),
    rows: [['12345678901234567890', 't', '{"a":[1]}', '1.5', 'NaN']],
  }
  expect(answerDocuments([answer, types])).toEqual([
    {
      command: 'SELECT',
      count: 2,
      columns: ['id', 'name', 'name_2'],
      rows: [
        { id: 1, name: '日本', name_2: null },
        { id: 22, name: 'a\nb\u001B[31m', name_2: '' },
      ],
    },
    {
      command: 'SELECT',
      count: 1,
      columns: ['c0', 'c1', 'c2', 'c3', 'c4'],
      rows: [{ c0: '12345678901234567890', c1: true, c2: { a: [1] }, c3: 1.5, c4: 'NaN' }],
    },
  ])
})

test('JSON with a number that would be rounded must stay the text that it is', () => {
  const texts = [
    '{"a":12345678901234567890}',
    '[1e400]',
    '[9007199254740991,0.30000000000000004]',
    '"12345678901234567890"',
  ]
  const columns = texts.map((_, index) => ({ name: `c${String(index)}`, type: json }))
  const [document] = answerDocuments([{ command: 'SELECT', count: 1, columns, rows: [texts] }])
  expect(document?.rows).toEqual([
    { c0: texts[0], c1: texts[1], c2: [9007199254740991, 0.30000000000000004], c3: '12345678901234567890' },
  ])
})

test('an answer may have more rows than a call takes arguments', () => {
  const rows = Array.from({ length: 200_000 }, (_, index) => [String(index + 1)])
  const many: Answer = { command: 'SELECT', count: rows.length, columns: [{ name: 'n', type: int4 }], rows }
  expect(answersText([many]).split('\n').slice(-3)).toEqual(['200000', '(200000 rows)', ''])
  expect(table(rows)).toHaveLength(200_000)
})
