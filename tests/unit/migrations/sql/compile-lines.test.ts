import { describe, expect, test } from 'vitest'
import { programText } from '../../../support/program-text.ts'

// One line a part: its statements' numbers, then each script with its place in the text, and the data after it.

describe('COPY data and psql lines', () => {
  test(`copy t from stdin; ⏎ 1 '; ⏎ \\\\. ⏎ \\N ⏎ \\. ⏎ select 1;`, async () => {
    expect(await programText(`copy t from stdin;\n1\t';\n\\\\.\n\\N\n\\.\nselect 1;\n`)).toMatchInlineSnapshot(
      `"group 0-1: @0 "copy t from stdin;" <- "1\\t';\\n\\\\\\\\.\\n\\\\N\\n" | @34 "select 1;""`,
    )
  })

  test('copy t (a, b) from stdin with (format csv); -- rows ⏎ \\. ⏎ copy public.u from stdin; ⏎ 2 ⏎ \\.', async () => {
    expect(
      await programText(
        'copy t (a, b) from stdin with (format csv); -- rows\n\\.\ncopy public.u from stdin;\n2\n\\.\n',
      ),
    ).toMatchInlineSnapshot(
      `"group 0-1: @0 "copy t (a, b) from stdin with (format csv);" <- "" | @55 "copy public.u from stdin;" <- "2\\n""`,
    )
  })

  test('COPY t FROM STDIN; ⏎ 1 ⏎ 2', async () => {
    expect(await programText('COPY t FROM STDIN;\n1\n2')).toMatchInlineSnapshot(
      `"group 0: @0 "COPY t FROM STDIN;" <- "1\\n2""`,
    )
  })

  test('copy t from stdin;', async () => {
    expect(await programText('copy t from stdin;')).toMatchInlineSnapshot(`"group 0: @0 "copy t from stdin;" <- """`)
  })

  test(`copy t to stdout; copy (select 1) to stdout; copy t from '/x'; copy t from program 'x'`, async () => {
    expect(
      await programText(`copy t to stdout; copy (select 1) to stdout; copy t from '/x'; copy t from program 'x'`),
    ).toMatchInlineSnapshot(
      `"group 0-3: @0 "copy t to stdout; copy (select 1) to stdout; copy t from '/x'; copy t from program 'x'""`,
    )
  })

  test('create table t (a int); copy t from stdin; ⏎ 1 ⏎ \\. ⏎ vacuum t; ⏎ copy t from stdin; ⏎ 2 ⏎ \\. ⏎ sele…', async () => {
    expect(
      await programText(
        'create table t (a int); copy t from stdin;\n1\n\\.\nvacuum t;\ncopy t from stdin;\n2\n\\.\nselect 2;',
      ),
    ).toMatchInlineSnapshot(`
      "group 0-1: @0 "create table t (a int); copy t from stdin;" <- "1\\n"
      alone 2: VACUUM (repeatable) @48 "vacuum t"
      group 3-4: @58 "copy t from stdin;" <- "2\\n" | @82 "select 2;""
    `)
  })

  test('-- poststack: no-transaction ⏎ copy t from stdin; ⏎ 1 ⏎ \\. ⏎ vacuum t;', async () => {
    expect(await programText('-- poststack: no-transaction\ncopy t from stdin;\n1\n\\.\nvacuum t;'))
      .toMatchInlineSnapshot(`
      "noTransaction: true
      alone 0: COPY (transactional) @29 "copy t from stdin" <- "1\\n"
      alone 1: VACUUM (repeatable) @53 "vacuum t""
    `)
  })

  test('copy t from stdin; select 1; ⏎ 1 ⏎ \\.', async () => {
    expect(await programText('copy t from stdin; select 1;\n1\n\\.\n')).toMatchInlineSnapshot(
      `"!1:20 something stands between COPY … FROM stdin; and the end of its line, where its data begins."`,
    )
  })

  test('select 1 +; ⏎ copy t from stdin; ⏎ 1 ⏎ \\. ⏎ select 2; -- x', async () => {
    expect(await programText('select 1 +;\ncopy t from stdin;\n1\n\\.\nselect 2; -- x')).toMatchInlineSnapshot(`
      "unparsed
      group 0-2: @0 "select 1 +;\\ncopy t from stdin;" <- "1\\n" | @35 "\\nselect 2; -- x""
    `)
  })

  test('\\restrict abc ⏎ select 1; ⏎ \\unrestrict abc', async () => {
    expect(await programText('\\restrict abc\nselect 1;\n\\unrestrict abc\n')).toMatchInlineSnapshot(
      `"group 0: @0 "             \\nselect 1;\\n               \\n""`,
    )
  })

  test('\\connect shop ⏎ select 1;', async () => {
    expect(await programText('\\connect shop\nselect 1;')).toMatchInlineSnapshot(
      `"!1:1 "\\connect" is a command of psql, not SQL, and a migration is not run by psql."`,
    )
  })

  test(`\\c shop ⏎ \\copy t from 'x' ⏎ \\set a 1 ⏎ \\echo hi ⏎ select 1 \\gexec ⏎ \\if true ⏎ \\timing ⏎ \\. ⏎ \\i x.sq…`, async () => {
    expect(
      await programText(
        `\\c shop\n\\copy t from 'x'\n\\set a 1\n\\echo hi\nselect 1 \\gexec\n\\if true\n\\timing\n\\.\n\\i x.sql\nselect 2\\;\n\\!ls\n\\\n\\foo`,
      ),
    ).toMatchInlineSnapshot(`
      "!1:1 "\\c" is a command of psql, not SQL, and a migration is not run by psql.
      !2:1 "\\copy" is a command of psql, not SQL, and a migration is not run by psql.
      !3:1 "\\set" is a command of psql, not SQL, and a migration is not run by psql.
      !4:1 "\\echo" is a command of psql, not SQL, and a migration is not run by psql.
      !5:10 "\\gexec" is a command of psql, not SQL, and a migration is not run by psql.
      !6:1 "\\if" is a command of psql, not SQL, and a migration is not run by psql.
      !7:1 "\\timing" is a command of psql, not SQL, and a migration is not run by psql.
      !8:1 "\\." ends the data of a COPY … FROM stdin, but there is none before it.
      !9:1 "\\i" is a command of psql, not SQL, and a migration is not run by psql.
      !10:9 "\\;" is a command of psql, not SQL, and a migration is not run by psql.
      !11:1 "\\!" is a command of psql, not SQL, and a migration is not run by psql.
      !12:1 "\\" is a command of psql, not SQL, and a migration is not run by psql.
      !13:1 "\\foo" is a command of psql, not SQL, and a migration is not run by psql."
    `)
  })

  test(`select '\\connect', E'\\'\\c', $$ ⏎ \\connect ⏎ $$, "\\c" -- \\c ⏎ /* ⏎ \\c ⏎ */`, async () => {
    expect(
      await programText(`select '\\connect', E'\\'\\c', $$\n\\connect\n$$, "\\c" -- \\c\n/*\n\\c\n*/`),
    ).toMatchInlineSnapshot(
      `"group 0: @0 "select '\\\\connect', E'\\\\'\\\\c', $$\\n\\\\connect\\n$$, \\"\\\\c\\" -- \\\\c\\n/*\\n\\\\c\\n*/""`,
    )
  })

  test(`select E'a' ⏎   'b\\';'; select 2`, async () => {
    expect(await programText(`select E'a'\n  'b\\';'; select 2`)).toMatchInlineSnapshot(
      `"group 0-1: @0 "select E'a'\\n  'b\\\\';'; select 2""`,
    )
  })
})

