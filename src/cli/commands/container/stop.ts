import { PoststackError } from '../../../errors.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { finish, runSession } from '../../session.ts'

interface StopFlags extends CommonFlags {
  readonly all: boolean
}

/** `poststack container stop [--all] [name…]` */
export async function stop(this: Context, flags: StopFlags, ...names: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    if (flags.all && names.length > 0)
      throw new PoststackError(
        'USAGE',
        `--all means every container of the stack, and ${names.join(', ')} only these.`,
        {
          hint: 'Leave one of the two out.',
        },
      )
    const outcome = await session.stack.containers.stop({ names, all: flags.all })
    return finish(outcome, session, this.io.signal)
  })
}
