import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface BuildProjectFlags extends CommonFlags {
  readonly container?: string
  readonly noCache: boolean
}

/** `poststack container build-project` */
export async function buildProject(this: Context, flags: BuildProjectFlags): Promise<void> {
  await runSession(this, flags, async (session) => {
    const { container, noCache } = flags
    return finish(await session.stack.containers.buildProject({ container, noCache }), session, this.io.signal)
  })
}
