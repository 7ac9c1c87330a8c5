/** Two checkouts of one stack whose first `up` falls in the same moment: both have seen the names free. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { StackEvent, StepResult } from '../../../src/events.ts'
import { carryThrough } from '../../../src/execute/carry-through.ts'
import { execute } from '../../../src/execute/execute.ts'
import type { Plan } from '../../../src/plan/step.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, postgresService, stackConfig } from '../../support/memory-stack.ts'

const checkout = (root: string, port: number, containerName?: string) =>
  desiredOf(
    stackConfig([postgresService({ port }), containerService({ name: 'web', containerName })], {
      root: `/${root}/shop`,
    }),
  )

function two(containerName?: string) {
  const runtime = createMemoryRuntime()
  const [first, second] = [memoryStack(runtime), memoryStack(createMemoryRuntime({ world: runtime.world }))]
  const [one, other] = [checkout('one', 5433, containerName), checkout('other', 5434, containerName)]
  const plans: Plan[] = []
  const through = () =>
    carryThrough({
      plan: async () => {
        const plan = await second.plan(other)
        // Between the look of the second one and its first step, the first one comes up.
        if (plans.length === 0) await first.up(one)
        plans.push(plan)
        return plan
      },
      carryOut: (plan) => {
        const isBlocked = plan.steps.some(({ action }) => action.kind === 'blocked')
        if (isBlocked) throw new Error('blocked')
        return execute(plan, second.world)
      },
      emit: second.world.emit,
      signal: second.world.signal,
    })
  return { first, second, one, other, plans, through }
}

const notices = (events: readonly StackEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))

test('the slower one must look again, and come up beside the other', async () => {
  const { first, second, one, other, plans, through } = two()
  const { plan, results } = await through()
  expect(results.filter(({ status }) => status === 'failed' || status === 'skipped')).toEqual([])
  expect(plans).toHaveLength(2)
  expect(plan).toBe(plans[1])
  expect(notices(second.events).join('\n')).toMatch(
    /^something else took the name of network shop(, volume shop-db-data)? at the same moment; looking again$/,
  )
  expect((await second.plan(other)).steps).toEqual([])
  expect((await first.plan(one)).steps).toEqual([])
})

test('a name that was declared must be told of as taken, as in every later run', async () => {
  const { plans, through } = two('shop-front')
  await expect(through()).rejects.toThrow('blocked')
  const blocked = plans.at(-1)?.steps.filter(({ action }) => action.kind === 'blocked')
  expect(blocked?.map(({ cause }) => cause.text)).toEqual(['the name shop-front is taken by stack shop in /one/shop'])
})

const result = (status: StepResult['status'], code?: 'NAME_TAKEN' | 'STEP_FAILED'): StepResult => ({
  step: 1,
  subject: 'service:web',
  kind: 'create',
  status,
  durationMs: 1,
  ...(code === undefined ? {} : { error: { code, message: code } }),
})

test.each([
  ['another failure', [result('failed', 'NAME_TAKEN'), result('failed', 'STEP_FAILED')], 1],
  ['success', [result('done'), result('not-needed')], 1],
  ['a name that stays taken', [result('failed', 'NAME_TAKEN'), result('skipped')], 5],
])('after %s it must end', async (_, results, tries) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const stack = memoryStack(createMemoryRuntime())
  let count = 0
  const through = carryThrough({
    plan: () => stack.plan(checkout('one', 5433)),
    carryOut: () => {
      count += 1
      return Promise.resolve(results)
    },
    emit: stack.world.emit,
    signal: stack.world.signal,
  })
  await vi.advanceTimersByTimeAsync(10_000)
  expect([count, (await through).results]).toEqual([tries, results])
})
