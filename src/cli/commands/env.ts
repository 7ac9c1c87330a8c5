import { ExitCode } from '../../errors.ts'
import { formatVariables, type VariableFormat } from '../../plan/variables.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface EnvFlags extends CommonFlags {
  readonly service?: string
  readonly format: VariableFormat
}

/** `poststack env` */
export async function env(this: Context, flags: EnvFlags): Promise<void> {
  await runSession(this, flags, async ({ stack, report }) => {
    const variables = await stack.variables({ service: flags.service })
    report.result({ type: 'variables', variables }, formatVariables(variables, flags.format))
    return ExitCode.ok
  })
}
