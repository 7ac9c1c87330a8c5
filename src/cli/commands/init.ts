import { join } from 'node:path'
import { namePattern } from '../../config/names.ts'
import { readStarterFacts, writeStarter } from '../../config/starter/files.ts'
import {
  existingText,
  starterService,
  starterText,
  usualChoices,
  type StarterChoices,
  type StarterFacts,
} from '../../config/starter/starter.ts'
import { ExitCode } from '../../errors.ts'
import { askFor, canAsk } from '../confirm.ts'
import type { Context, Io } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { createReporter } from '../report/create.ts'
import { fail } from '../session.ts'

interface InitFlags extends Pick<CommonFlags, 'json' | 'color' | 'verbose' | 'quiet'> {
  readonly yes: boolean
}

/** `poststack init` */
export async function init(this: Context, flags: InitFlags): Promise<void> {
  const { io } = this
  const report = createReporter(io, flags)
  try {
    const facts = await readStarterFacts(io.cwd, io.signal)
    const usual = usualChoices(facts)
    const choices = flags.yes || flags.json || !canAsk(io) ? usual : await choose(facts, usual, io)
    const file = join(io.cwd, 'poststack.config.ts')
    await writeStarter(file, starterText(facts, choices))
    const found = foundIn(facts, choices)
    const { name, port, version: postgres } = choices
    const left = leftIn(facts, choices)
    const { above } = facts
    report.result(
      {
        type: 'init',
        file,
        service: starterService(facts),
        name,
        postgres,
        port,
        found,
        left,
        ...(above !== undefined && { above }),
      },
      initText({ found, left, above }),
    )
    this.exitCode = ExitCode.ok
  } catch (error) {
    this.exitCode = fail(error, io.signal, report)
  } finally {
    report.close()
  }
}

async function choose({ existing, variables }: StarterFacts, usual: StarterChoices, io: Io): Promise<StarterChoices> {
  const name = await askFor('Name of the stack', {
    usual: usual.name,
    read: (text) => (namePattern.test(text) ? text : undefined),
    expected: 'a name of at most 40 lower-case letters, digits and `-` that begins with a letter',
    io,
  })
  const usesExisting =
    existing !== undefined &&
    // Those are about a server that the stack runs.
    Object.keys(variables).length === 0 &&
    (await askFor(
      `Use ${existingText(existing)}, which ${existing.variable} in .env names, and run no server: yes or no`,
      {
        usual: 'no',
        read: (text) => /^(?:y(?:es)?|no?)$/i.exec(text)?.[0].toLowerCase(),
        expected: 'yes or no',
        io,
      },
    ).then((answer) => answer.startsWith('y')))
  if (usesExisting) {
    io.signal.throwIfAborted()
    return { ...usual, name, usesExisting }
  }
  const version = await askFor('Major version of PostgreSQL', {
    usual: usual.version,
    read: (text) => numberIn(text, 13, 18),
    expected: 'a number from 13 to 18',
    io,
  })
  const port = await askFor<StarterChoices['port']>('Port on this machine, or auto', {
    usual: usual.port,
    read: (text) => (text === 'auto' ? text : numberIn(text, 1, 65_535)),
    expected: 'auto or a number from 1 to 65535',
    io,
  })
  // Ctrl-C at a question is no answer to it.
  io.signal.throwIfAborted()
  return { name, version, port, usesExisting: false }
}

function numberIn(text: string, least: number, most: number): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= least && value <= most ? value : undefined
}

/** What a person may look for in the config, and why it is not there. */
function leftIn({ compose, existing, left }: StarterFacts, { usesExisting }: StarterChoices): readonly string[] {
  if (existing === undefined) return left
  if (usesExisting) return compose === undefined ? left : [...left, `${compose.file}, service ${compose.service}`]
  const acted = existing.variable === 'DATABASE_URL' ? '' : '; the commands of group database act on it'
  return [...left, `.env: ${existing.variable}, ${existingText(existing)}: a comment in the config says how${acted}`]
}

function foundIn(
  { compose, existing, images, migrations, variables }: StarterFacts,
  { usesExisting }: StarterChoices,
): readonly string[] {
  return [
    ...(migrations === undefined ? [] : [migrations]),
    ...images.map(({ folder }) => `containers/${folder}`),
    ...(compose === undefined || usesExisting ? [] : [`${compose.file}, service ${compose.service}`]),
    ...(Object.keys(variables).length === 0 && existing === undefined ? [] : ['.env']),
  ]
}

interface Told {
  readonly found: readonly string[]
  readonly left: readonly string[]
  readonly above: string | undefined
}

function initText({ above, found, left }: Told): string {
  const note = above === undefined ? '' : `\nnote: in this folder it counts instead of ${above}\n`
  const from = found.length === 0 ? '' : ` from what was found: ${found.join('; ')}`
  const rest = left.length === 0 ? '' : `\nnot taken over:\n${left.map((one) => `  ${one}\n`).join('')}`
  return `poststack.config.ts is written${from}\n${rest}${note}\nnext: poststack up\nfor completion and types in your editor: npm install --save-dev poststack\n`
}
