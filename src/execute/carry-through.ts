/**
 * From looking to acting, and once more where somebody else was faster: names are chosen by what was seen, and another checkout that comes
 * up at the same moment has seen the same.
 */
import { pause } from '../abort.ts'
import type { Emit, StepResult } from '../events.ts'
import type { Plan } from '../plan/step.ts'

export interface CarryThrough {
  /** Looks and plans; throws when something stands in the way. */
  readonly plan: () => Promise<Plan>
  readonly carryOut: (plan: Plan) => Promise<readonly StepResult[]>
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Each try can lose another name: network, volume and container are made one after the other. */
const mostTries = 5
/** An engine refuses a name before it shows what has it. */
const settleMs = 200

/** The last plan, and what became of it. */
export async function carryThrough({ carryOut, emit, plan: make, signal }: CarryThrough): Promise<{
  readonly plan: Plan
  readonly results: readonly StepResult[]
}> {
  for (let tries = 1; ; tries += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each try looks at what the one before has left
    const plan = await make()
    // oxlint-disable-next-line no-await-in-loop
    const results = await carryOut(plan)
    const taken = overtaken(results)
    if (taken.length === 0 || tries === mostTries) return { plan, results }
    const message = `something else took the name of ${taken.join(', ')} at the same moment; looking again`
    emit({ type: 'notice', message })
    // oxlint-disable-next-line no-await-in-loop
    await pause(settleMs * tries, signal)
  }
}

/** What was not made only because its name, free a moment ago, is taken; nothing when anything else failed besides. */
function overtaken(results: readonly StepResult[]): readonly string[] {
  const failed = results.filter(({ status }) => status === 'failed')
  const isAll = failed.every((result) => 'error' in result && result.error?.code === 'NAME_TAKEN')
  return isAll ? failed.map(({ subject }) => subject.replace(':', ' ')) : []
}
