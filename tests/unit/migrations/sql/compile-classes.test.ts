import { describe, expect, test } from 'vitest'
import { programText } from '../../../support/program-text.ts'

// One line a part: its statements' numbers, then each script with its place in the text, and the data after it.

describe('what may share a transaction', () => {
  test('create table t (a int); insert into t values (1);', async () => {
    expect(await programText('create table t (a int); insert into t values (1);')).toMatchInlineSnapshot(
      `"group 0-1: @0 "create table t (a int); insert into t values (1);""`,
    )
  })

  test('create index i on t (a)', async () => {
    expect(await programText('create index i on t (a)')).toMatchInlineSnapshot(
      `"group 0: @0 "create index i on t (a)""`,
    )
  })

  test('drop index i', async () => {
    expect(await programText('drop index i')).toMatchInlineSnapshot(`"group 0: @0 "drop index i""`)
  })

  test('reindex table t', async () => {
    expect(await programText('reindex table t')).toMatchInlineSnapshot(`"group 0: @0 "reindex table t""`)
  })

  test('analyze t', async () => {
    expect(await programText('analyze t')).toMatchInlineSnapshot(`"group 0: @0 "analyze t""`)
  })

  test('refresh materialized view concurrently v', async () => {
    expect(await programText('refresh materialized view concurrently v')).toMatchInlineSnapshot(
      `"group 0: @0 "refresh materialized view concurrently v""`,
    )
  })

  test(`alter type mood add value 'happy'`, async () => {
    expect(await programText(`alter type mood add value 'happy'`)).toMatchInlineSnapshot(
      `"group 0: @0 "alter type mood add value 'happy'""`,
    )
  })

  test('alter table t detach partition p', async () => {
    expect(await programText('alter table t detach partition p')).toMatchInlineSnapshot(
      `"group 0: @0 "alter table t detach partition p""`,
    )
  })

  test('alter table t attach partition p for values in (1)', async () => {
    expect(await programText('alter table t attach partition p for values in (1)')).toMatchInlineSnapshot(
      `"group 0: @0 "alter table t attach partition p for values in (1)""`,
    )
  })

  test('alter database d set search_path = a', async () => {
    expect(await programText('alter database d set search_path = a')).toMatchInlineSnapshot(
      `"group 0: @0 "alter database d set search_path = a""`,
    )
  })

  test('alter database d connection limit 3', async () => {
    expect(await programText('alter database d connection limit 3')).toMatchInlineSnapshot(
      `"group 0: @0 "alter database d connection limit 3""`,
    )
  })

  test(`create subscription s connection 'x' publication p with (connect = false)`, async () => {
    expect(
      await programText(`create subscription s connection 'x' publication p with (connect = false)`),
    ).toMatchInlineSnapshot(`"group 0: @0 "create subscription s connection 'x' publication p with (connect = false)""`)
  })

  test(`create subscription s connection 'x' publication p with (create_slot = off, slot_name …`, async () => {
    expect(
      await programText(
        `create subscription s connection 'x' publication p with (create_slot = off, slot_name = none)`,
      ),
    ).toMatchInlineSnapshot(
      `"group 0: @0 "create subscription s connection 'x' publication p with (create_slot = off, slot_name = none)""`,
    )
  })

  test('alter subscription s disable', async () => {
    expect(await programText('alter subscription s disable')).toMatchInlineSnapshot(
      `"group 0: @0 "alter subscription s disable""`,
    )
  })

  test('alter subscription s set publication p with (refresh = false)', async () => {
    expect(await programText('alter subscription s set publication p with (refresh = false)')).toMatchInlineSnapshot(
      `"group 0: @0 "alter subscription s set publication p with (refresh = false)""`,
    )
  })

  test('alter subscription s set (synchronous_commit = off)', async () => {
    expect(await programText('alter subscription s set (synchronous_commit = off)')).toMatchInlineSnapshot(
      `"group 0: @0 "alter subscription s set (synchronous_commit = off)""`,
    )
  })

  test('cluster t using i', async () => {
    expect(await programText('cluster t using i')).toMatchInlineSnapshot(`"group 0: @0 "cluster t using i""`)
  })

  test('discard temp', async () => {
    expect(await programText('discard temp')).toMatchInlineSnapshot(`"group 0: @0 "discard temp""`)
  })

  test('do $$ begin perform 1; end $$; call p();', async () => {
    expect(await programText('do $$ begin perform 1; end $$; call p();')).toMatchInlineSnapshot(
      `"group 0-1: @0 "do $$ begin perform 1; end $$; call p();""`,
    )
  })

  test('savepoint a; insert into t values (1); rollback to savepoint a; release a;', async () => {
    expect(
      await programText('savepoint a; insert into t values (1); rollback to savepoint a; release a;'),
    ).toMatchInlineSnapshot(
      `"group 0-3: @0 "savepoint a; insert into t values (1); rollback to savepoint a; release a;""`,
    )
  })

  test('vacuum_everything()', async () => {
    expect(await programText('vacuum_everything()')).toMatchInlineSnapshot(`
      "unparsed
      group 0: @0 "vacuum_everything()""
    `)
  })

  test('prepare q as select 1; execute q; deallocate q', async () => {
    expect(await programText('prepare q as select 1; execute q; deallocate q')).toMatchInlineSnapshot(
      `"group 0-2: @0 "prepare q as select 1; execute q; deallocate q""`,
    )
  })

  test('create function f() returns int begin atomic select case when true then 1 end; select …', async () => {
    expect(
      await programText(
        'create function f() returns int begin atomic select case when true then 1 end; select 2; end; select f();',
      ),
    ).toMatchInlineSnapshot(
      `"group 0-1: @0 "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select f();""`,
    )
  })

  test('create rule r as on insert to t do also (insert into u values (1); insert into v value…', async () => {
    expect(
      await programText(
        'create rule r as on insert to t do also (insert into u values (1); insert into v values (2));',
      ),
    ).toMatchInlineSnapshot(
      `"group 0: @0 "create rule r as on insert to t do also (insert into u values (1); insert into v values (2));""`,
    )
  })

  test(`lock table t; set local lock_timeout = '1s'; comment on table t is ';';`, async () => {
    expect(
      await programText(`lock table t; set local lock_timeout = '1s'; comment on table t is ';';`),
    ).toMatchInlineSnapshot(`"group 0-2: @0 "lock table t; set local lock_timeout = '1s'; comment on table t is ';';""`)
  })
})

