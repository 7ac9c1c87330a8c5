import { ExitCode } from '../../../errors.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { containerHealthText } from '../../report/container-words.ts'
import { runSession } from '../../session.ts'

/** `poststack container health [service…]` */
export async function health(this: Context, flags: CommonFlags, ...names: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const services = await stack.containers.health(names)
    const healthy = services.every((service) => service.healthy)
    const document = { type: 'container-health', stack: stack.config.name, healthy, services } as const
    report.result(document, containerHealthText(document))
    return healthy ? ExitCode.ok : ExitCode.stepFailed
  })
}
