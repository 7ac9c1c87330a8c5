import { ExitCode } from '../../../errors.ts'
import { describeServer } from '../../../migrations/server.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { connectionText } from '../../report/schema-words.ts'

/** `poststack database test-connection` */
export async function testConnection(this: Context, flags: DatabaseFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, look, report }) => {
    const document = { type: 'connection', database: facts, server: await look(describeServer) } as const
    report.result(document, connectionText(document))
    return ExitCode.ok
  })
}
