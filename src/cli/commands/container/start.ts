import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface StartFlags extends CommonFlags {
  readonly postgresPort?: number
  readonly waitTimeout?: number
}

/** `poststack container start [service…]` */
export async function start(this: Context, flags: StartFlags, ...services: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    const { postgresPort, waitTimeout } = flags
    const waitTimeoutMs = waitTimeout === undefined ? undefined : waitTimeout * 1000
    const outcome = await session.stack.containers.start({ services, postgresPort, waitTimeoutMs })
    return finish(outcome, session, this.io.signal)
  })
}
