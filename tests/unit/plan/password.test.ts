/** A changed password is given to the role that the data have already. */
import { describe, expect, test } from 'vitest'
import { observe } from '../../../src/execute/observe.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import type { Plan } from '../../../src/plan/step.ts'
import { recordSpec } from '../../../src/plan/spec.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  postgresService,
  stackConfig,
  type MemoryStack,
} from '../../support/memory-stack.ts'

const declared = (digest: string, settings: Readonly<Record<string, string>> = {}) =>
  desiredOf(stackConfig([postgresService({ settings })]), { digests: { 'db.password': digest } })

async function running(containersPossible = true) {
  const stack = memoryStack(createMemoryRuntime({ containersPossible }))
  await stack.up(declared('one'))
  return stack
}

test('a changed password is set between the start and the wait, and its failure brings the old server back', async () => {
  const { steps } = await (await running()).plan(declared('two'))
  const step = steps.find(({ action }) => action.kind === 'set-password')
  const start = steps.find(({ action, undo }) => action.kind === 'start' && undo === undefined)
  const wait = steps.find(({ action }) => action.kind === 'wait')
  expect(step).toMatchObject({
    subject: 'service:db',
    needs: [start?.id],
    cause: { text: 'the declared password changed' },
  })
  expect(wait?.needs).toContain(step?.id)
  for (const { undo } of steps) if (undo !== undefined) expect(undo.unless).toContain(step?.id)
})

test('no password is set on a first start, or for another change', async () => {
  const kinds = async (stack: Awaited<ReturnType<typeof running>>, desired: ReturnType<typeof declared>) =>
    (await stack.plan(desired)).steps.map(({ action }) => action.kind)
  expect(await kinds(memoryStack(createMemoryRuntime()), declared('one'))).not.toContain('set-password')
  expect(await kinds(await running(), declared('one', { work_mem: '8MB' }))).not.toContain('set-password')
})

test('natively it is set between the stop of the old server and the start of the new one, and both come back without it', async () => {
  const stack = await running(false)
  const { steps } = await stack.plan(declared('two'))
  const ids = Object.fromEntries(
    steps.flatMap(({ action, id, undo }) => (undo === undefined ? [[action.kind, id]] : [])),
  )
  const step = steps.find(({ action }) => action.kind === 'set-password')
  expect(step?.needs).toEqual([ids['create'], ids['stop']])
  expect(steps.find(({ id }) => id === ids['start'])?.needs).toContain(step?.id)
  for (const { undo } of steps) if (undo !== undefined) expect(undo.unless).toContain(step?.id)
  const { results } = await stack.up(declared('two'))
  expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  expect((await stack.plan(declared('two'))).steps).toEqual([])
})

const passwordSteps = ({ steps }: Plan) =>
  steps.flatMap(({ action }) =>
    action.kind === 'set-password' || (action.kind === 'wait' && action.password !== undefined) ? [action.kind] : [],
  )
const withoutContainers = async (stack: MemoryStack) => {
  const observed = await observe(declared('two'), stack.world)
  return { observed, plan: reconcile(declared('two'), { ...observed, containers: [], probes: {} }) }
}

describe('with no container that tells what password the data have', () => {
  test('the wait gives the declared one to a server that does not let it in', async () => {
    const stack = await running()
    const { observed, plan } = await withoutContainers(stack)
    expect(passwordSteps(plan)).toEqual(['wait'])
    expect(passwordSteps(await memoryStack(createMemoryRuntime()).plan(declared('one'))), 'a first start').toEqual([])
    // Cut off between the start of that server and its password.
    const rejected = { db: { state: 'not-ready', code: 'PASSWORD_REJECTED' } } as const
    expect(passwordSteps(reconcile(declared('one'), { ...observed, probes: rejected }))).toEqual(['wait'])
  })

  test('natively it is set before the start, as long as none has run on them', async () => {
    const stack = await running(false)
    const { observed, plan } = await withoutContainers(stack)
    expect(passwordSteps(plan)).toEqual(['set-password'])
    expect(
      passwordSteps(await memoryStack(createMemoryRuntime({ containersPossible: false })).plan(declared('one'))),
    ).toEqual([])
    const of = (state: 'created' | 'exited') => {
      const containers = observed.containers.map((container) => ({ ...container, state }))
      return passwordSteps(reconcile(declared('one'), { ...observed, containers, probes: {} }))
    }
    expect([of('created'), of('exited')]).toEqual([['set-password'], []])
  })
})

