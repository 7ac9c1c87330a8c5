import { ExitCode, exitCodeOf } from '../../../errors.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { createLogLines } from '../../report/container-words.ts'
import { runSession } from '../../session.ts'

interface LogsFlags extends CommonFlags {
  readonly follow: boolean
  readonly tail?: number
  readonly since?: Date
}

/** `poststack container logs [service…]` */
export async function logs(this: Context, flags: LogsFlags, ...services: string[]): Promise<void> {
  const { signal, unread } = this.io
  await runSession(this, flags, async ({ stack, report }) => {
    const { follow, since, tail } = flags
    const text = createLogLines(stack.config.services.map(({ name }) => name))
    const reading = stack.containers.logs({
      services,
      follow,
      since,
      tail,
      until: unread,
      onLine: (line) => {
        report.result({ type: 'log', ...line }, text(line))
      },
    })
    try {
      await reading
      return ExitCode.ok
    } catch (error) {
      // Ctrl-C is how one stops to follow, and no error to talk about.
      if (!follow || !signal.aborted) throw error
      return exitCodeOf(signal.reason)
    }
  })
}
