import { errorCodes, ExitCode } from '../../errors.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface PlanFlags extends CommonFlags {
  readonly check: boolean
}

/** `poststack plan [service…]` */
export async function plan(this: Context, flags: PlanFlags, ...services: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const made = await stack.plan({ services })
    report.plan(made)
    // A plan that cannot be carried out is not an answer to "what would happen?", so it is not a success.
    const blocked = made.steps.flatMap(({ action }) => (action.kind === 'blocked' ? [errorCodes[action.code]] : []))[0]
    if (blocked !== undefined) return blocked
    return flags.check && made.steps.length > 0 ? ExitCode.notAsDeclared : ExitCode.ok
  })
}