describe('texts that are not quite SQL', () => {
  test('nothing at all', async () => {
    expect(await programText('')).toMatchInlineSnapshot(`"nothing"`)
  })

  test('-- nothing ⏎ /* at /* all */ */ ;;', async () => {
    expect(await programText('\n -- nothing\n/* at /* all */ */ ;;\n')).toMatchInlineSnapshot(`"nothing"`)
  })

  test('select 1;· ⏎ select·2;', async () => {
    expect(await programText('select 1;\u00a0\nselect\u00a02;')).toMatchInlineSnapshot(`
      "unparsed
      notice: 2:7 the character NO-BREAK SPACE (U+00A0) is to PostgreSQL a letter of the name it stands in.
      group 0-1: @0 "select 1; \\nselect\\u00a02;""
    `)
  })

  test(`··select 1;·select '·';`, async () => {
    expect(await programText(`\ufeff\u200bselect 1;\u2003select '\u00a0';\u00a0`)).toMatchInlineSnapshot(
      `"group 0-1: @0 "  select 1; select '\\u00a0'; ""`,
    )
  })

  test('select 1', async () => {
    expect(await programText('select 1\u00a0')).toMatchInlineSnapshot(`"group 0: @0 "select 1 ""`)
  })

  test('selec 1; create index concurrently i on t (a)', async () => {
    expect(await programText('selec 1; create index concurrently i on t (a)')).toMatchInlineSnapshot(`
      "unparsed
      group 0-1: @0 "selec 1; create index concurrently i on t (a)""
    `)
  })

  test('-- poststack: no-transaction ⏎ repack (concurrently) t; select 1;', async () => {
    expect(await programText('-- poststack: no-transaction\nrepack (concurrently) t; select 1;'))
      .toMatchInlineSnapshot(`
      "unparsed
      noTransaction: true
      alone 0: REPACK (opaque) @29 "repack (concurrently) t"
      alone 1: SELECT (opaque) @54 "select 1""
    `)
  })

  test(`select 'a; create table t ()`, async () => {
    expect(await programText(`select 'a; create table t ()`)).toMatchInlineSnapshot(`
      "unparsed
      group 0: @0 "select 'a; create table t ()""
    `)
  })

  test('create table t (a int', async () => {
    expect(await programText('create table t (a int')).toMatchInlineSnapshot(`
      "unparsed
      group 0: @0 "create table t (a int""
    `)
  })

  test('create table t ();; ⏎ ;select 1 -- end', async () => {
    expect(await programText('create table t ();;\n;select 1 -- end')).toMatchInlineSnapshot(
      `"group 0-1: @0 "create table t ();;\\n;select 1 -- end""`,
    )
  })
})
