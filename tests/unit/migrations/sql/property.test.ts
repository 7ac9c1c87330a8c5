import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileSql } from '../../../../src/migrations/sql/compile.ts'
import type { Program, Script } from '../../../../src/migrations/sql/program.ts'
import { scanStatements } from '../../../../src/migrations/sql/statements.ts'

// Files are put together from statements and what may stand between them; compiling must give exactly the statements back.

interface Block {
  readonly sql: string
  readonly data?: string
}

const plain = fc.constantFrom(
  'select 1',
  "insert into t values ('a;''b', E'c\\';\\\\', U&'\\0041', 'größe 😀')",
  'create table "t;""x" (a int, b text default $$;$$)',
  "do $body$ begin perform ';'; execute $$ select 1; $$; end $body$",
  'create function f() returns int language sql begin atomic select case when true then 1 end; select 2; end',
  'create rule r as on insert to t do also (insert into u values (1); insert into v values (2))',
  'update /* ; */ t set a = a -- ;\n + 1',
  "select E'a'\n 'b\\';'",
  'savepoint a',
  "select 1::text || '--' || '/*'",
)
const lonely = fc.constantFrom(
  'vacuum t',
  'create index concurrently größe on t (a)',
  'drop index concurrently if exists i',
)
const rows = fc.array(fc.constantFrom("1\t'\n", ';\n', '\\N\t\\\\.\n', 'ü😀 $$ /* --\n', '\n', ' \\.\n', '\\.x\n'), {
  maxLength: 4,
})
const copied = rows.map((lines) => ({ sql: 'copy t (a) from stdin', data: lines.join('') }))
const block: fc.Arbitrary<Block> = fc.oneof(
  { weight: 4, arbitrary: plain.map((sql) => ({ sql })) },
  { weight: 1, arbitrary: lonely.map((sql) => ({ sql })) },
  { weight: 1, arbitrary: copied },
)
const between = fc
  .array(
    fc.constantFrom(
      ' ',
      '\n',
      '\t',
      "-- a; 'b\n",
      '/* c /* ; */ $$ */',
      ';',
      '\u00a0',
      '\ufeff',
      '\u2003\n',
      '\\restrict k\n',
      '-- 😀\n',
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''))
const file = fc.record({
  head: between,
  blocks: fc.array(fc.tuple(block, between), { maxLength: 8 }),
  close: fc.boolean(),
})

function join({
  head,
  blocks,
  close,
}: {
  head: string
  blocks: readonly (readonly [Block, string])[]
  close: boolean
}): string {
  let sql = head
  for (const [number, [{ sql: statement, data }, after]] of blocks.entries()) {
    const last = number === blocks.length - 1
    if (data !== undefined) sql += `${statement};\n${data}\\.\n${after}`
    else sql += last && !close ? statement : `${statement};${after}`
  }
  return sql
}

async function compile(sql: string): Promise<Program> {
  const compiled = await compileSql(sql)
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems))
  return compiled.program
}

function bounds(list: readonly { readonly start: number; readonly end: number }[]): unknown {
  return list.map(({ start, end }) => [start, end])
}

function scriptsOf({ parts }: Program): readonly Script[] {
  return parts.flatMap((part) => (part.kind === 'group' ? part.scripts : [part.script]))
}

test('exactly the statements that were joined must come back, with their data', async () => {
  await fc.assert(
    fc.asyncProperty(file, async (parts) => {
      const sql = join(parts)
      const program = await compile(sql)
      const expected = parts.blocks.map(([one]) => one)
      expect(program.parsed).toBe(true)
      expect(program.statements.map(({ start, end }) => sql.slice(start, end))).toEqual(expected.map((one) => one.sql))
      expect(scriptsOf(program).flatMap(({ copies }) => copies)).toEqual(
        expected.flatMap(({ data }) => (data === undefined ? [] : [data])),
      )
      const counted = program.parts.reduce((first, part) => (expect(part.first).toBe(first), first + part.count), 0)
      expect(counted).toBe(expected.length)
      expect(new Set(program.statements.map(({ chain }) => chain)).size).toBe(expected.length)
    }),
    { numRuns: 100 },
  )
})

test('scripts laid at their offsets must be the file, but for what is blanked and what stands between statements', async () => {
  await fc.assert(
    fc.asyncProperty(file, async (parts) => {
      const sql = join(parts)
      const program = await compile(sql)
      const scripts = scriptsOf(program)
      let end = 0
      for (const { text, offset } of scripts) {
        expect(offset).toBeGreaterThanOrEqual(end)
        end = offset + text.length
        const original = sql.slice(offset, end)
        expect(text).toHaveLength(original.length)
        for (let index = 0; index < text.length; index++) {
          if (text[index] !== original[index]) expect(text[index]).toBe(' ')
        }
      }
      for (const { start, end: stop } of program.statements) {
        const holder = scripts.find(({ text, offset }) => offset <= start && stop <= offset + text.length)
        expect(holder?.text.slice(start - holder.offset, stop - holder.offset)).toBe(sql.slice(start, stop))
      }
    }),
    { numRuns: 100 },
  )
})

test('scanner and parser must agree where statements begin and end', async () => {
  await fc.assert(
    fc.asyncProperty(file, async (parts) => {
      const sql = join(parts)
      expect(bounds((await compile(sql)).statements)).toEqual(bounds(scanStatements(sql)))
    }),
    { numRuns: 100 },
  )
})

test('any text at all must be compiled or have problems inside it, and never fail', async () => {
  const token = fc.constantFrom(
    "'",
    '"',
    '$$',
    '$a$',
    '\\',
    ';',
    '(',
    ')',
    '/*',
    '*/',
    '--',
    '\n',
    ' ',
    'begin',
    'commit',
    'atomic',
    'create',
    'copy t from stdin',
    'E',
    'end',
    '\\.',
    '\\i',
    'select 1',
    '😀',
    '\u00a0',
    'vacuum',
    '-- poststack:',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(token, { maxLength: 25 }), async (tokens) => {
      const sql = tokens.join('')
      const compiled = await compileSql(sql)
      if ('problems' in compiled) {
        expect(compiled.problems.length).toBeGreaterThan(0)
        for (const { index } of compiled.problems) expect(index).toBeLessThan(sql.length)
      } else {
        for (const { start, end } of compiled.program.statements) expect(start).toBeLessThan(end)
      }
    }),
    { numRuns: 300 },
  )
})
