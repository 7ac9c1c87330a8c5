import { isInteractive, runInPlace } from '../../attached.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runSession } from '../../session.ts'

/** `poststack container exec <service> -- <command>` */
export async function exec(this: Context, flags: CommonFlags, service: string, ...command: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack }) => {
    const program = await stack.containers.program(service, command, { terminal: isInteractive(this.io) })
    return runInPlace(program, this.io)
  })
}
