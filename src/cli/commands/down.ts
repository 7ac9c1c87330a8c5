import type { Plan } from '../../plan/step.ts'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { finish, runSession } from '../session.ts'

interface DownFlags extends CommonFlags {
  readonly volumes: boolean
  readonly yes: boolean
}

/** `poststack down` */
export async function down(this: Context, flags: DownFlags): Promise<void> {
  await runSession(this, flags, async (session) => {
    const ask = (plan: Plan): Promise<boolean> => (flags.yes ? Promise.resolve(true) : confirm(question(plan), this.io))
    const outcome = await session.stack.down({ volumes: flags.volumes, confirm: ask })
    return finish(outcome, session, this.io.signal)
  })
}

/** Names exactly what would be gone. */
function question(plan: Plan): string {
  const volumes = plan.steps.filter(({ risk }) => risk === 'data-loss').map(({ subject }) => `  ${subject}`)
  return `This deletes data for good, on ${plan.runtime}:\n${volumes.join('\n')}\nDelete? [y/N] `
}
