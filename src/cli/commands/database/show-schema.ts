import { ExitCode, PoststackError } from '../../../errors.ts'
import { hasSchema, readTables } from '../../../migrations/tables.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { placeText } from '../../report/database-words.ts'
import { schemaText } from '../../report/schema-words.ts'

interface ShowFlags extends DatabaseFlags {
  readonly schema?: string
}

/** `poststack database show-schema` */
export async function showSchema(this: Context, flags: ShowFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, look, report }) => {
    const { schema } = flags
    const tables = await look(async (connection) => {
      if (schema !== undefined && !(await hasSchema(connection, schema))) {
        throw new PoststackError('USAGE', `There is no schema ${schema} in ${placeText(facts)}.`, {
          hint: 'Look at all of them: poststack database show-schema',
        })
      }
      return await readTables(connection, schema)
    })
    const document = { type: 'schema', database: facts, tables } as const
    report.result(document, schemaText(document))
    return ExitCode.ok
  })
}
