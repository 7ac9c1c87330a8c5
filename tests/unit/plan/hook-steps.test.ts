import { describe, expect, test } from 'vitest'
import type { Config, HookConfig } from '../../../src/config/types.ts'
import { PoststackError } from '../../../src/errors.ts'
import { execute } from '../../../src/execute/execute.ts'
import { observeRuntime } from '../../../src/execute/observe.ts'
import type { CommandRun, ScriptRun } from '../../../src/execute/world.ts'
import { planClean } from '../../../src/plan/clean.ts'
import { planDown } from '../../../src/plan/down.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import type { Plan } from '../../../src/plan/step.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
} from '../../support/memory-stack.ts'

const script: HookConfig = { kind: 'script', path: '/projects/shop/hooks/x.ts', once: false }
const command: HookConfig = { kind: 'command', command: ['make', 'x'], once: false }
const all: Config['hooks'] = {
  beforeUp: command,
  afterReady: script,
  beforeMigrate: script,
  afterMigrate: script,
  beforeDown: command,
}

function declared(hooks: Config['hooks'], versions: readonly string[] = ['001']) {
  const services = [
    postgresService({ name: 'db', migrations: '/projects/shop/migrations' }),
    containerService({ name: 'web', dependsOn: [{ service: 'db', condition: 'migrated' }] }),
  ]
  return desiredOf(stackConfig(services, { hooks }), { migrations: versions.map((version) => migration(version)) })
}

function contents(beforeUp: string, afterReady = beforeUp) {
  const hooks = { beforeUp: { ...script, once: true }, afterReady: { ...script, once: true } }
  const services = [postgresService({ name: 'db', migrations: '/projects/shop/migrations' })]
  return desiredOf(stackConfig(services, { hooks }), { hookContents: { beforeUp, afterReady } })
}

function eventsOf({ steps }: Plan): readonly string[] {
  return steps.flatMap(({ action }) => (action.kind === 'hook' ? [action.event] : []))
}

function refused(): Promise<void> {
  return Promise.reject(new PoststackError('SCRIPT_FAILED', 'it ended with 3'))
}

