/**
 * The one way from a plan to its outcome: look, plan, refuse what is blocked, announce, act, look again. What is wanted differs
 * from command to command only in the function that makes the plan.
 */
import { type Secrets, unneededSecrets } from '../config/secrets.ts'
import type { Outcome } from '../events.ts'
import { carryThrough } from '../execute/carry-through.ts'
import { execute } from '../execute/execute.ts'
import { observe, observeRuntime } from '../execute/observe.ts'
import { outcomeOf, succeeded } from '../execute/outcome.ts'
import { type DesiredRead, readNames } from '../execute/read-desired.ts'
import type { World } from '../execute/world.ts'
import { isBlocked } from '../plan/format.ts'
import { selectServices } from '../plan/order.ts'
import { alwaysPulled, planPull } from '../plan/reconcile/pull.ts'
import { consentNeeded, refuseBlocked } from '../plan/refusal.ts'
import type { Plan } from '../plan/step.ts'
import type { Desired, Observed, RuntimeName, RuntimeSnapshot } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { locked, read, type Opened } from './opened.ts'
import { worldOf } from './world.ts'

export interface Raise {
  readonly opened: Opened
  readonly runtime: Runtime
  /** For those who wait for the lock: `up`. */
  readonly command: string
  /** Only these and what they depend on; all when empty. */
  readonly services: readonly string[]
  readonly waitTimeoutMs?: number | undefined
  /** What the first look is to go by, where it was read already. */
  readonly first?: DesiredRead | undefined
  /** Leave out the look that saves an unchanged stack the lock. */
  readonly expectsChange?: boolean | undefined
  /** Begin with the images that are always pulled. */
  readonly pull?: boolean | undefined
  /** Asked with the plan of the first look, ahead of the lock, when it takes data away: nobody waits for a person's answer. */
  readonly confirm?: ((plan: Plan) => Promise<boolean>) | undefined
  readonly plan: (desired: Desired, observed: Observed) => Plan
  /** What a second look asks for; the same as `plan` where doing it twice is nothing. */
  readonly after?: (desired: Desired, observed: Observed) => Plan
}

/** Makes it as a plan on the whole declared state wants it. */
export async function raise(request: Raise): Promise<Outcome> {
  const { confirm, expectsChange } = request
  const done = expectsChange === true && confirm === undefined ? undefined : await alreadyDone(request)
  return done ?? locked(request.opened, request.command, () => makeSo(request))
}

/** The first look: the outcome when nothing is to be done. Such a run takes no lock, because a lock is written, and an unchanged stack is only read. */
async function alreadyDone(request: Raise): Promise<Outcome | undefined> {
  const { confirm, opened, runtime, services, plan: make } = request
  const began = performance.now()
  const { desired, secrets } = request.first ?? (await read(opened, { services, create: false }))
  const pulls = request.pull === true && alwaysPulled(desired).length > 0
  if (pulls && confirm === undefined) return undefined
  const plan = make(desired, await observe(desired, worldOf(opened, runtime, secrets)))
  if (confirm !== undefined && destroys(plan) && !isBlocked(plan) && !(await confirm(plan))) throw consentNeeded(plan)
  if (pulls || plan.steps.length > 0) return undefined
  announce(plan, opened)
  const selected = selectServices(desired.services, services)
  return outcomeOf({ plan, results: [], began, after: undefined, services: selected })
}

