import { describe, expect, test } from 'vitest'
import { programText } from '../../../support/program-text.ts'

// One line a part: its statements' numbers, then each script with its place in the text, and the data after it.

describe('mixed files', () => {
  test('-- head ⏎ create table t (a int); ⏎ -- about i ⏎ create index concurrently i on t (a); ⏎ vacuu…', async () => {
    expect(
      await programText(
        '-- head\ncreate table t (a int);\n-- about i\ncreate index concurrently i on t (a);\nvacuum t;\ninsert into t values (1);\ninsert into t values (2);\n-- end\n',
      ),
    ).toMatchInlineSnapshot(`
      "group 0: @8 "create table t (a int);"
      alone 1: CREATE INDEX CONCURRENTLY (create-index i on t) @43 "create index concurrently i on t (a)"
      alone 2: VACUUM (repeatable) @81 "vacuum t"
      group 3-4: @91 "insert into t values (1);\\ninsert into t values (2);""
    `)
  })

  test(`create index concurrently größe on t (a); select 'ü'; vacuum`, async () => {
    expect(await programText(`create index concurrently größe on t (a); select 'ü'; vacuum`)).toMatchInlineSnapshot(`
      "alone 0: CREATE INDEX CONCURRENTLY (create-index größe on t) @0 "create index concurrently größe on t (a)"
      group 1: @42 "select 'ü';"
      alone 2: VACUUM (repeatable) @54 "vacuum""
    `)
  })

  test('-- poststack: no-transaction ⏎ create table t (); ⏎ insert into t values (1); ⏎ call p(); ⏎ do…', async () => {
    expect(
      await programText(
        '-- poststack: no-transaction\ncreate table t ();\ninsert into t values (1);\ncall p();\ndo $$ begin commit; end $$;\nvacuum t;\nset a.b = 1;',
      ),
    ).toMatchInlineSnapshot(`
      "noTransaction: true
      alone 0: CREATE TABLE (transactional) @29 "create table t ()"
      alone 1: INSERT (transactional) @48 "insert into t values (1)"
      alone 2: CALL (opaque) @74 "call p()"
      alone 3: DO (opaque) @84 "do $$ begin commit; end $$"
      alone 4: VACUUM (repeatable) @112 "vacuum t"
      alone 5: SET (transactional) @122 "set a.b = 1""
    `)
  })
})

describe("other tools' words for no transaction", () => {
  test.each([
    '-- no-transaction',
    '--! no-transaction',
    '-- migrate:up transaction:false',
    '-- +goose NO TRANSACTION',
    '-- +migrate Up notransaction',
    '-- atlas:txmode none',
    '--changeset ann:1 runInTransaction:false',
  ])('%s must not be passed over in silence where it is not followed', async (words) => {
    const plain = await programText(`${words}\nselect 1;\n`)
    expect(plain).toContain(`notice: 1:1 "${words}" is another tool's word and was not followed`)
    expect(plain).toContain('group 0: ')
    expect(await programText(`${words}\nvacuum;\n`)).not.toContain('notice')
    expect(await programText(`-- poststack: no-transaction\n${words}\nselect 1;\n`)).not.toContain('notice')
    expect(await programText(`select 1;\n${words}\n`)).not.toContain('notice')
  })
})

