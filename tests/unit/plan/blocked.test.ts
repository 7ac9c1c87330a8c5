import { describe, expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { planDown } from '../../../src/plan/down.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { refuseBlocked } from '../../../src/plan/refusal.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import { planRemove, planStop } from '../../../src/plan/stop.ts'
import type { Plan } from '../../../src/plan/step.ts'
import type { Observed, ObservedContainer } from '../../../src/plan/types.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
  type Ledgers,
  type MemoryStack,
} from '../../support/memory-stack.ts'

const migrations = [migration('001'), migration('002')]
const db = postgresService({ migrations: '/projects/shop/migrations' })
const shop = stackConfig([db])

async function running(config = shop): Promise<{ readonly stack: MemoryStack; readonly ledgers: Ledgers }> {
  const ledgers: Ledgers = new Map()
  const stack = memoryStack(createMemoryRuntime(), ledgers)
  const { results } = await stack.up(desiredOf(config, { migrations }))
  expect(results.map(({ status }) => status)).not.toContain('failed')
  return { stack, ledgers }
}

describe('a plan', () => {
  test('is blocked when the data that stay do not know the declared database, until somebody makes it or takes the word back', async () => {
    const { stack, ledgers } = await running()
    const renamed = desiredOf(stackConfig([{ ...db, database: 'orders' }]), { migrations })
    expect(formatPlan(await stack.plan(renamed, ['db']))).toMatchInlineSnapshot(`
      "shop on memory: 1 step for db, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  volume shop-db-data has no database "orders": one is made at the first start of a volume only
             - set \`database\` back to "poststack"
             - or rename it yourself in the running server, connected to its database "postgres": ALTER DATABASE "poststack" RENAME TO "orders";
             - or make an empty one yourself in the running server: CREATE DATABASE "orders";
             - or, if the data may go: poststack down --volumes, then up
      "
    `)
    const moved = desiredOf(stackConfig([{ ...db, database: 'orders', port: 5433 }]), { migrations })
    expect((await stack.plan(moved)).steps).toMatchObject([{ action: { kind: 'blocked', code: 'DATABASE_MISSING' } }])
    expect((await stack.plan(desiredOf(shop, { migrations }))).steps).toEqual([])

    for (const ledger of ledgers.values()) ledger.database = 'orders'
    const { results } = await stack.up(renamed)
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
    expect((await stack.plan(renamed)).steps).toEqual([])
  })

  test('is blocked when the data that stay do not know the declared role or its password', async () => {
    const { stack } = await running(stackConfig([postgresService()]))
    const renamed = desiredOf(stackConfig([postgresService({ user: 'app' })]))
    expect(formatPlan(await stack.plan(renamed))).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  volume shop-db-data has no role "app" with the declared password: one is made at the first start of a volume only
             - set \`user\` back to "poststack"
             - or make it yourself in the running server, with the declared password: CREATE ROLE "app" LOGIN SUPERUSER PASSWORD '…';
             - or, if the data may go: poststack down --volumes, then up
      "
    `)
  })

  test('is blocked when another image would look for the data in another folder of the volume, until the image is put back', async () => {
    const official = stackConfig([postgresService({ image: 'docker.io/library/postgres:17' })])
    const ours = stackConfig([postgresService()])
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(official))
    expect(formatPlan(await stack.plan(desiredOf(ours)))).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  image docker.io/library/postgres:17 wrote the data in volume shop-db-data; poststack/postgres:17 looks in another folder of it, and would not find them
             - set \`image\` of db back to docker.io/library/postgres:17
             - move the data: with the old image, run poststack database backup and poststack down --volumes; then, with the new one, poststack up and poststack database restore
             - if no data worth keeping is in it: poststack down --volumes
      "
    `)
    expect((await stack.plan(desiredOf(official))).steps).toEqual([])
    const stopped = [...runtime.world.containers.values()]
    for (const one of stopped) Object.assign(one, { state: 'exited', exitCode: 0 })
    expect((await stack.plan(desiredOf(ours))).steps).toMatchObject([
      { action: { kind: 'blocked', code: 'VOLUME_LAYOUT' } },
    ])
    // One that failed at its first start, as after `down`, is no reason to keep its image.
    for (const one of stopped) one.exitCode = 1
    expect((await stack.plan(desiredOf(ours))).steps).toContainEqual(
      expect.objectContaining({ action: expect.objectContaining({ kind: 'create' }) }),
    )

    const back = (await (await running(ours)).stack.plan(desiredOf(official))).steps
    expect(back).toMatchObject([
      { action: { code: 'VOLUME_LAYOUT', ways: expect.arrayContaining(['take `image` of db out again']) } },
    ])
  })

  test('goes with a status that calls the server failed, because waiting does not mend that', async () => {
    const { stack, ledgers } = await running()
    for (const ledger of ledgers.values()) ledger.user = 'somebody'
    const desired = desiredOf(shop, { migrations })
    const observed = await observe(desired, stack.world)
    expect(stackStatus(desired, observed, reconcile(desired, observed)).services).toMatchObject([
      { service: 'db', state: 'failed', reason: 'password authentication failed' },
    ])
  })

  test('goes with a status of what runs where the port is to change: its old address, and that it moves', async () => {
    const { stack } = await running()
    const desired = desiredOf(stackConfig([{ ...db, port: 5433 }]), { migrations: [...migrations, migration('003')] })
    const observed = await observe(desired, stack.world)
    const plan = reconcile(desired, observed)
    expect(stackStatus(desired, observed, plan).services).toMatchObject([
      {
        service: 'db',
        state: 'ready',
        reason: 'it still has port 5432, and is to get 5433',
        addresses: ['postgresql://poststack@127.0.0.1:5432/poststack'],
        migrations: { applied: 2, pending: 1 },
      },
    ])
    expect((await stack.up(desired)).results.map(({ status }) => status)).not.toContain('failed')
    const after = await observe(desired, stack.world)
    const [service] = stackStatus(desired, after, reconcile(desired, after)).services
    expect(service).toMatchObject({ addresses: ['postgresql://poststack@127.0.0.1:5433/poststack'] })
    expect(service).not.toHaveProperty('reason')
  })

  test('is blocked by a pending migration that could not be carried out, at its very place', async () => {
    const { stack } = await running()
    const more = [...migrations, migration('003', 'CREATE TABLE c ();\nCOMMIT;\n')]
    const plan = await stack.plan(desiredOf(shop, { migrations: more }))
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  003_change.sql, line 2, column 1: a migration cannot begin or end a transaction, because every file runs in one of its own.

               1 | CREATE TABLE c ();
             > 2 | COMMIT;
                 | ^

             - Delete these statements (BEGIN, COMMIT, ROLLBACK and their like); the file is applied as a whole or not at all without them. One BEGIN as the first and one COMMIT as the last statement may stay, and so may SAVEPOINT and ROLLBACK TO.
      "
    `)
    expect(() => refuseBlocked(plan)).toThrowErrorMatchingInlineSnapshot(`
      [PoststackError: nothing was done. db: 003_change.sql, line 2, column 1: a migration cannot begin or end a transaction, because every file runs in one of its own.

        1 | CREATE TABLE c ();
      > 2 | COMMIT;
          | ^]
    `)
  })

  test('of a stack that is new is blocked by it as well, and doubts what no parser knows', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const back = { file: '002_change.rollback.sql', sql: 'DROP TABEL t', checksum: '' }
    const some = [
      migration('001', 'COMMIT;\n'),
      { ...migration('002', 'SELECT 1;\nCREATE TABEL t ();\n'), rollback: back },
    ]
    const plan = await stack.plan(desiredOf(shop, { migrations: some }))
    expect(plan.steps.filter(({ action }) => action.kind === 'blocked')).toMatchObject([
      { subject: 'service:db', action: { code: 'MIGRATION_INVALID' } },
    ])
    expect(plan.warnings).toMatchInlineSnapshot(`
      [
        {
          "message": "002_change.sql, line 2, column 8: syntax error at or near "TABEL" (SQLSTATE 42601); the server has the last word on that",
          "subject": "service:db",
        },
        {
          "message": "002_change.rollback.sql, line 1, column 6: syntax error at or near "TABEL" (SQLSTATE 42601); the server has the last word on that",
          "subject": "service:db",
        },
      ]
    `)
  })
})

describe('data of a service that the config no longer has', () => {
  test('must be told of where another service begins with nothing, also after a down', async () => {
    const { stack } = await running()
    const renamed = desiredOf(stackConfig([postgresService({ name: 'main' })]))
    const plan = await stack.plan(renamed)
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 6 steps

        #1 service:db             stop           no longer declared  [downtime]
        #2 service:db             remove         no longer declared  after #1
        #3 volume:shop-main-data  create-volume  not found
        #4 service:main           create         not found  after #3
        #5 service:main           start          created by #4  after #2 #4
        #6 service:main           wait           started by #5  after #5

      warning: volume:shop-db-data: holds the data of db, which is no longer declared, and is kept, but main begins with an empty one. If main is db with a new name: call it db again to go on with the data, or dump them from db first and load them into main
      "
    `)
    expect((await stack.up(renamed)).plan.warnings).toHaveLength(1)
    expect(await stack.plan(renamed)).toMatchObject({ steps: [], warnings: [] })
  })

  test('must be told of when the service goes, and need no word later', async () => {
    const other = postgresService({ name: 'other', port: 5433 })
    const { stack } = await running(stackConfig([db, other]))
    const without = desiredOf(shop, { migrations })
    const { plan } = await stack.up(without)
    expect(plan.warnings).toEqual([
      { subject: 'volume:shop-other-data', message: 'is kept; whoever declares other again goes on with its data' },
    ])
    expect((await stack.plan(without)).warnings).toEqual([])
  })
})

