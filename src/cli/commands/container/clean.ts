import { ExitCode } from '../../../errors.ts'
import { confirmLoss } from '../../confirm.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface CleanFlags extends CommonFlags {
  readonly dryRun: boolean
  readonly volumes: boolean
  readonly yes: boolean
}

/** `poststack container clean` */
export async function clean(this: Context, flags: CleanFlags): Promise<void> {
  await runSession(this, flags, async (session) => {
    const { dryRun, volumes, yes } = flags
    const { containers } = session.stack
    if (dryRun) {
      session.report.plan(await containers.planClean({ volumes }))
      return ExitCode.ok
    }
    const outcome = await containers.clean({ volumes, confirm: (plan) => confirmLoss(plan, yes, this.io) })
    return finish(outcome, session, this.io.signal)
  })
}