describe('transactions', () => {
  test('begin; ⏎ select 1; ⏎ commit;', async () => {
    expect(await programText('begin;\nselect 1;\ncommit;\n')).toMatchInlineSnapshot(`
      "notice: 1:1 BEGIN and its COMMIT were left out: every file runs in a transaction of its own.
      group 0: @0 "      \\nselect 1;\\n       \\n""
    `)
  })

  test('-- x ⏎ BEGIN WORK; select 1; END TRANSACTION', async () => {
    expect(await programText('-- x\nBEGIN WORK; select 1; END TRANSACTION')).toMatchInlineSnapshot(`
      "notice: 2:1 BEGIN and its COMMIT were left out: every file runs in a transaction of its own.
      group 0: @0 "-- x\\n            select 1;                ""
    `)
  })

  test('start transaction isolation level read committed, read write; select 1; commit and no …', async () => {
    expect(
      await programText('start transaction isolation level read committed, read write; select 1; commit and no chain;'),
    ).toMatchInlineSnapshot(`
      "notice: 1:1 BEGIN and its COMMIT were left out: every file runs in a transaction of its own.
      group 0: @0 "                                                              select 1;                     ""
    `)
  })

  test('begin; commit;', async () => {
    expect(await programText('begin; commit;')).toMatchInlineSnapshot(
      `"notice: 1:1 BEGIN and its COMMIT were left out: every file runs in a transaction of its own."`,
    )
  })

  test('begin isolation level serializable; select 1; commit', async () => {
    expect(await programText('begin isolation level serializable; select 1; commit')).toMatchInlineSnapshot(
      `"!1:1 the file's transaction asks for ISOLATION LEVEL SERIALIZABLE, but migrations run in READ COMMITTED, READ WRITE."`,
    )
  })

  test('begin read only; select 1; commit', async () => {
    expect(await programText('begin read only; select 1; commit')).toMatchInlineSnapshot(
      `"!1:1 the file's transaction asks for READ ONLY, but migrations run in READ COMMITTED, READ WRITE."`,
    )
  })

  test('begin; select 1; commit and chain;', async () => {
    expect(await programText('begin; select 1; commit and chain;')).toMatchInlineSnapshot(
      `"!1:18 a migration cannot begin or end a transaction, because every file runs in one of its own."`,
    )
  })

  test('begin; select 1; rollback;', async () => {
    expect(await programText('begin; select 1; rollback;')).toMatchInlineSnapshot(`
      "!1:1 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:18 a migration cannot begin or end a transaction, because every file runs in one of its own."
    `)
  })

  test('begin; select 1;', async () => {
    expect(await programText('begin; select 1;')).toMatchInlineSnapshot(
      `"!1:1 a migration cannot begin or end a transaction, because every file runs in one of its own."`,
    )
  })

  test('select 1; commit;', async () => {
    expect(await programText('select 1; commit;')).toMatchInlineSnapshot(
      `"!1:11 a migration cannot begin or end a transaction, because every file runs in one of its own."`,
    )
  })

  test('select 0; begin; select 1; commit;', async () => {
    expect(await programText('select 0; begin; select 1; commit;')).toMatchInlineSnapshot(`
      "!1:11 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:28 a migration cannot begin or end a transaction, because every file runs in one of its own."
    `)
  })

  test('begin; select 1; commit; begin; select 2; commit;', async () => {
    expect(await programText('begin; select 1; commit; begin; select 2; commit;')).toMatchInlineSnapshot(`
      "!1:1 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:18 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:26 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:43 a migration cannot begin or end a transaction, because every file runs in one of its own."
    `)
  })

  test('begin; begin; select 1; commit; commit;', async () => {
    expect(await programText('begin; begin; select 1; commit; commit;')).toMatchInlineSnapshot(`
      "!1:1 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:8 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:25 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:33 a migration cannot begin or end a transaction, because every file runs in one of its own."
    `)
  })

  test(`abort; prepare transaction 'x'`, async () => {
    expect(await programText(`abort; prepare transaction 'x'`)).toMatchInlineSnapshot(`
      "!1:1 a migration cannot begin or end a transaction, because every file runs in one of its own.
      !1:8 a migration cannot begin or end a transaction, because every file runs in one of its own."
    `)
  })

  test('begin; create index concurrently i on t (a); commit;', async () => {
    expect(await programText('begin; create index concurrently i on t (a); commit;')).toMatchInlineSnapshot(
      `"!1:8 CREATE INDEX CONCURRENTLY cannot run inside a transaction, but the file has BEGIN and COMMIT around it."`,
    )
  })

  test('-- poststack: no-transaction ⏎ begin; select 1; commit; savepoint a;', async () => {
    expect(await programText('-- poststack: no-transaction\nbegin; select 1; commit; savepoint a;'))
      .toMatchInlineSnapshot(`
      "!2:1 BEGIN: with "-- poststack: no-transaction" every statement runs in a transaction of its own, so none can be begun, ended or divided.
      !2:18 COMMIT: with "-- poststack: no-transaction" every statement runs in a transaction of its own, so none can be begun, ended or divided.
      !2:26 SAVEPOINT: with "-- poststack: no-transaction" every statement runs in a transaction of its own, so none can be begun, ended or divided."
    `)
  })
})