describe('hooks', () => {
  test('stand in the plan where their moment is, each with its cause', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const plan = await stack.plan(declared(all))
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 21 steps

        #1  hook:beforeUp                               hook            beforeUp runs make x: 20 steps are to be done
        #2  hook:afterReady                             remember        if it does not end well now, the next up runs it  after #1
        #3  image:poststack/base-debian:latest          build           not found  after #2
        #4  image:poststack/postgres:17                 build           not found  after #3
        #5  network:shop                                create-network  not found  after #2
        #6  volume:shop-db-data                         create-volume   not found  after #4
        #7  service:db                                  create          not found  after #4 #5 #6
        #8  service:db                                  start           created by #7  after #7
        #9  service:db                                  wait            started by #8  after #8
        #10 service:db                                  hook            beforeMigrate runs hooks/x.ts: 1 pending: 001_change.sql  after #9
        #11 hook:afterMigrate:db                        remember        if it does not end well now, the next up runs it  after #10
        #12 service:db                                  migrate         1 pending: 001_change.sql  after #10 #11
        #13 service:db                                  hook            afterMigrate runs hooks/x.ts: migrations are applied  after #12
        #14 hook:afterMigrate:db                        forget          it has ended well  after #13
        #15 image:docker.io/library/debian:trixie-slim  pull            not found  after #2
        #16 service:web                                 create          not found  after #5 #15
        #17 service:web                                 start           created by #16  after #13 #16
        #18 service:web                                 wait            started by #17  after #17
        #19 hook:afterReady                             hook            afterReady runs hooks/x.ts: db, web become ready  after #9 #18
        #20 hook:afterReady                             forget          it has ended well  after #19
        #21 service:db                                  record          containers change  after #18
      "
    `)
    const stepOf = (event: string) => plan.steps.find(({ action }) => action.kind === 'hook' && action.event === event)
    const before = stepOf('beforeUp')?.id
    expect(
      plan.steps.filter(({ id, needs, undo }) => undo === undefined && id !== before && needs.length === 0),
    ).toEqual([])
    const migrate = plan.steps.find(({ action }) => action.kind === 'migrate')
    const owing = plan.steps.find(
      ({ action, subject }) => action.kind === 'remember' && subject === 'hook:afterMigrate:db',
    )
    expect(migrate?.needs).toEqual([stepOf('beforeMigrate')?.id, owing?.id])
    expect(stepOf('afterMigrate')?.needs).toEqual([migrate?.id])
    const start = plan.steps.find(({ action, subject }) => action.kind === 'start' && subject === 'service:web')
    expect(start?.needs).toContain(stepOf('afterMigrate')?.id)
  })

  test('are run for what happens, and not for a stack that is as declared', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const ran: string[] = []
    const world = {
      ...stack.world,
      runScript: ({ file, service }: ScriptRun) => Promise.resolve(void ran.push(`${file} ${service ?? '-'}`)),
      runCommand: ({ command: words }: CommandRun) => Promise.resolve(void ran.push(words.join(' '))),
    }
    await execute(await stack.plan(declared(all)), world)
    const [file] = ['/projects/shop/hooks/x.ts']
    expect(ran).toEqual(['make x', `${file} db`, `${file} db`, `${file} -`])
    expect((await stack.plan(declared(all))).steps).toEqual([])
    expect(eventsOf(await stack.plan(declared(all, ['001', '002'])))).toEqual([
      'beforeUp',
      'beforeMigrate',
      'afterMigrate',
    ])
  })

  test('that fail stop what comes after them', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const plan = await stack.plan(declared({ beforeUp: command }))
    const first = await execute(plan, { ...stack.world, runCommand: refused })
    expect(new Set(first.filter(({ kind }) => kind !== 'hook').map(({ status }) => status))).toEqual(
      new Set(['skipped']),
    )
    const after = declared({ afterMigrate: script })
    const second = await execute(await stack.plan(after), { ...stack.world, runScript: refused })
    const of = (kind: string, subject: string) =>
      second.find((result) => result.kind === kind && result.subject === subject)
    expect(of('migrate', 'service:db')).toMatchObject({ status: 'done' })
    expect(of('start', 'service:web')).toMatchObject({ status: 'skipped' })
  })

  test('that did not end well are owed until they do, or are taken out', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const hooks: Config['hooks'] = { afterReady: command, afterMigrate: script }
    await execute(await stack.plan(declared(hooks)), { ...stack.world, runScript: refused, runCommand: refused })
    expect(formatPlan(await stack.plan(declared(hooks), ['db']))).toMatchInlineSnapshot(`
      "shop on memory: 5 steps for db

        #1 service:db            hook    afterMigrate runs hooks/x.ts: it did not end well in an earlier run
        #2 hook:afterMigrate:db  forget  it has ended well  after #1
        #3 hook:afterReady       hook    afterReady runs make x: it did not end well in an earlier run
        #4 hook:afterReady       forget  it has ended well  after #3
        #5 service:db            record  nothing is recorded yet  after #1
      "
    `)
    expect(eventsOf(await stack.plan(declared(hooks)))).toEqual(['afterMigrate', 'afterReady'])
    const { results } = await stack.up(declared(hooks))
    expect(results.filter(({ status }) => status !== 'done' && status !== 'not-needed')).toEqual([])
    expect((await stack.plan(declared(hooks))).steps).toEqual([])

    // Cut between the migration and the end of its hook.
    const next = declared(hooks, ['001', '002'])
    await execute(await stack.plan(next), { ...stack.world, runScript: refused })
    expect(eventsOf(await stack.plan(next))).toEqual(['afterMigrate'])
    // It is no leftover, and goes with the data.
    const observed = { ...(await observeRuntime(next, stack.world)), runtime: stack.world.runtime.name }
    expect(planClean({ desired: next, observed, images: [], volumes: true }).steps).toEqual([])
    const forgets = planDown(next, observed, { volumes: true }).steps.filter(({ action }) => action.kind === 'forget')
    expect(forgets.map(({ subject }) => subject)).toEqual(['hook:afterMigrate:db'])
    // Without it, what says so is of no use; nor for one that is remembered for its content.
    const without = await stack.plan(declared({ afterReady: command }, ['001', '002']))
    expect(formatPlan(without)).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 hook:afterMigrate:db  forget  it was still to be run, and is no longer declared
      "
    `)
    expect(
      (await stack.plan(declared({ afterMigrate: { ...script, once: true } }, ['001', '002']))).steps.map(
        ({ action }) => action.kind,
      ),
    ).toEqual(['forget'])
    await execute(without, stack.world)
    expect((await stack.plan(next)).steps).toEqual([])
  })

  test('of down come before anything is stopped, and only when something runs', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    const desired = declared({ beforeDown: command })
    const look = async () => ({
      ...(await runtime.observe(
        {
          stack: 'shop',
          project: desired.project,
          containerNames: [],
          volumeNames: [],
          networkNames: [],
          imageRefs: [],
        },
        { signal: stack.world.signal },
      )),
      runtime: runtime.name,
    })
    expect(planDown(desired, await look(), { volumes: false }).steps).toEqual([])
    await stack.up(desired)
    const plan = planDown(desired, await look(), { volumes: false })
    expect(eventsOf(plan)).toEqual(['beforeDown'])
    expect(plan.steps[0]?.action.kind).toBe('hook')
    expect(plan.steps.slice(1).filter(({ needs }) => needs.length === 0)).toEqual([])
  })

  test('once for their content are remembered by the stack, whatever else there is to do', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    const ran: string[] = []
    const world = { ...stack.world, runScript: () => Promise.resolve(void ran.push('ran')) }
    const first = await stack.plan(contents('a'))
    expect(first.steps[0]).toMatchObject({ subject: 'hook:beforeUp', action: { kind: 'hook' } })
    expect(first.steps.filter(({ id, needs }) => id !== 1 && needs.length === 0)).toEqual([])
    await execute(first, world)
    expect(ran).toHaveLength(2)
    expect((await stack.plan(contents('a'))).steps).toEqual([])

    const changed = await stack.plan(contents('b', 'a'))
    expect(formatPlan(changed)).toMatchInlineSnapshot(`
      "shop on memory: 2 steps

        #1 hook:beforeUp  hook      beforeUp runs hooks/x.ts: its content has changed
        #2 hook:beforeUp  remember  it is run once for its content  after #1
      "
    `)
    // One that fails is not remembered.
    await execute(changed, { ...stack.world, runScript: refused })
    expect(eventsOf(await stack.plan(contents('b', 'a')))).toEqual(['beforeUp'])
    await execute(await stack.plan(contents('b', 'a')), world)
    expect((await stack.plan(contents('b', 'a'))).steps).toEqual([])
    const scope = { stack: 'shop', project: contents('b').project, containerNames: [], volumeNames: [] }
    const { volumes } = await runtime.observe(
      { ...scope, networkNames: [], imageRefs: [] },
      { signal: stack.world.signal },
    )
    expect(volumes.map(({ job }) => job).filter((job) => job !== undefined)).toHaveLength(2)
  })

  test('once for their content before migrations are what the database lacks, and need no migration', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const services = [postgresService({ name: 'db', migrations: '/projects/shop/migrations' })]
    const before = { ...script, once: true }
    const of = (checksum: string, versions: readonly string[]) =>
      desiredOf(stackConfig(services, { hooks: { beforeMigrate: before } }), {
        migrations: versions.map((version) => migration(version)),
        before: [{ file: 'hooks/x.ts', checksum, content: { kind: 'script', path: '/projects/shop/hooks/x.ts' } }],
      })
    const plan = await stack.plan(of('a', ['001']))
    const [seed, migrate] = ['seed', 'migrate'].map((kind) => plan.steps.find(({ action }) => action.kind === kind))
    expect(migrate?.needs).toEqual([seed?.id])
    await execute(plan, stack.world)
    expect((await stack.plan(of('a', ['001']))).steps).toEqual([])
    expect((await stack.plan(of('a', ['001', '002']))).steps.map(({ action }) => action.kind)).toEqual(['migrate'])
    expect((await stack.plan(of('b', ['001']))).steps.map(({ action }) => action.kind)).toEqual(['seed'])
  })
})
