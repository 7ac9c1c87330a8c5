import { ExitCode, PoststackError } from '../../../errors.ts'
import { runQuery } from '../../../migrations/run/query.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { answerDocuments, answersText } from '../../report/query-words.ts'

/** `poststack database query "<sql>"` */
export async function query(this: Context, flags: DatabaseFlags, text: string): Promise<void> {
  await runDatabase(this, flags, async ({ facts, lookAsRole, report, signal }) => {
    if (text.trim() === '')
      throw new PoststackError('USAGE', 'The SQL is empty.', { hint: 'poststack database query "SELECT 1"' })
    const answers = await lookAsRole((connection) => {
      connection.onNotice(({ message, severity }) => {
        report.event({ type: 'server-notice', file: 'query', severity, message })
      })
      return runQuery(connection, text, signal)
    })
    report.result({ type: 'query-result', database: facts, results: answerDocuments(answers) }, answersText(answers))
    return ExitCode.ok
  })
}
