import { withoutDatabase } from '../../plan/variables.ts'
import { runInPlace } from '../attached.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface ExecFlags extends CommonFlags {
  readonly service?: string
}

/** `poststack exec -- <command>` */
export async function exec(this: Context, flags: ExecFlags, program: string, ...args: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack }) => {
    const variables = await stack.variables({ service: flags.service, forProgram: true })
    const hasDatabase = stack.config.services.some(({ kind }) => kind !== 'container')
    const own = hasDatabase ? withoutDatabase(this.io.env) : this.io.env
    return runInPlace({ program, args, env: { ...own, ...variables } }, this.io)
  })
}
