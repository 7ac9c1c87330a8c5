import { describe, expect, test } from 'vitest'

import { label } from '../../../src/plan/labels.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { planDown } from '../../../src/plan/down.ts'
import { observeRuntime } from '../../../src/execute/observe.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
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
const web = containerService({
  name: 'web',
  env: { DATABASE_URL: [{ kind: 'reference', service: 'db', property: 'url' }], LOG_LEVEL: ['info'] },
  ports: [{ name: 'http', container: 80, host: 8080, hostAddress: '127.0.0.1', protocol: 'tcp' }],
  dependsOn: [{ service: 'db', condition: 'migrated' }],
})
const shop = stackConfig([db, web])

async function running(
  config = shop,
  options = { migrations },
): Promise<{ runtime: MemoryRuntime; stack: MemoryStack }> {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  const { results } = await stack.up(desiredOf(config, options))
  expect(results.map(({ status }) => status)).not.toContain('failed')
  return { runtime, stack }
}

describe('a plan', () => {
  test('brings up a stack from nothing in the order of its dependencies', async () => {
    const plan = await memoryStack(createMemoryRuntime()).plan(desiredOf(shop, { migrations }))
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 13 steps

        #1  image:poststack/base-debian:latest          build           not found
        #2  image:poststack/postgres:17                 build           not found  after #1
        #3  network:shop                                create-network  not found
        #4  volume:shop-db-data                         create-volume   not found  after #2
        #5  service:db                                  create          not found  after #2 #3 #4
        #6  service:db                                  start           created by #5  after #5
        #7  service:db                                  wait            started by #6  after #6
        #8  service:db                                  migrate         2 pending: 001_change.sql, 002_change.sql  after #7
        #9  image:docker.io/library/debian:trixie-slim  pull            not found
        #10 service:web                                 create          not found  after #3 #9
        #11 service:web                                 start           created by #10  after #8 #10
        #12 service:web                                 wait            started by #11  after #11
        #13 service:db                                  record          containers change  after #12
      "
    `)
  })

  test('is empty when everything is as declared', async () => {
    const { stack } = await running()
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations })))).toMatchInlineSnapshot(`
      "shop on memory: everything is as declared
      "
    `)
  })

  test('names the field that changed, replaces that service only, and holds the way back', async () => {
    const { stack } = await running()
    const changed = stackConfig([db, { ...web, env: { ...web.env, LOG_LEVEL: ['debug'] } }])
    expect(formatPlan(await stack.plan(desiredOf(changed, { migrations })))).toMatchInlineSnapshot(`
      "shop on memory: 7 steps

        #1 service:web  rename  the old container makes room
        #2 service:web  create  changed: env.LOG_LEVEL  after #1
             env.LOG_LEVEL: info -> debug
        #3 service:web  stop    the old container; the new one takes over  [downtime]  after #2
        #4 service:web  start   created by #2  after #2 #3
        #5 service:web  wait    started by #4  after #4
        #6 service:web  remove  the old container; the new one is ready  after #5
        #7 service:db   record  containers change  after #6

      if that fails:
        #8  service:web  stop    the new container, which did not get ready
        #9  service:web  remove  the new container, which did not get ready
        #10 service:web  rename  the old container gets its name back
        #11 service:web  start   the old container runs again
      "
    `)
  })

  test('shows that a secret changed, but not the secret', async () => {
    const { stack } = await running()
    const text = formatPlan(await stack.plan(desiredOf(shop, { migrations, digests: { 'db.password': 'other' } })))
    expect(text).toMatchInlineSnapshot(`
      "shop on memory: 14 steps

        #1  service:db   rename        the old container makes room
        #2  service:db   create        changed: password  after #1
              password: (secret) -> (secret), changed
        #3  service:db   stop          the old container; the new one takes over  [downtime]  after #2
        #4  service:db   start         created by #2  after #2 #3
        #5  service:db   set-password  the declared password changed  after #4
        #6  service:db   wait          started by #4  after #4 #5
        #7  service:db   remove        the old container; the new one is ready  after #6
        #8  service:web  rename        the old container makes room
        #9  service:web  create        changed: env.DATABASE_URL  after #8
              env.DATABASE_URL: postgresql://poststack:(secret)@db:5432/poststack -> postgresql://poststack:(secret)@db:5432/poststack, changed
        #10 service:web  stop          the old container; the new one takes over  [downtime]  after #6 #9
        #11 service:web  start         created by #9  after #6 #9 #10
        #12 service:web  wait          started by #11  after #11
        #13 service:web  remove        the old container; the new one is ready  after #12
        #14 service:db   record        containers change  after #7 #13

      if that fails:
        #15 service:db   stop    the new container, which did not get ready
        #16 service:db   remove  the new container, which did not get ready
        #17 service:db   rename  the old container gets its name back
        #18 service:db   start   the old container runs again
        #19 service:web  stop    the new container, which did not get ready
        #20 service:web  remove  the new container, which did not get ready
        #21 service:web  rename  the old container gets its name back
        #22 service:web  start   the old container runs again
      "
    `)
  })

  test('applies what is pending without touching the container', async () => {
    const { stack } = await running()
    const more = [...migrations, migration('003')]
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations: more })))).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:db  migrate  1 pending: 003_change.sql
      "
    `)
  })

  test('goes on with a migration that an earlier run left in the middle', async () => {
    const runtime = createMemoryRuntime()
    const ledgers: Ledgers = new Map()
    const stack = memoryStack(runtime, ledgers)
    await stack.up(desiredOf(shop, { migrations }))
    for (const { applied } of ledgers.values()) {
      const last = applied.pop()
      if (last !== undefined) applied.push({ ...last, unfinished: { state: 'running', applied: 1, total: 3 } })
    }
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations })))).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:db  migrate  002_change.sql goes on where an earlier run stopped
      "
    `)
    const more = [...migrations, migration('003'), migration('004')]
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations: more })))).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:db  migrate  002_change.sql goes on where an earlier run stopped, then 2 pending: 003_change.sql, 004_change.sql
      "
    `)
  })

  test('is blocked by an edited migration', async () => {
    const { stack } = await running()
    const edited = [migration('001', 'SELECT 1;'), migration('002')]
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations: edited })))).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  001_change.sql was edited after it was applied.
             - Undo the edit, and put what it should do into a new migration: the database has the text that was applied, not this one.
      "
    `)
  })

  test('leaves a foreign container of the same name alone and says how to go on', async () => {
    const runtime = createMemoryRuntime()
    await putForeign(runtime, 'shop-db', {})
    expect(formatPlan(await memoryStack(runtime).plan(desiredOf(stackConfig([db]), { migrations }))))
      .toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  the name shop-db is taken by something that Poststack did not make
             - remove or rename the container shop-db if nothing needs it
             - set another \`containerName\` of db, or \`name\` of the stack, in the config
      "
    `)
    const conventional = desiredOf(stackConfig([db], { conventional: true }), { migrations })
    expect(formatPlan(await memoryStack(runtime).plan(conventional))).toContain(
      '- set another POSTSTACK_POSTGRES_CONTAINER_NAME, in .env or the environment\n       - write a poststack.config.ts, and set another `containerName` of db, or `name` of the stack, in it\n',
    )
  })

  test('gives a second checkout of the same stack names of its own', async () => {
    const { runtime, stack } = await running(stackConfig([postgresService()]))
    const second = desiredOf(stackConfig([postgresService({ port: 5433 })], { root: '/projects/shop-2' }))
    const { results } = await stack.up(second)
    expect(results.every(({ status }) => status === 'done')).toBe(true)
    expect([...runtime.world.containers.values()].map(({ name }) => name).toSorted()).toEqual([
      'shop-db',
      `shop-db-${second.project.slice(0, 6)}`,
    ])
    expect((await stack.plan(second)).steps).toEqual([])
    expect((await stack.plan(desiredOf(stackConfig([postgresService()]), { migrations }))).steps).toEqual([])
  })

  test('is blocked by a busy port before anything starts', async () => {
    const runtime = createMemoryRuntime()
    runtime.world.busyPorts.add(5432)
    expect(formatPlan(await memoryStack(runtime).plan(desiredOf(stackConfig([postgresService()])))))
      .toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  port 5432 on 127.0.0.1 is held by another process
             - stop what holds it
             - give db another host port in the config
      "
    `)
  })

  test('never puts a server on the data of another major version', async () => {
    const { stack } = await running(stackConfig([postgresService({ version: 16 })]))
    const text = formatPlan(await stack.plan(desiredOf(stackConfig([postgresService({ version: 17 })]))))
    expect(text).toMatchInlineSnapshot(`
      "shop on memory: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  volume shop-db-data belongs to PostgreSQL 16, whose data version 17 cannot read
             - set \`version\` of db back to 16
             - move the data: with version 16, run poststack database backup and poststack down --volumes; then, with version 17, poststack up and poststack database restore
             - if no data worth keeping is in it: poststack down --volumes
      "
    `)
  })

  test('warns when the data of the same stack are in another folder', async () => {
    const { stack } = await running(stackConfig([postgresService()]))
    const moved = desiredOf(stackConfig([postgresService({ port: 5433 })], { root: '/projects/moved' }))
    expect((await stack.plan(moved)).warnings.map(({ message }) => message)).toEqual([
      `the volume shop-db-data was made by this stack in /projects/shop; here it gets a new and empty one, shop-db-data-${moved.project.slice(0, 6)}. To go on with the old data, work in that folder`,
    ])
  })

  test('gives a container that goes, also a paused one, the time to stop that it was made with', async () => {
    const { runtime, stack } = await running(stackConfig([containerService({ name: 'worker', stopGraceSeconds: 1 })]))
    for (const one of runtime.world.containers.values()) one.state = 'paused'
    const plan = await stack.plan(desiredOf(stackConfig([])))
    expect(plan.steps.map(({ action }) => action)).toMatchObject([
      { kind: 'stop', graceSeconds: 1 },
      { kind: 'remove' },
    ])
  })

  test('starts again what was stopped from outside', async () => {
    const { runtime, stack } = await running()
    runtime.kill('shop-web', 137)
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations })))).toMatchInlineSnapshot(`
      "shop on memory: 3 steps

        #1 service:web  start   ended with exit code 137
        #2 service:web  wait    started by #1  after #1
        #3 service:db   record  containers change  after #2
      "
    `)
  })

  test('says of a container that an interrupted run has made that it was never started', async () => {
    const { runtime, stack } = await running()
    for (const made of runtime.world.containers.values()) if (made.name === 'shop-web') made.state = 'created'
    const [start] = (await stack.plan(desiredOf(shop, { migrations }))).steps
    expect(start).toMatchObject({
      action: { kind: 'start' },
      cause: { text: 'its container is there, but was never started' },
    })
  })

  test('removes a service that is no longer declared and keeps its volume', async () => {
    const { runtime, stack } = await running()
    const without = desiredOf(stackConfig([web].map((service) => ({ ...service, env: {}, dependsOn: [] }))))
    await stack.up(without)
    expect([...runtime.world.containers.values()].map(({ name }) => name)).toEqual(['shop-web'])
    expect([...runtime.world.volumes.keys()]).toEqual(['shop-db-data'])
  })

  test('of some services takes what they depend on along and leaves the others out', async () => {
    const worker = containerService({ name: 'worker' })
    const plan = await memoryStack(createMemoryRuntime()).plan(
      desiredOf(stackConfig([db, web, worker]), { migrations }),
      ['web'],
    )
    expect(
      new Set(plan.steps.map(({ subject }) => subject).filter((subject) => subject.startsWith('service:'))),
    ).toEqual(new Set(['service:db', 'service:web']))
    expect(formatPlan(plan)).toMatch(/^shop on memory: \d+ steps for web\n/)
  })

  test('of some services speaks of those alone', async () => {
    const { stack } = await running()
    const more = desiredOf(stackConfig([db, web, containerService({ name: 'worker' })]), { migrations })
    expect(formatPlan(await stack.plan(more, ['web']))).toBe(
      'shop on memory: web and all that is needed for it: as declared\n',
    )
  })

  test('runs a job once, and again when it failed or changed', async () => {
    const seed = containerService({ name: 'seed', job: true })
    const config = stackConfig([seed])
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    runtime.world.behaviour = () => ({ exits: 1 })
    const failed = await stack.up(desiredOf(config))
    expect(failed.results.find(({ status }) => status === 'failed')?.error?.code).toBe('JOB_FAILED')
    runtime.world.behaviour = () => ({ exits: 0 })
    const again = await stack.up(desiredOf(config))
    expect(again.plan.steps.find(({ action }) => action.kind === 'create')?.cause.text).toBe(
      'it ended with exit code 1 last time',
    )
    expect((await stack.plan(desiredOf(config))).steps).toEqual([])
    const changed = await stack.plan(desiredOf(stackConfig([{ ...seed, command: ['true'] }])))
    expect(changed.steps.find(({ action }) => action.kind === 'create')?.cause.text).toBe('changed: command')
  })

  test('of the native runtime has neither images nor networks, and says what it cannot run', async () => {
    const runtime = createMemoryRuntime({ containersPossible: false })
    const stack = memoryStack(runtime)
    expect(formatPlan(await stack.plan(desiredOf(shop, { migrations })))).toMatchInlineSnapshot(`
      "shop on memory: 6 steps, 1 blocked: nothing will be done until that is mended

        #1 volume:shop-db-data  create-volume  not found
        #2 service:db           create         not found  after #1
        #3 service:db           start          created by #2  after #2
        #4 service:db           wait           started by #3  after #3
        #5 service:db           migrate        2 pending: 001_change.sql, 002_change.sql  after #4
        #6 service:web          blocked        the native runtime runs PostgreSQL services only
             - install podman or docker and run again
             - or start the PostgreSQL services alone by naming them: poststack up <service>
      "
    `)
    const { results } = await stack.up(desiredOf(shop, { migrations }), ['db'])
    expect(results.every(({ status }) => status === 'done')).toBe(true)
  })
})

