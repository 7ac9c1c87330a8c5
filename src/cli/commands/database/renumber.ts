import { basename } from 'node:path'
import { type ErrorCode, ExitCode, isPoststackError, PoststackError } from '../../../errors.ts'
import { carryOutRenumber, prepareRenumber, type Renumbering } from '../../../execute/renumber.ts'
import { readLedger } from '../../../migrations/ledger/rows.ts'
import type { AppliedMigration } from '../../../migrations/types.ts'
import { askNumber, canAsk, declined } from '../../confirm.ts'
import type { Context, Io } from '../../context.ts'
import { agree, runDatabase, type DatabaseSession } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { counted } from '../../report/database-words.ts'
import type { RenumberDocument } from '../../report/documents.ts'
import { choiceText, groundsText, moveLines, renumberText } from '../../report/renumber-words.ts'
import { visible } from '../../report/visible.ts'

interface RenumberFlags extends DatabaseFlags {
  readonly base?: string
  readonly move?: readonly string[]
  readonly yes: boolean
}

/** `poststack database renumber` */
export async function renumber(this: Context, flags: RenumberFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, io, report, signal, target } = session
    const git = { folder: target.folder, env: io.env, signal }
    const applied = await readApplied(session)
    const prepare = async (chosen: readonly string[]): Promise<Renumbering> =>
      await prepareRenumber({ ...git, applied, base: flags.base, chosen })
    const named = (flags.move ?? []).map((path) => basename(path))
    let found = await prepare(named)
    if (found.choices.length > 0) found = await prepare([...named, ...(await askWhichMove(found, io))])
    if (found.choices.length > 0) throw undecided(found.choices)
    refuseNamed(named, found)
    const document: RenumberDocument = {
      type: 'renumber-result',
      database: facts,
      folder: target.folder,
      ...(found.base === undefined ? {} : { base: found.base }),
      ledger: applied !== undefined,
      continued: found.continues,
      // They are carried out from the last number down, and read from the first one up.
      moves: found.moves.toReversed(),
      problems: found.problems,
    }
    if (found.moves.length > 0) {
      await agree(session, {
        given: flags.yes,
        deed: `${found.continues ? 'finish an earlier renumbering and ' : ''}rename ${counted(found.moves.length, 'file')}`,
        place: target.folder,
        lines: [...moveLines(document.moves), '', groundsText(document)],
        question: found.moves.length === 1 ? 'Rename it?' : 'Rename them?',
      })
      await carryOutRenumber(git, found.moves)
    }
    report.result(document, renumberText(document))
    return found.problems.length > 0 ? ExitCode.wrongRequest : ExitCode.ok
  })
}

const noWayIn: readonly ErrorCode[] = [
  'NOT_RUNNING',
  'RUNTIME_MISSING',
  'RUNTIME_UNREACHABLE',
  'DATABASE_UNREACHABLE',
  'DATABASE_MISSING',
  'PASSWORD_REJECTED',
]

/** What the database has. Nothing, and said so, where it does not let us in: git and the names still tell a good deal. */
async function readApplied({ look, report }: DatabaseSession): Promise<readonly AppliedMigration[] | undefined> {
  let isIn = false
  try {
    return await look(async (connection) => {
      isIn = true
      return await readLedger(connection)
    })
  } catch (error) {
    if (isIn || !isPoststackError(error) || !noWayIn.includes(error.code)) throw error
    report.event({ type: 'notice', message: `${error.message} So it is not known which migrations are applied there.` })
    return undefined
  }
}

/** The files that give their number up, as the person says. */
async function askWhichMove({ choices }: Renumbering, io: Io): Promise<readonly string[]> {
  const moving: string[] = []
  for (const choice of choices) {
    const { files, version } = choice
    if (canAsk(io)) io.stderr.write(visible(`${choiceText(choice)}\n`))
    const others = files.length === 2 ? 'The other one gets' : 'The others get'
    const question = `Which one keeps number ${version}? ${others} a new number.`
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    const kept = await askNumber(question, files.length, io)
    if (kept === undefined) throw canAsk(io) ? declined() : undecided(choices)
    moving.push(...files.filter((_, index) => index !== kept - 1))
  }
  return moving
}

function undecided(choices: Renumbering['choices']): PoststackError {
  const message = [...choices.map(choiceText), 'Nothing was done.'].join('\n')
  const moving = choices.flatMap(({ files }) => files.slice(1)).map((file) => `--move ${file}`)
  return new PoststackError('CONSENT_NEEDED', message, {
    hint: `Run it again and say which file is to get a new number, for example: ${moving.join(' ')}`,
    details: { choices },
  })
}

function refuseNamed(named: readonly string[], { continues, moves }: Renumbering): void {
  if (continues) return
  const staying = named.find((file) => moves.every(({ from }) => from !== file))
  if (staying === undefined) return
  throw new PoststackError('USAGE', `--move ${staying}: this file does not have to move. Nothing was done.`, {
    hint: 'Name a file whose number another file has, too, and which is not applied. What there is to do is shown without --move.',
    details: { file: staying },
  })
}
