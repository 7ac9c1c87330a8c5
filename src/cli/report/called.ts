/**
 * Commands in ways out, as the person who reads them can type them. The package is a project's own in most places, and then `npx` finds it, and a
 * shell does not. What the command was called with to lead it to a config, a stack or a database is said again: without it the way would lead
 * to another one. Variables hold for the next command as they are.
 */
import { urlWithoutPassword, wrongDatabaseUrl } from '../../config/database-url.ts'
import { shellWord } from '../../config/shell-word.ts'
import type { Io } from '../context.ts'
import { type CommonFlags, permissionWords } from '../flags.ts'
import type { DatabaseFlags } from '../flags-database.ts'

/** How the program was called, by what stands in its arguments and environment. */
export function programName(path: string, env: Readonly<Record<string, string | undefined>>): string {
  // npm and what resembles it put the program on PATH for the length of one run.
  return env['npm_command'] !== undefined || /[\\/]node_modules[\\/]\.bin[\\/]/.test(path)
    ? 'npx poststack'
    : 'poststack'
}

/** A flag that leads to the same place once more. */
interface Given {
  readonly name: string
  /** It and its value, as they are typed into a shell. */
  readonly text: string
  /** Which commands take it. */
  readonly by: keyof typeof takers
}

export interface Calling {
  readonly program: string
  readonly given: readonly Given[]
}

/** The commands with these flags, by their words; `routes/` says the same, and a test holds the two together. */
export const takers = {
  all: () => true,
  declared: (command: string) => !/^(?:init|completion|version)$/.test(command),
  database: (command: string) => /^(?:database|db) /.test(command),
  served: (command: string) => /^(?:(?:database|db) |(?:env|exec|run|psql)$)/.test(command),
}

/** What a command was called with, of what leads it somewhere. */
export type CallingFlags = Partial<CommonFlags & Pick<DatabaseFlags, 'url' | 'service' | 'database' | 'migrations'>>

/** A password never stands in it. */
export function callingOf(flags: CallingFlags, io: Pick<Io, 'cwd' | 'isElsewhere' | 'program' | 'command'>): Calling {
  const { config, database, instance, migrations, mode, profile, runtime, service, url } = flags
  // The one of `psql` is any database of its server.
  const isDatabase = io.command?.startsWith('database ') === true
  const shownUrl = url === undefined || wrongDatabaseUrl(url) !== undefined ? undefined : urlWithoutPassword(url)
  return {
    program: io.program ?? 'poststack',
    given: [
      ...givenTo('all', { '-C': io.isElsewhere === true ? io.cwd : undefined }),
      ...givenTo('declared', {
        '--config': config,
        '--mode': mode,
        '--instance': instance,
        '--profile': profile?.join(','),
        '--runtime': runtime,
      }),
      ...permissionWords(flags).map((word) => ({
        name: word.replace(/=.*/s, ''),
        text: shellWord(word),
        by: 'declared' as const,
      })),
      ...(isDatabase
        ? givenTo('database', { '--url': shownUrl, '--database': database, '--migrations': migrations })
        : []),
      ...givenTo('served', { '--service': service }),
    ],
  }
}

function givenTo(by: Given['by'], values: Readonly<Record<string, string | undefined>>): readonly Given[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, text: `${name} ${shellWord(value)}`, by }],
  )
}

/** Lines that say what to do. Others may be a name or a text of somebody else's. */
const way = /^\s*(?:in .+: )?(?:try|next): |^\s*- |: poststack [a-z]/

/** All ways out that stand in a text. */
export function asCalled(text: string, calling: Calling): string {
  if (isPlain(calling)) return text
  return text
    .split('\n')
    .map((line) => (way.test(line) ? wayAsCalled(line, calling) : line))
    .join('\n')
}

function isPlain({ given, program }: Calling): boolean {
  return program === 'poststack' && given.length === 0
}

/** Not the schema, a role or a database of that name. The group has the words that name a command, if flags do not come first. */
const command =
  /(?<![\w./@-]|(?:npx|schema|role|user|database|package|folder) )poststack(?= [a-z-])(?: ((?:(?:container|database|db|logs) )?[a-z][\w-]*))?/g
/** What follows the words of a command up to where its own arguments end, as far as punctuation tells. */
const argumentsOf = /^(?:(?![,;)`\n]|\. | -- ).)*/

/**
 * For a text that is a way out. What any command takes stands in front of the command, and the rest right behind its words: where it ends cannot be
 * told from the sentence around it. What it says itself stays as it is.
 */
export function wayAsCalled(text: string, { given, program }: Calling): string {
  return text.replaceAll(command, (whole, words: string | undefined, at: number) => {
    if (words === undefined) return program
    const said = (argumentsOf.exec(text.slice(at + whole.length))?.[0] ?? '').split(/[ =]/)
    const fitting = given.filter(({ by, name }) => takers[by](words) && !said.includes(name))
    const front = fitting.filter(({ by }) => by === 'all' || by === 'declared')
    const behind = fitting.filter((one) => !front.includes(one))
    return [program, ...front.map((one) => one.text), words, ...behind.map((one) => one.text)].join(' ')
  })
}

/** Fields whose text is a way out, or several. */
const wayFields: ReadonlySet<string> = new Set(['hint', 'remedy', 'ways'])

/** The same for all ways out in a record, which stays what it is otherwise. */
export function waysAsCalled<T>(record: T, calling: Calling): T
export function waysAsCalled(record: unknown, calling: Calling): unknown {
  return isPlain(calling) ? record : within(record, calling, false)
}

function within(value: unknown, calling: Calling, isWay: boolean): unknown {
  if (typeof value === 'string') return isWay ? wayAsCalled(value, calling) : value
  if (Array.isArray(value)) return value.map((one: unknown) => within(one, calling, isWay))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, within(one, calling, wayFields.has(key))]))
}
