import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface RestartFlags extends CommonFlags {
  readonly waitTimeout?: number
}

/** `poststack container restart [service…]` */
export async function restart(this: Context, flags: RestartFlags, ...services: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    const waitTimeoutMs = flags.waitTimeout === undefined ? undefined : flags.waitTimeout * 1000
    const outcome = await session.stack.containers.restart({ services, waitTimeoutMs })
    return finish(outcome, session, this.io.signal)
  })
}
