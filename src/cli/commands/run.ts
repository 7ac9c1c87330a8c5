import { recordError } from '../../errors.ts'
import { runInPlace } from '../attached.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface RunFlags extends CommonFlags {
  readonly service?: string
}

/** `poststack run <script> [<arguments>]` */
export async function run(this: Context, flags: RunFlags, file: string, ...args: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const script = await stack.script({ file, args, service: flags.service })
    try {
      const exitCode = await runInPlace(script, this.io)
      const failure = script.failure()
      // Errors of the script's own Node has printed; what it does not know is the grant, or that the stack is not up.
      if (failure !== undefined) report.error(recordError(failure))
      return exitCode
    } finally {
      await script.close()
    }
  })
}
