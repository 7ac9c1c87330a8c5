import { confirmLoss } from '../confirm.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { finish, runSession } from '../session.ts'

interface DownFlags extends CommonFlags {
  readonly volumes: boolean
  readonly yes: boolean
}

/** `poststack down` */
export async function down(this: Context, flags: DownFlags): Promise<void> {
  await runSession(this, flags, async (session) => {
    const { volumes, yes } = flags
    const outcome = await session.stack.down({ volumes, confirm: (plan) => confirmLoss(plan, yes, this.io) })
    return finish(outcome, session, this.io.signal)
  })
}