async function makeSo(request: Raise): Promise<Outcome> {
  const { opened, runtime, services, waitTimeoutMs } = request
  const began = performance.now()
  const unwritten = await read(opened, { services, create: false })
  // Once new passwords are kept, nobody could tell any more that the old ones are gone: what that blocks is refused before.
  if (unwritten.desired.unkept.length > 0)
    refuseBlocked(
      request.plan(unwritten.desired, await observe(unwritten.desired, worldOf(opened, runtime, unwritten.secrets))),
    )
  const fresh = await read(opened, { services, create: true })
  const desired = waitTimeoutMs === undefined ? fresh.desired : withTimeout(fresh.desired, waitTimeoutMs)
  const world = worldOf(opened, runtime, fresh.secrets)
  const pulled = request.pull === true ? await pullNewest(desired, request, world) : undefined
  if (pulled?.ok === false) return pulled
  const { plan, results } = await carryThrough({
    plan: async () => request.plan(desired, await observe(desired, world)),
    carryOut: (made) => {
      refuseBlocked(made)
      announce(made, opened)
      return execute(made, world)
    },
    emit: opened.emit,
    signal: opened.signal,
  })
  // A second look: whatever it still asks for did not converge. Passwords that were made for it are kept by now, and none is lost.
  const looksAgain = succeeded(results) && plan.steps.length > 0
  const kept = { ...desired, unkept: [] }
  const after = looksAgain ? (request.after ?? request.plan)(kept, await observe(kept, world)) : undefined
  const selected = selectServices(desired.services, services)
  return outcomeOf({ plan, results, began, after, services: selected })
}

function destroys({ steps }: Plan): boolean {
  return steps.some(({ risk }) => risk === 'data-loss')
}

/** A run of its own: what is to be done after it depends on what came. */
async function pullNewest(
  desired: Desired,
  { opened, runtime, services }: Raise,
  world: World,
): Promise<Outcome | undefined> {
  const began = performance.now()
  const plan = planPull(desired, runtime, services)
  if (plan.steps.length === 0) return undefined
  announce(plan, opened)
  return outcomeOf({ plan, results: await execute(plan, world), began, after: undefined, services: [] })
}

export interface Perform {
  readonly opened: Opened
  readonly runtime: Runtime
  readonly command: string
  /** Looks and plans; once more after all is done where `again` is true, because whatever is asked for then did not converge. */
  readonly plan: () => Promise<Plan>
  readonly again: boolean
  /** For builds, which may be given some; a plan that only takes away needs none. */
  readonly secrets?: Secrets | undefined
  /** Asked with the exact plan before data is deleted; without it, or when it says no, nothing is done: `CONSENT_NEEDED`. */
  readonly confirm?: ((plan: Plan) => Promise<boolean>) | undefined
}

/** Carries a plan out that takes something away, or builds. */
export function perform(request: Perform): Promise<Outcome> {
  const { opened, again, confirm, secrets = unneededSecrets } = request
  return locked(opened, request.command, async () => {
    const began = performance.now()
    const plan = await request.plan()
    refuseBlocked(plan)
    if (destroys(plan) && (await confirm?.(plan)) !== true) throw consentNeeded(plan)
    announce(plan, opened)
    const results = await execute(plan, worldOf(opened, request.runtime, secrets))
    const looksAgain = again && succeeded(results) && plan.steps.length > 0
    return outcomeOf({ plan, results, began, after: looksAgain ? await request.plan() : undefined, services: [] })
  })
}

/** What is there of the declared names. No file of the project is read, so a broken one stands in nobody's way. */
export async function lookAtNames(
  { parsed, signal }: Opened,
  runtime: Runtime,
): Promise<{
  readonly desired: Desired
  readonly observed: RuntimeSnapshot & { readonly runtime: RuntimeName }
}> {
  const desired = readNames(parsed.config)
  return { desired, observed: { ...(await observeRuntime(desired, { runtime, signal })), runtime: runtime.name } }
}

function announce(plan: Plan, { emit }: Opened): void {
  for (const warning of plan.warnings) emit({ type: 'warning', ...warning })
  const { runtime, stack } = plan
  const forward = plan.steps.filter(({ undo }) => undo === undefined)
  const subjects = [...new Set(forward.map(({ subject }) => subject))]
  emit({ type: 'run-started', stack, runtime, steps: forward.length, subjects })
}

function withTimeout(desired: Desired, readyTimeoutMs: number): Desired {
  return { ...desired, services: desired.services.map((service) => ({ ...service, readyTimeoutMs })) }
}
