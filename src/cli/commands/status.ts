import { ExitCode } from '../../errors.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface StatusFlags extends CommonFlags {
  readonly check: boolean
}

/** `poststack status` */
export async function status(this: Context, flags: StatusFlags): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const made = await stack.status()
    report.status(made)
    return flags.check && !made.asDeclared ? ExitCode.notAsDeclared : ExitCode.ok
  })
}
