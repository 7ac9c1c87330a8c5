/**
 * Walks the plan: every step starts as soon as what it needs is done, and gets exactly one result. It decides nothing: whether
 * a step is there, and what takes back what, was decided by the plan.
 */
import { interruption } from '../abort.ts'
import { isPoststackError, recordError, type ErrorRecord } from '../errors.ts'
import type { Emit, StepFacts, StepResult } from '../events.ts'
import type { Plan, PlanStep } from '../plan/step.ts'
import { carryOut, type Carrier, type StepWorld } from './carry-out.ts'
import { createLimit } from './limits.ts'
import { deadline, linger } from './linger.ts'
import type { World } from './world.ts'

/** Engine calls at once. More does not make an engine faster. */
const parallelCalls = 4
/** How long the engine's short calls may go on after an interruption. */
const lingerMs = 10_000
/** A step of the way back gets this long, also when the run was interrupted. */
const undoDeadlineMs = 120_000
/** A stop takes as long as its service may, and this for the engine. */
const stopMs = 60_000

/**
 * Carries the plan out and returns one result for every step, in the plan's order. Steps that do not depend on a failed one
 * go on. Never throws for a failed step; throws for a bug, after every step has ended.
 */
export async function execute(plan: Plan, world: World): Promise<readonly StepResult[]> {
  const bugs: unknown[] = []
  // Who listens must not stop the work; what failed there is told when all of it is done.
  const emit: Emit = (event) => {
    try {
      world.emit(event)
    } catch (error) {
      bugs.push(error)
    }
  }
  const walk: Walk = {
    carrier: { ...world, emit, limit: createLimit(parallelCalls), startLimit: createLimit(1) },
    plan,
    results: new Map(),
    bugs,
  }
  for (const step of plan.steps) {
    walk.results.set(step.id, step.undo === undefined ? forward(step, walk) : back(step, step.undo, walk))
  }
  const results = await Promise.all(walk.results.values())
  if (bugs.length > 0) throw bugs[0]
  return results
}

type Signals = Pick<StepWorld, 'signal' | 'lateSignal'>

interface Walk {
  readonly carrier: Carrier
  readonly plan: Plan
  readonly results: Map<number, Promise<StepResult>>
  readonly bugs: unknown[]
}

async function forward(step: PlanStep, walk: Walk): Promise<StepResult> {
  const needed = await resultsOf(step.needs, walk)
  const blocker = needed.find(({ status }) => status !== 'done')
  if (blocker !== undefined || walk.carrier.signal.aborted) return skip(step, blocker, walk)
  const { signal } = walk.carrier
  const late = linger(signal, stopTime(step) ?? lingerMs)
  try {
    return await attempt(step, walk, { signal, lateSignal: late.signal })
  } finally {
    late.end()
  }
}

function skip(step: PlanStep, blocker: StepResult | undefined, { carrier }: Walk): StepResult {
  const because = blocker === undefined ? {} : { because: blocker.step }
  carrier.emit({ type: 'step-skipped', ...factsOf(step), ...because })
  return { ...factsOf(step), status: 'skipped', durationMs: 0, ...because }
}

/** Longer than a stop of that service can take; nothing for other steps. */
function stopTime({ action }: PlanStep): number | undefined {
  return action.kind === 'stop' ? action.graceSeconds * 1000 + stopMs : undefined
}

/** A step of the way back runs when its step had an effect and the whole did not succeed. */
async function back(step: PlanStep, undo: NonNullable<PlanStep['undo']>, walk: Walk): Promise<StepResult> {
  await resultsOf(step.needs, walk)
  const [origin] = await resultsOf([undo.of], walk)
  const group = await resultsOf(undo.unless, walk)
  const failed = group.some(({ status }) => status !== 'done')
  const begun = origin?.status === 'done' || (origin?.status === 'failed' && mayHaveBegun(origin))
  if (!failed || !begun) return { ...factsOf(step), status: 'not-needed', durationMs: 0 }
  const [blocker] = undo.unlessFailed === undefined ? [] : await resultsOf([undo.unlessFailed], walk)
  if (blocker?.status === 'failed') return skip(step, blocker, walk)
  const { end, signal } = deadline(Math.max(stopTime(step) ?? 0, undoDeadlineMs))
  try {
    return await attempt(step, walk, { signal, lateSignal: signal })
  } finally {
    end()
  }
}

/** A rename happens or does not, and what has the name of what was to be made is something else; all other steps can fail in the middle. */
function mayHaveBegun({ error, kind }: StepResult): boolean {
  return kind !== 'rename' && error?.code !== 'NAME_TAKEN'
}

async function attempt(step: PlanStep, walk: Walk, signals: Signals): Promise<StepResult> {
  const { emit } = walk.carrier
  const facts = factsOf(step)
  const started = performance.now()
  emit({ type: 'step-started', ...facts, cause: step.cause, risk: step.risk })
  try {
    const progress = (text: string): void => {
      emit({ type: 'step-progress', ...facts, text })
    }
    const note = await carryOut(step, { ...walk.carrier, ...signals, facts, progress })
    const durationMs = since(started)
    emit({ type: 'step-done', ...facts, durationMs, cause: step.cause, ...(note === undefined ? {} : { note }) })
    return { ...facts, status: 'done', durationMs }
  } catch (error) {
    const durationMs = since(started)
    const record = describe(error, signals.signal, walk)
    emit({ type: 'step-failed', ...facts, durationMs, error: record })
    return { ...facts, status: 'failed', durationMs, error: record }
  }
}

function describe(error: unknown, signal: AbortSignal, walk: Walk): ErrorRecord {
  if (isPoststackError(error)) return recordError(error)
  if (signal.aborted) return recordError(interruption(signal))
  walk.bugs.push(error)
  return { code: 'STEP_FAILED', message: error instanceof Error ? error.message : String(error) }
}

async function resultsOf(ids: readonly number[], { results }: Walk): Promise<readonly StepResult[]> {
  return Promise.all(
    ids.map((id) => {
      const result = results.get(id)
      if (result === undefined) throw new Error(`step #${String(id)} is needed before it stands in the plan`)
      return result
    }),
  )
}

function factsOf({ id, subject, action }: PlanStep): StepFacts {
  return { step: id, subject, kind: action.kind }
}

function since(started: number): number {
  return Math.round(performance.now() - started)
}