function blocked({ steps }: Plan): readonly string[] {
  return steps.flatMap(({ action, subject }) => (action.kind === 'blocked' ? [`${subject} ${action.code}`] : []))
}

describe('a record that cannot be read', () => {
  const desired = desiredOf(stackConfig([postgresService(), postgresService({ name: 'other', port: 5433 })]))
  const folder = '/projects/shop/.poststack/native/servers/shop-db'
  const damaged: ObservedContainer = {
    id: 'folder:shop-db',
    name: 'shop-db',
    owner: undefined,
    service: undefined,
    state: 'created',
    exitCode: undefined,
    imageId: '',
    spec: undefined,
    ports: [],
    damaged: { file: `${folder}/container.json`, folder, pid: 4711 },
  }
  async function withDamage(keep: boolean): Promise<Observed> {
    const stack = memoryStack(createMemoryRuntime({ containersPossible: false }))
    await stack.up(desired)
    const observed = await observe(desired, stack.world)
    const containers = observed.containers.filter(({ name }) => keep || name !== 'shop-db')
    return { ...observed, containers: [...containers, { ...damaged, name: keep ? 'shop-db-replaced' : 'shop-db' }] }
  }

  test('must block what needs that very container, with its path and what still runs, and nothing else', async () => {
    const observed = await withDamage(false)
    const plan = reconcile(desired, observed)
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  /projects/shop/.poststack/native/servers/shop-db/container.json is damaged or gone, so what runs for db is not known
             - stop its server, which still runs: kill -INT 4711
             - delete the folder /projects/shop/.poststack/native/servers/shop-db, and run the command again: the data lie elsewhere and stay
      "
    `)
    expect(blocked(planDown(desired, observed, { volumes: false }))).toEqual(['service:db STATE_UNWRITABLE'])
    for (const names of [[], ['db']])
      expect(blocked(planStop(desired, observed, { names, all: false }))).toEqual(['service:db STATE_UNWRITABLE'])
    expect(blocked(planRemove(desired, observed, { names: ['db'], force: true }))).toHaveLength(1)

    expect(blocked(reconcile(desired, observed, { services: ['other'] }))).toEqual([])
    expect(blocked(planStop(desired, observed, { names: ['other'], all: false }))).toEqual([])
    expect(stackStatus(desired, observed, plan).services).toMatchObject([
      { service: 'db', differences: [expect.stringContaining(`${folder}/container.json is damaged`)] },
      { service: 'other', state: 'ready', differences: [] },
    ])
  })

  test('must not block a service that has another one, until that is taken down', async () => {
    const observed = await withDamage(true)
    expect(reconcile(desired, observed).steps).toEqual([])
    expect(blocked(planDown(desired, observed, { volumes: false }))).toEqual(['service:db STATE_UNWRITABLE'])
  })
})
