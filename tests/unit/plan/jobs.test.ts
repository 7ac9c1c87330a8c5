/** A job runs once for what it is made of, whatever happens to its container. */
import { expect, test } from 'vitest'
import { execute } from '../../../src/execute/execute.ts'
import { observe, observeRuntime } from '../../../src/execute/observe.ts'
import { planDown } from '../../../src/plan/down.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { label } from '../../../src/plan/labels.ts'
import { declaredStack, describeStack } from '../../../src/plan/record.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import type { Plan } from '../../../src/plan/step.ts'
import type { Desired } from '../../../src/plan/types.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
} from '../../support/memory-stack.ts'

const seed = (word: string) =>
  containerService({
    name: 'seed',
    job: true,
    command: [word],
    dependsOn: [{ service: 'db', condition: 'ready' }],
    mounts: [{ kind: 'volume', volume: 'files', target: '/files', readOnly: false }],
  })
const web = containerService({ name: 'web', dependsOn: [{ service: 'seed', condition: 'completed' }] })
const declared = (word = 'one') => desiredOf(stackConfig([postgresService(), seed(word), web]))

function open() {
  const runtime = createMemoryRuntime()
  runtime.world.behaviour = ({ plan }) => (plan?.service === 'seed' ? { exits: 0 } : 'runs')
  const stack = memoryStack(runtime)
  const down = async (volumes = false): Promise<void> => {
    const observed = { ...(await observeRuntime(declared(), stack.world)), runtime: 'memory' as const }
    const plan = planDown(declared(), observed, { volumes })
    expect(plan.keptVolumes).toEqual(volumes ? [] : ['shop-db-data', 'shop-files'])
    await execute(plan, stack.world)
  }
  /** The steps of `up` for the job, and the plan after them. */
  const up = async (desired: Desired = declared()): Promise<readonly string[]> => {
    const { plan, results } = await stack.up(desired)
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
    expect(formatPlan(await stack.plan(desired))).toBe('shop on memory: everything is as declared\n')
    return plan.steps
      .filter(({ subject, undo }) => subject === 'service:seed' && undo === undefined)
      .map(({ action, cause }) => `${action.kind}: ${cause.text}`)
  }
  return { runtime, stack, down, up }
}

const run = (cause: string) => [`create: ${cause}`, expect.stringMatching(/^start/), expect.stringMatching(/^wait/)]
const remembered = 'remember: it is done once for all'

test('a job must not run again after down', async () => {
  const { runtime, stack, down, up } = open()
  expect(await up()).toEqual([...run('not found'), remembered])
  expect(await up()).toEqual([])
  await down()
  expect(await up()).toEqual([])
  expect([...runtime.world.containers.values()].map(({ name }) => name)).toEqual(['shop-db', 'shop-web'])
  const observed = await observe(declared(), stack.world)
  const status = stackStatus(declared(), observed, await stack.plan(declared()))
  expect(status.services.map(({ service, state }) => `${service} ${state}`)).toContain('seed completed')
  const record = describeStack(declaredStack(declared(), []), observed)
  expect(record.services.find(({ name }) => name === 'seed')?.state).toBe('completed')
})

test('a job must run again when its content changes, and be remembered once', async () => {
  const { runtime, down, up } = open()
  await up()
  await down()
  expect(await up(declared('two'))).toEqual([...run('it changed since it was done'), remembered])
  await down()
  expect(await up(declared('one'))).toEqual([...run('it changed since it was done'), remembered])
  const memories = [...runtime.world.volumes.keys()].filter((name) => name.includes('-done-'))
  expect(memories).toHaveLength(1)
})

test.each([
  ['shop-db-data', 'the data of db is gone since it was done'],
  ['shop-files', 'its data is gone since it was done'],
])('a job must run again when %s was deleted', async (volume, cause) => {
  const { runtime, down, up } = open()
  await up()
  await down()
  runtime.world.volumes.delete(volume)
  expect(await up()).toEqual([...run(cause), remembered])
})

test('a job must run again on data that somebody has made anew meanwhile', async () => {
  const { runtime, stack, down, up } = open()
  await up()
  await down()
  runtime.world.volumes.delete('shop-db-data')
  await stack.up(declared(), ['db'])
  expect(await up()).toEqual([...run('the data of db is new since it was done'), remembered])
  await down()
  expect(await up()).toEqual([])
})

