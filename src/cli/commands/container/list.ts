import { ExitCode } from '../../../errors.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { containerListText } from '../../report/container-words.ts'
import { runSession } from '../../session.ts'

/** `poststack container list` */
export async function list(this: Context, flags: CommonFlags): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const document = { type: 'container-list', ...(await stack.containers.list()) } as const
    report.result(document, containerListText(document))
    return ExitCode.ok
  })
}