describe('directives', () => {
  test('-- poststack: lock-timeout 10s ⏎ --poststack:statement-timeout 5min ⏎ /* x */ ⏎ select 1', async () => {
    expect(await programText('-- poststack: lock-timeout 10s\n--poststack:statement-timeout 5min\n/* x */\nselect 1'))
      .toMatchInlineSnapshot(`
      "lockTimeoutMs: 10000
      statementTimeoutMs: 300000
      group 0: @0 "-- poststack: lock-timeout 10s\\n--poststack:statement-timeout 5min\\n/* x */\\nselect 1""
    `)
  })

  test('-- poststack: lock-timeout 0 ⏎ -- poststack: statement-timeout 500ms ⏎ select 1', async () => {
    expect(await programText('-- poststack: lock-timeout 0\n-- poststack: statement-timeout 500ms\nselect 1'))
      .toMatchInlineSnapshot(`
      "lockTimeoutMs: 0
      statementTimeoutMs: 500
      group 0: @0 "-- poststack: lock-timeout 0\\n-- poststack: statement-timeout 500ms\\nselect 1""
    `)
  })

  test('-- poststack: statement-timeout 2 h ⏎ select 1', async () => {
    expect(await programText('-- poststack: statement-timeout 2 h\nselect 1')).toMatchInlineSnapshot(`
      "statementTimeoutMs: 7200000
      group 0: @0 "-- poststack: statement-timeout 2 h\\nselect 1""
    `)
  })

  test('-- poststack: no-transactions ⏎ select 1', async () => {
    expect(await programText('-- poststack: no-transactions\nselect 1')).toMatchInlineSnapshot(
      `"!1:1 there is no directive "no-transactions"."`,
    )
  })

  test('-- poststack: lock-timeout ⏎ -- Poststack: statement-timeout 5m ⏎ -- poststack: statement-…', async () => {
    expect(
      await programText(
        '-- poststack: lock-timeout\n-- Poststack: statement-timeout 5m\n-- poststack: statement-timeout 99999h\nselect 1',
      ),
    ).toMatchInlineSnapshot(`
      "!1:1 the directive lock-timeout needs a length of time.
      !2:1 "5m" is no length of time for the directive statement-timeout.
      !3:1 "99999h" is no length of time for the directive statement-timeout."
    `)
  })

  test('-- poststack: no-transaction please ⏎ select 1', async () => {
    expect(await programText('-- poststack: no-transaction please\nselect 1')).toMatchInlineSnapshot(
      `"!1:1 the directive no-transaction takes no value, but "please" follows it."`,
    )
  })

  test('-- poststack: no-transaction ⏎ -- poststack: no-transaction ⏎ select 1', async () => {
    expect(
      await programText('-- poststack: no-transaction\n-- poststack: no-transaction\nselect 1'),
    ).toMatchInlineSnapshot(`"!2:1 the directive no-transaction is given twice."`)
  })

  test('select 1; ⏎ -- poststack: no-transaction', async () => {
    expect(await programText('select 1;\n-- poststack: no-transaction\n')).toMatchInlineSnapshot(
      `"!2:1 the directive no-transaction stands after the first statement, where it has no effect."`,
    )
  })

  test('-- poststack: ⏎ select 1', async () => {
    expect(await programText('-- poststack:\nselect 1')).toMatchInlineSnapshot(
      `"!1:1 a comment "-- poststack:" names no directive."`,
    )
  })

  test(`select ' ⏎ -- poststack: nothing ⏎ ', $$ ⏎ -- poststack: nothing ⏎ $$ /* ⏎ -- poststack: nothing ⏎ */`, async () => {
    expect(
      await programText(
        `select '\n-- poststack: nothing\n', $$\n-- poststack: nothing\n$$ /*\n-- poststack: nothing\n*/`,
      ),
    ).toMatchInlineSnapshot(
      `"group 0: @0 "select '\\n-- poststack: nothing\\n', $$\\n-- poststack: nothing\\n$$ /*\\n-- poststack: nothing\\n*/""`,
    )
  })
})
