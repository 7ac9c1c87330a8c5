import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface RemoveFlags extends CommonFlags {
  readonly force: boolean
}

/** `poststack container remove [--force] <name>…` */
export async function remove(this: Context, flags: RemoveFlags, ...names: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    const outcome = await session.stack.containers.remove(names, { force: flags.force })
    return finish(outcome, session, this.io.signal)
  })
}
