import { ExitCode } from '../../../errors.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { containerStatusText } from '../../report/container-words.ts'
import { runSession } from '../../session.ts'

/** `poststack container status` */
export async function status(this: Context, flags: CommonFlags): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const { services, stack: name, runtime } = await stack.containers.status()
    const document = { type: 'container-status', stack: name, runtime, services } as const
    report.result(document, containerStatusText(document))
    return ExitCode.ok
  })
}