test('a new server that runs beside the old one is given its password before it is waited for', async () => {
  const stack = await running()
  const observed = await observe(declared('two'), stack.world)
  const [found] = observed.containers
  if (found === undefined) throw new Error('no container')
  const old = { ...found, name: 'shop-db-replaced', state: 'exited' as const }
  const spec = recordSpec(declared('two').services[0]?.container?.spec ?? { image: '' }, declared('two').digests)
  const cut = {
    ...observed,
    containers: [{ ...found, spec, id: 'new' }, old],
    probes: { db: { state: 'not-ready' as const } },
  }
  const { steps } = reconcile(declared('two'), cut)
  const [step, wait] = steps
  expect([step?.action.kind, wait?.action.kind]).toEqual(['set-password', 'wait'])
  expect(wait?.needs).toEqual([step?.id])
})

test('an up with a changed password leaves nothing to do', async () => {
  const stack = await running()
  const { results } = await stack.up(declared('two'))
  expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  expect((await stack.plan(declared('two'))).steps).toEqual([])
})

describe('a generated password whose file is gone', () => {
  const lost = { ...declared('one'), unkept: ['db.password'] }

  test('is set anew where a container runs or is to be made, once', async () => {
    const stack = await running()
    const observed = await observe(lost, stack.world)
    const rejected = { ...observed, probes: { db: { state: 'not-ready', code: 'PASSWORD_REJECTED' } as const } }
    const kinds = (of: typeof observed) =>
      reconcile(lost, of).steps.flatMap(({ action, undo }) => (undo === undefined ? [action.kind] : []))
    expect(kinds(rejected)).toEqual(['rename', 'create', 'stop', 'start', 'set-password', 'wait', 'remove'])
    expect(kinds({ ...observed, containers: [], probes: {} })).toEqual(['create', 'start', 'set-password', 'wait'])
    expect(kinds({ ...observed, containers: [], volumes: [], probes: {} })).not.toContain('set-password')
    expect(kinds(observed), 'a server that lets us in').toEqual([])
  })

  test('is not left with what reads it', async () => {
    const url = [{ kind: 'reference', service: 'db', property: 'url' }] as const
    const web = containerService({ name: 'web', env: { DATABASE_URL: url } })
    const others = stackConfig([postgresService(), web, containerService({ name: 'other' })])
    const desired = desiredOf(others, { digests: { 'db.password': 'one' } })
    const stack = memoryStack(createMemoryRuntime())
    await stack.up(desired)
    const gone = { ...desired, unkept: ['db.password'] }
    const observed = await observe(gone, stack.world)
    const rejected = { ...observed, probes: { ...observed.probes, db: { state: 'not-ready' as const } } }
    const made = (of: typeof observed) =>
      reconcile(gone, of).steps.flatMap(({ action, subject }) => (action.kind === 'create' ? [subject] : []))
    expect([made(rejected), made(observed)]).toEqual([['service:db', 'service:web'], []])
  })

  test('is set natively before the server starts, as nobody gets into one that runs', async () => {
    const stack = await running(false)
    const observed = { ...(await observe(lost, stack.world)), probes: {} }
    const kinds = (of: typeof observed) =>
      reconcile(lost, of).steps.flatMap(({ action, undo }) => (undo === undefined ? [action.kind] : []))
    expect(kinds(observed)).toEqual(['rename', 'create', 'stop', 'set-password', 'start', 'wait', 'remove'])
    expect(kinds({ ...observed, containers: [] })).toEqual(['create', 'set-password', 'start', 'wait'])
  })
})
