import { ExitCode } from '../../../errors.ts'
import { findHolder } from '../../../migrations/lock/lock.ts'
import { terminateHolder } from '../../../migrations/lock/unlock.ts'
import type { Context } from '../../context.ts'
import { agree, runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { holderLines, unlockText } from '../../report/schema-words.ts'

interface UnlockFlags extends DatabaseFlags {
  readonly yes: boolean
}

/** `poststack database unlock-migrations` */
export async function unlockMigrations(this: Context, flags: UnlockFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, look, report } = session
    const holder = await look(findHolder)
    // No session is kept open while a person thinks; the deed itself looks again whether it is still that one.
    if (holder !== undefined) {
      await agree(session, {
        given: flags.yes,
        deed: 'end the session that holds the migration lock, and have the server undo what it has not committed,',
        lines: holderLines(holder),
        question: 'End it?',
        details: { holder },
      })
    }
    const ended = holder !== undefined && (await look((connection) => terminateHolder(connection, holder.pid)))
    const document = {
      type: 'unlock-result',
      database: facts,
      ...(holder === undefined ? {} : { holder }),
      ended,
    } as const
    report.result(document, unlockText(document))
    return ExitCode.ok
  })
}