describe('the plan of down', () => {
  test('takes dependants first and keeps the volumes', async () => {
    const { stack } = await running()
    expect(formatPlan(await downPlan(stack, false))).toMatchInlineSnapshot(`
      "shop on memory: 5 steps

        #1 service:web   stop            down  [downtime]
        #2 service:web   remove          down  after #1
        #3 service:db    stop            down  [downtime]  after #2
        #4 service:db    remove          down  after #2 #3
        #5 network:shop  remove-network  down  after #2 #4
      "
    `)
  })

  test('marks the loss of data when volumes go, too', async () => {
    const { stack } = await running()
    expect(formatPlan(await downPlan(stack, true))).toMatchInlineSnapshot(`
      "shop on memory: 6 steps

        #1 service:web          stop            down  [downtime]
        #2 service:web          remove          down  after #1
        #3 service:db           stop            down  [downtime]  after #2
        #4 service:db           remove          down  after #2 #3
        #5 network:shop         remove-network  down  after #2 #4
        #6 volume:shop-db-data  remove-volume   down with its data  [data-loss]  after #2 #4
      "
    `)
  })
})

async function downPlan(stack: MemoryStack, volumes: boolean): Promise<ReturnType<typeof planDown>> {
  const desired = desiredOf(shop, { migrations })
  return planDown(desired, { ...(await observeRuntime(desired, stack.world)), runtime: 'memory' }, { volumes })
}

async function putForeign(
  runtime: MemoryRuntime,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const options = { signal: new AbortController().signal, onLine: () => undefined }
  await runtime.pullImage('docker.io/library/debian:trixie-slim', options)
  const plan = {
    name,
    service: 'x',
    spec: { image: 'docker.io/library/debian:trixie-slim' },
    volumes: {},
    network: undefined,
    aliases: [],
    labels,
  }
  await runtime.createContainer(plan, {}, options)
  expect(labels[label.stack]).toBeUndefined()
}