test('data that are made anew must be told from all that a memory knows, whatever becomes of them', async () => {
  const { runtime, stack, down, up } = open()
  await up()
  await down()
  for (const round of [1, 2]) {
    for (let made = 0; made < 2; made += 1) {
      runtime.world.volumes.delete('shop-db-data')
      await stack.up(declared(), ['db'])
    }
    expect(runtime.world.volumes.get('shop-db-data')?.labels[label.generation]).toBe(String(round))
    expect(await up()).toContain(remembered)
    await down()
    expect(await up()).toEqual([])
  }
})

test('a job must not run again because a cut run has left what remembers it on the data of before', async () => {
  const { runtime, stack, down, up } = open()
  await up()
  await down()
  const { volumes } = runtime.world
  const memories = () => [...volumes].filter(([name]) => name.includes('-done-'))
  const before = memories()
  volumes.delete('shop-db-data')
  await stack.up(declared(), ['db'])
  await up()
  const [[now] = []] = memories()
  for (const [name, memory] of before) volumes.set(name, memory)
  expect(await up()).toEqual([remembered])
  expect(memories().map(([name]) => name)).toEqual([now])
  await down()
  expect(await up()).toEqual([])
})

test('down with the data forgets the job', async () => {
  const { runtime, down, up } = open()
  await up()
  await down(true)
  expect([...runtime.world.volumes.keys()]).toEqual([])
  expect(await up()).toEqual([...run('not found'), remembered])
})

test('a job of before there was a memory is remembered without being run', async () => {
  const { runtime, up } = open()
  await up()
  for (const name of runtime.world.volumes.keys()) if (name.includes('-done-')) runtime.world.volumes.delete(name)
  expect(await up()).toEqual([remembered])
})

test('a failed job is not remembered', async () => {
  const { runtime, stack, up } = open()
  runtime.world.behaviour = ({ plan }) => (plan?.service === 'seed' ? { exits: 3 } : 'runs')
  await stack.up(declared())
  expect([...runtime.world.volumes.keys()].toSorted()).toEqual(['shop-db-data', 'shop-files'])
  runtime.world.behaviour = ({ plan }) => (plan?.service === 'seed' ? { exits: 0 } : 'runs')
  expect(await up()).toContain(remembered)
})

/** What the start of web needs, and the step that migrates. */
const startOf = ({ steps }: Plan) => ({
  jobs: steps.filter(({ subject }) => /prep|seed/.test(subject)),
  needs: steps.find(({ action, subject }) => action.kind === 'start' && subject === 'service:web')?.needs,
  migrated: steps.find(({ action }) => action.kind === 'migrate')?.id,
})

test('what waits for jobs that are done must wait for what these wait for', async () => {
  const config = stackConfig([
    postgresService({ migrations: '/projects/shop/migrations' }),
    containerService({ name: 'prep', job: true, dependsOn: [{ service: 'db', condition: 'migrated' }] }),
    containerService({ name: 'seed', job: true, dependsOn: [{ service: 'prep', condition: 'completed' }] }),
    containerService({ name: 'web', dependsOn: [{ service: 'seed', condition: 'completed' }] }),
  ])
  const runtime = createMemoryRuntime()
  runtime.world.behaviour = ({ plan }) => (['prep', 'seed'].includes(plan?.service ?? '') ? { exits: 0 } : 'runs')
  const stack = memoryStack(runtime)
  const before = desiredOf(config, { migrations: [migration('001')] })
  await stack.up(before)
  const desired = desiredOf(config, { migrations: [migration('001'), migration('002')] })
  const restart = startOf(reconcile(desired, await observe(desired, stack.world), { goal: 'restart' }))
  const observed = { ...(await observeRuntime(before, stack.world)), runtime: 'memory' as const }
  const down = { volumes: false }
  await execute(planDown(before, observed, down), stack.world)
  for (const { jobs, migrated, needs } of [restart, startOf(await stack.plan(desired))]) {
    expect(jobs).toEqual([])
    expect(needs).toContain(migrated)
  }
  await stack.up(desired)
  const { steps } = planDown(desired, { ...(await observeRuntime(desired, stack.world)), runtime: 'memory' }, down)
  const removed = steps.find(({ action, subject }) => action.kind === 'remove' && subject === 'service:web')?.id
  expect(steps.find(({ action, subject }) => action.kind === 'stop' && subject === 'service:db')?.needs).toEqual([
    removed,
  ])
})