describe('what must run alone', () => {
  test('create index concurrently i on s.t (a);', async () => {
    expect(await programText('create index concurrently i on s.t (a);')).toMatchInlineSnapshot(
      `"alone 0: CREATE INDEX CONCURRENTLY (create-index s.i on s.t) @0 "create index concurrently i on s.t (a)""`,
    )
  })

  test('create unique index concurrently if not exists i on only t using btree (lower(a)) wher…', async () => {
    expect(
      await programText('create unique index concurrently if not exists i on only t using btree (lower(a)) where b;'),
    ).toMatchInlineSnapshot(
      `"alone 0: CREATE INDEX CONCURRENTLY (create-index i on t if not exists) @0 "create unique index concurrently if not exists i on only t using btree (lower(a)) where b""`,
    )
  })

  test('create index concurrently on t (a)', async () => {
    expect(await programText('create index concurrently on t (a)')).toMatchInlineSnapshot(
      `"alone 0: CREATE INDEX CONCURRENTLY (create-index ? on t) @0 "create index concurrently on t (a)""`,
    )
  })

  test('drop index concurrently i;', async () => {
    expect(await programText('drop index concurrently i;')).toMatchInlineSnapshot(
      `"alone 0: DROP INDEX CONCURRENTLY (drop-index i) @0 "drop index concurrently i""`,
    )
  })

  test('drop index concurrently if exists s.a, b;', async () => {
    expect(await programText('drop index concurrently if exists s.a, b;')).toMatchInlineSnapshot(
      `"alone 0: DROP INDEX CONCURRENTLY (drop-index s.a, b if exists) @0 "drop index concurrently if exists s.a, b""`,
    )
  })

  test('reindex index concurrently s.i', async () => {
    expect(await programText('reindex index concurrently s.i')).toMatchInlineSnapshot(
      `"alone 0: REINDEX INDEX CONCURRENTLY (reindex s.i) @0 "reindex index concurrently s.i""`,
    )
  })

  test('reindex (verbose, concurrently) table t', async () => {
    expect(await programText('reindex (verbose, concurrently) table t')).toMatchInlineSnapshot(
      `"alone 0: REINDEX TABLE CONCURRENTLY (reindex many) @0 "reindex (verbose, concurrently) table t""`,
    )
  })

  test('reindex (concurrently off) table t', async () => {
    expect(await programText('reindex (concurrently off) table t')).toMatchInlineSnapshot(
      `"group 0: @0 "reindex (concurrently off) table t""`,
    )
  })

  test('reindex schema s', async () => {
    expect(await programText('reindex schema s')).toMatchInlineSnapshot(
      `"alone 0: REINDEX SCHEMA (reindex many) @0 "reindex schema s""`,
    )
  })

  test('reindex database concurrently d', async () => {
    expect(await programText('reindex database concurrently d')).toMatchInlineSnapshot(
      `"alone 0: REINDEX DATABASE CONCURRENTLY (reindex many) @0 "reindex database concurrently d""`,
    )
  })

  test('reindex system d', async () => {
    expect(await programText('reindex system d')).toMatchInlineSnapshot(
      `"alone 0: REINDEX SYSTEM (reindex many) @0 "reindex system d""`,
    )
  })

  test('alter table s.t detach partition s.p concurrently', async () => {
    expect(await programText('alter table s.t detach partition s.p concurrently')).toMatchInlineSnapshot(
      `"alone 0: ALTER TABLE … DETACH PARTITION … CONCURRENTLY (detach-partition s.p of s.t) @0 "alter table s.t detach partition s.p concurrently""`,
    )
  })

  test('alter table t detach partition p finalize', async () => {
    expect(await programText('alter table t detach partition p finalize')).toMatchInlineSnapshot(
      `"alone 0: ALTER TABLE … DETACH PARTITION … FINALIZE (detach-partition p of t finalize) @0 "alter table t detach partition p finalize""`,
    )
  })

  test('vacuum', async () => {
    expect(await programText('vacuum')).toMatchInlineSnapshot(`"alone 0: VACUUM (repeatable) @0 "vacuum""`)
  })

  test('vacuum (full, analyze) t', async () => {
    expect(await programText('vacuum (full, analyze) t')).toMatchInlineSnapshot(
      `"alone 0: VACUUM (repeatable) @0 "vacuum (full, analyze) t""`,
    )
  })

  test('create database d', async () => {
    expect(await programText('create database d')).toMatchInlineSnapshot(
      `"alone 0: CREATE DATABASE (create-database d) @0 "create database d""`,
    )
  })

  test('drop database if exists d', async () => {
    expect(await programText('drop database if exists d')).toMatchInlineSnapshot(
      `"alone 0: DROP DATABASE (drop-database d) @0 "drop database if exists d""`,
    )
  })

  test('alter database d set tablespace x', async () => {
    expect(await programText('alter database d set tablespace x')).toMatchInlineSnapshot(
      `"alone 0: ALTER DATABASE … SET TABLESPACE (repeatable) @0 "alter database d set tablespace x""`,
    )
  })

  test(`create tablespace x location '/x'`, async () => {
    expect(await programText(`create tablespace x location '/x'`)).toMatchInlineSnapshot(
      `"alone 0: CREATE TABLESPACE (create-tablespace x) @0 "create tablespace x location '/x'""`,
    )
  })

  test('drop tablespace if exists x', async () => {
    expect(await programText('drop tablespace if exists x')).toMatchInlineSnapshot(
      `"alone 0: DROP TABLESPACE (drop-tablespace x) @0 "drop tablespace if exists x""`,
    )
  })

  test(`alter system set work_mem = '1MB'`, async () => {
    expect(await programText(`alter system set work_mem = '1MB'`)).toMatchInlineSnapshot(
      `"alone 0: ALTER SYSTEM (repeatable) @0 "alter system set work_mem = '1MB'""`,
    )
  })

  test('alter system reset all', async () => {
    expect(await programText('alter system reset all')).toMatchInlineSnapshot(
      `"alone 0: ALTER SYSTEM (repeatable) @0 "alter system reset all""`,
    )
  })

  test(`create subscription s connection 'x' publication p`, async () => {
    expect(await programText(`create subscription s connection 'x' publication p`)).toMatchInlineSnapshot(
      `"alone 0: CREATE SUBSCRIPTION (create-subscription s) @0 "create subscription s connection 'x' publication p""`,
    )
  })

  test(`create subscription s connection 'x' publication p with (create_slot)`, async () => {
    expect(
      await programText(`create subscription s connection 'x' publication p with (create_slot)`),
    ).toMatchInlineSnapshot(
      `"alone 0: CREATE SUBSCRIPTION (create-subscription s) @0 "create subscription s connection 'x' publication p with (create_slot)""`,
    )
  })

  test('drop subscription s', async () => {
    expect(await programText('drop subscription s')).toMatchInlineSnapshot(
      `"alone 0: DROP SUBSCRIPTION (drop-subscription s) @0 "drop subscription s""`,
    )
  })

  test('alter subscription s refresh publication', async () => {
    expect(await programText('alter subscription s refresh publication')).toMatchInlineSnapshot(
      `"alone 0: ALTER SUBSCRIPTION … REFRESH PUBLICATION (repeatable) @0 "alter subscription s refresh publication""`,
    )
  })

  test('alter subscription s set publication p', async () => {
    expect(await programText('alter subscription s set publication p')).toMatchInlineSnapshot(
      `"alone 0: ALTER SUBSCRIPTION … SET PUBLICATION (repeatable) @0 "alter subscription s set publication p""`,
    )
  })

  test('alter subscription s add publication p', async () => {
    expect(await programText('alter subscription s add publication p')).toMatchInlineSnapshot(
      `"alone 0: ALTER SUBSCRIPTION … ADD PUBLICATION (opaque) @0 "alter subscription s add publication p""`,
    )
  })

  test('alter subscription s drop publication p', async () => {
    expect(await programText('alter subscription s drop publication p')).toMatchInlineSnapshot(
      `"alone 0: ALTER SUBSCRIPTION … DROP PUBLICATION (opaque) @0 "alter subscription s drop publication p""`,
    )
  })

  test('alter subscription s add publication p with (refresh = false)', async () => {
    expect(await programText('alter subscription s add publication p with (refresh = false)')).toMatchInlineSnapshot(
      `"group 0: @0 "alter subscription s add publication p with (refresh = false)""`,
    )
  })

  test('alter subscription s set (failover = true)', async () => {
    expect(await programText('alter subscription s set (failover = true)')).toMatchInlineSnapshot(
      `"alone 0: ALTER SUBSCRIPTION … SET (repeatable) @0 "alter subscription s set (failover = true)""`,
    )
  })

  test('cluster', async () => {
    expect(await programText('cluster')).toMatchInlineSnapshot(`"alone 0: CLUSTER (repeatable) @0 "cluster""`)
  })

  test('discard all', async () => {
    expect(await programText('discard all')).toMatchInlineSnapshot(
      `"alone 0: DISCARD ALL (repeatable) @0 "discard all""`,
    )
  })

  test(`commit prepared 'x'`, async () => {
    expect(await programText(`commit prepared 'x'`)).toMatchInlineSnapshot(
      `"alone 0: COMMIT PREPARED (opaque) @0 "commit prepared 'x'""`,
    )
  })

  test(`rollback prepared 'x'`, async () => {
    expect(await programText(`rollback prepared 'x'`)).toMatchInlineSnapshot(
      `"alone 0: ROLLBACK PREPARED (opaque) @0 "rollback prepared 'x'""`,
    )
  })
})
