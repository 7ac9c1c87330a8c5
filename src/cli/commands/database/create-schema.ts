import { ExitCode } from '../../../errors.ts'
import { createSchema as runCreate } from '../../../migrations/run/schema.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { schemaCreatedText } from '../../report/schema-words.ts'

/** `poststack database create-schema` */
export async function createSchema(this: Context, flags: DatabaseFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, report, runOptions }) => {
    const document = { type: 'create-schema-result', database: facts, ...(await runCreate(runOptions())) } as const
    report.result(document, schemaCreatedText(document))
    return ExitCode.ok
  })
}
