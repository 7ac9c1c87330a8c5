import { ExitCode } from '../../../errors.ts'
import {
  dropSchema as runDrop,
  readStackSchema,
  refuseOthers,
  type StackTable,
} from '../../../migrations/run/schema.ts'
import type { Context } from '../../context.ts'
import { agree, runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { schemaDroppedText, stackTableLines } from '../../report/schema-words.ts'

interface DropFlags extends DatabaseFlags {
  readonly yes: boolean
}

/** `poststack database drop-schema` */
export async function dropSchema(this: Context, flags: DropFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, look, report, runOptions } = session
    const answer = (dropped: boolean, tables: readonly StackTable[]): ExitCode => {
      const document = { type: 'drop-schema-result', database: facts, dropped, tables } as const
      report.result(document, schemaDroppedText(document))
      return ExitCode.ok
    }
    const found = await look(readStackSchema)
    if (found === undefined) return answer(false, [])
    refuseOthers(found)
    await agree(session, {
      given: flags.yes,
      deed: 'drop schema poststack with all it knows of migrations,',
      lines: stackTableLines(found),
      question: 'Drop it?',
    })
    return answer(true, await runDrop(runOptions()))
  })
}
