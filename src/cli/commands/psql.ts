import { isInteractive, runInPlace } from '../attached.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { runSession } from '../session.ts'

interface PsqlFlags extends CommonFlags {
  readonly service?: string
  readonly database?: string
}

/** `poststack psql [-- <psql's arguments>]` */
export async function psql(this: Context, flags: PsqlFlags, ...args: string[]): Promise<void> {
  await runSession(this, flags, async ({ stack }) => {
    const { database, service } = flags
    const terminal = isInteractive(this.io)
    return runInPlace(await stack.psql({ database, service, args, terminal }), this.io)
  })
}
