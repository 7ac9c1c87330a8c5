import { isInteractive, runInPlace } from '../../attached.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { runSession } from '../../session.ts'

const anyShell = ['sh', '-c', 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi']

/** `poststack container shell <service>` */
export async function shell(this: Context, flags: CommonFlags, service: string): Promise<void> {
  await runSession(this, flags, async ({ stack }) => {
    const program = await stack.containers.program(service, anyShell, { terminal: isInteractive(this.io) })
    return runInPlace(program, this.io)
  })
}
