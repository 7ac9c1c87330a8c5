import { ExitCode } from '../../../errors.ts'
import { readLedgerBeside } from '../../../migrations/ledger/reformatted.ts'
import { baseline as runBaseline, chooseBaseline } from '../../../migrations/run/baseline.ts'
import { refuseRollbacks, rollbacksOf } from '../../../migrations/run/prepare.ts'
import type { Migration } from '../../../migrations/types.ts'
import type { Context } from '../../context.ts'
import { agree, runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { baselineText, counted } from '../../report/database-words.ts'

interface BaselineFlags extends DatabaseFlags {
  readonly version: string
  readonly yes: boolean
}

/** `poststack database baseline` */
export async function baseline(this: Context, flags: BaselineFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, look, readFolder, report, runOptions } = session
    const { version } = flags
    const folder = await readFolder()
    const chosen = await look(async (connection) => {
      const found = chooseBaseline(folder, await readLedgerBeside(folder.migrations, connection), version)
      await refuseRollbacks({ work: connection }, rollbacksOf(found), 'Nothing was recorded.')
      return found
    })
    const answer = (recorded: readonly Migration[]): ExitCode => {
      const document = {
        type: 'baseline-result',
        database: facts,
        recorded: recorded.map((one) => ({ migration: one.version, name: one.name, file: one.file })),
      } as const
      report.result(document, baselineText(document))
      return ExitCode.ok
    }
    if (chosen.length === 0) return answer([])
    await agree(session, {
      given: flags.yes,
      deed: `record ${counted(chosen.length, 'migration')} as applied without running ${chosen.length === 1 ? 'it' : 'them'}`,
      lines: chosen.map(({ file }) => file),
      question: chosen.length === 1 ? 'Does the database have it already?' : 'Does the database have them already?',
    })
    return answer(await runBaseline({ ...runOptions(), folder, version }))
  })
}
