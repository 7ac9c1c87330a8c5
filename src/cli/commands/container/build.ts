import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface BuildFlags extends CommonFlags {
  readonly image: 'postgres' | 'base-debian' | 'all'
  readonly noCache: boolean
}

/** `poststack container build` */
export async function build(this: Context, flags: BuildFlags): Promise<void> {
  await runSession(this, flags, async (session) => {
    const { image, noCache } = flags
    return finish(await session.stack.containers.build({ image, noCache }), session, this.io.signal)
  })
}
