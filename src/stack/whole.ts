/**
 * What is done to the stack as a whole, or to some services and what they depend on.
 */
import { observe } from '../execute/observe.ts'
import { planDown } from '../plan/down.ts'
import { selectServices } from '../plan/order.ts'
import { warnOfPulls } from '../plan/reconcile/pull.ts'
import { reconcile } from '../plan/reconcile/reconcile.ts'
import { stackStatus } from '../plan/status.ts'
import type { Plan } from '../plan/step.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { databasesOf, namedIn, type Opened, read, selectFor, type SelectRuntime, within } from './opened.ts'
import type { WholeStack } from './options.ts'
import { lookAtNames, perform, raise } from './runs.ts'
import { worldOf } from './world.ts'

/** The way from the declared state to the world and back. */
export function createWhole(stack: Opened, select: SelectRuntime): WholeStack {
  const { config } = stack.parsed
  const wanted = (opened: Opened, services: readonly string[]): Promise<Runtime> =>
    selectFor(opened, select)(selectServices(config.services, services))
  return {
    plan: (options = {}) =>
      within(stack, options, async (opened) => {
        const services = namedIn(opened, options.services ?? [])
        const [{ desired, secrets }, runtime] = await bothOf(
          read(opened, { services, create: false }),
          wanted(opened, services),
        )
        const world = worldOf(opened, runtime, secrets)
        return warnOfPulls(reconcile(desired, await observe(desired, world), { services }), desired)
      }),
    up: (options = {}) =>
      within(stack, options, async (opened) => {
        const { confirm, waitTimeoutMs, expectsChange, pull = true } = options
        const services = namedIn(opened, options.services ?? [])
        const [runtime, first] = await bothOf(
          wanted(opened, services),
          expectsChange === true ? Promise.resolve(undefined) : read(opened, { services, create: false }),
        )
        const plan: Parameters<typeof raise>[0]['plan'] = (desired, observed) =>
          reconcile(desired, observed, { services })
        const how = { waitTimeoutMs, expectsChange, pull, confirm }
        return await raise({ opened, runtime, command: 'up', services, first, ...how, plan })
      }),
    down: (options = {}) =>
      within(stack, options, async (opened) => {
        const { volumes = false, confirm } = options
        const runtime = await selectFor(opened, select)(databasesOf(opened))
        const plan = async (): Promise<Plan> => {
          const { desired, observed } = await lookAtNames(opened, runtime)
          return planDown(desired, observed, { volumes })
        }
        return await perform({ opened, runtime, command: 'down', plan, again: true, confirm })
      }),
    status: (options = {}) =>
      within(stack, options, async (opened) => {
        const [{ desired, secrets }, runtime] = await bothOf(
          read(opened, { services: [], create: false }),
          selectFor(opened, select)(databasesOf(opened)),
        )
        const observed = await observe(desired, worldOf(opened, runtime, secrets))
        return stackStatus(desired, observed, reconcile(desired, observed))
      }),
  }
}

/** Both at once. Where both fail, it fails with what the first does. */
async function bothOf<First, Second>(first: Promise<First>, second: Promise<Second>): Promise<[First, Second]> {
  second.catch(() => undefined)
  return [await first, await second]
}
