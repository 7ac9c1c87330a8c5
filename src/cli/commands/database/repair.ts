import { join } from 'node:path'
import { ExitCode, PoststackError } from '../../../errors.ts'
import {
  inspectRepair,
  isHalf,
  type RepairCase,
  type RepairChoice,
  type RepairChoiceKind,
} from '../../../migrations/repair/cases.ts'
import { repair as runRepair } from '../../../migrations/repair/repair.ts'
import { canonicalVersion } from '../../../migrations/version.ts'
import { askNumber, canAsk } from '../../confirm.ts'
import type { Context, Io } from '../../context.ts'
import { runDatabase, type DatabaseSession } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { type Calling, callingOf, wayAsCalled } from '../../report/called.ts'
import type { ShownCase } from '../../report/documents.ts'
import { caseMenu, offerMenu, repairCasesText, repairText } from '../../report/repair-words.ts'
import { visible } from '../../report/visible.ts'

interface RepairFlags extends DatabaseFlags {
  readonly version?: string
  readonly choose?: RepairChoiceKind
  readonly statement?: number
}

interface Decision {
  readonly version: string
  readonly choice: RepairChoice
  /** Mark of the case that was shown. */
  readonly seen?: string
}

/** `poststack database repair` */
export async function repair(this: Context, flags: RepairFlags): Promise<void> {
  await runDatabase(this, flags, async (session) => {
    const { facts, io, readFolder, report, signal, target } = session
    const decision = decisionOf(flags)
    if (decision !== undefined) return await settle(session, decision)
    const cases = await inspectRepair({ connect: target.connect, folder: await readFolder(), signal })
    const asked = cases.filter(({ version }) => flags.version === undefined || same(version, flags.version))
    const calling = callingOf(flags, io)
    const document = {
      type: 'repair-cases',
      database: facts,
      cases: asked.map((one) => shownCase(one, calling)),
    } as const
    report.result(document, repairCasesText(document))
    const answer = flags.json ? undefined : await askPerson(asked, io)
    if (answer !== undefined) return await settle(session, answer)
    return asked.some(isHalf) ? ExitCode.stepFailed : ExitCode.ok
  })
}

function same(version: string, other: string): boolean {
  return canonicalVersion(version) === canonicalVersion(other)
}

/** What the words of the command line decide; nothing where they only ask. */
function decisionOf({ choose, statement, version }: RepairFlags): Decision | undefined {
  if (statement !== undefined && choose !== 'continue-at')
    throw wrong('--statement belongs to --choose continue-at.', 'Give both, or neither.')
  if (choose === undefined) return undefined
  if (version === undefined)
    throw wrong('--choose does not say which migration it is for.', 'Name its number: --version 042')
  if (choose !== 'continue-at') return { version, choice: { kind: choose } }
  if (statement === undefined)
    throw wrong(
      'continue-at does not say at which statement.',
      'Name the first one that is still to be run, as "poststack database repair" counts them: --statement 2',
    )
  return { version, choice: { kind: choose, statement } }
}

function wrong(message: string, hint: string): PoststackError {
  return new PoststackError('USAGE', message, { hint })
}

function shownCase({ version, offers, ...found }: RepairCase, calling: Calling): ShownCase {
  return {
    migration: version,
    ...found,
    offers: offers.map((offer) => {
      const where = offer.choice === 'continue-at' ? ' --statement N' : ''
      const command = `poststack database repair --version ${version} --choose ${offer.choice}${where}`
      return { ...offer, command: wayAsCalled(command, calling) }
    }),
  }
}

/** Lets a person settle one of the cases. Nothing where nobody can be asked, or nothing is chosen. */
async function askPerson(cases: readonly RepairCase[], io: Io): Promise<Decision | undefined> {
  const open = cases.filter(({ offers }) => offers.length > 0)
  // Whoever pages the cases has no eyes for a question.
  if (open.length === 0 || !canAsk(io) || io.stdout.isTTY !== true) return undefined
  const found =
    open.length === 1
      ? open[0]
      : await pick(
          open,
          {
            menu: caseMenu(open),
            question: 'Which one is to be settled?',
            nameOf: ({ version, name }) => `${version}_${name}`,
          },
          io,
        )
  if (found === undefined) return undefined
  const { mark, offers, statements, version } = found
  const offer = await pick(
    offers,
    {
      menu: offerMenu(found),
      question: 'What is to be done?',
      nameOf: (one) => one.choice,
    },
    io,
  )
  if (offer === undefined) return undefined
  const { choice } = offer
  if (choice !== 'continue-at') return { version, choice: { kind: choice }, seen: mark }
  const question = 'Which statement is the first that is still to be run?'
  const statement = await askNumber(question, Math.max(statements.length, 1), io)
  return statement === undefined ? undefined : { version, choice: { kind: choice, statement }, seen: mark }
}

async function pick<T>(
  items: readonly T[],
  {
    menu,
    nameOf,
    question,
  }: { readonly menu: string; readonly question: string; readonly nameOf: (item: T) => string },
  io: Io,
): Promise<T | undefined> {
  io.stderr.write(visible(menu))
  const number = await askNumber(question, items.length, io, items.map(nameOf))
  return number === undefined ? undefined : items[number - 1]
}

async function settle(session: DatabaseSession, decision: Decision): Promise<ExitCode> {
  const { facts, readFolder, report, runOptions } = session
  const folder = await readFolder()
  const { choice, files, message, name, version } = await runRepair({ ...runOptions(), folder, ...decision })
  const document = {
    type: 'repair-result',
    database: facts,
    migration: version,
    name,
    choice,
    message,
    files: files.map((file) => join(folder.path, file)),
  } as const
  report.result(document, repairText(document))
  return ExitCode.ok
}
