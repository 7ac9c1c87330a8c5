import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { finish, runSession } from '../session.ts'

interface UpFlags extends CommonFlags {
  readonly waitTimeout?: number
  readonly yes: boolean
}

/** `poststack up [service…]` */
export async function up(this: Context, flags: UpFlags, ...services: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    const waitTimeoutMs = flags.waitTimeout === undefined ? undefined : flags.waitTimeout * 1000
    const outcome = await session.stack.up({ services, waitTimeoutMs })
    return finish(outcome, session, this.io.signal)
  })
}
