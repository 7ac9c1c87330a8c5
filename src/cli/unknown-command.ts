/**
 * What to say to a word that is no command: the commands that may be meant, of every level, as they are typed.
 */
import { nearest } from '../config/nearest.ts'

export interface CommandNames {
  readonly top: readonly string[]
  /** Commands behind a word of their own. */
  readonly groups: Readonly<Record<string, readonly string[]>>
}

/** `group` is the word before the input, where there was one; undefined at the top. */
export function unknownCommand(input: string, group: string | undefined, { top, groups }: CommandNames): string {
  const paths = (name: string | undefined): readonly Path[] =>
    (name === undefined ? top : (groups[name] ?? [])).map((word) => ({
      word,
      path: name === undefined ? word : `${name} ${word}`,
    }))
  if (input.startsWith('-')) return `\`${input}\` stands where a command is expected: flags come behind it`
  if (input === 'help')
    return `there is no command \`help\`: did you mean \`${group === undefined ? '' : `${group} `}--help\`?`
  const own = paths(group)
  const others = [undefined, ...Object.keys(groups)].filter((name) => name !== group).flatMap(paths)
  const sure = [...similar(input, own), ...others.filter(({ word }) => word === input)]
  const meant = sure.length > 0 ? sure : similar(input, others)
  const shown = [...new Set(meant.map(({ path }) => `\`${path}\``))].slice(0, 3)
  const asked = shown.length === 0 ? '' : `: did you mean ${shown.join(' or ')}?`
  return `there is no command \`${group === undefined ? '' : `${group} `}${input}\`${asked}`
}

interface Path {
  readonly word: string
  readonly path: string
}

/** The one that is mistyped, else those of which it is a word: `stat` for `migration-status`, `schema` for each of its commands. */
function similar(input: string, among: readonly Path[]): readonly Path[] {
  const words = among.map(({ word }) => word)
  const mistyped = nearest(input, words)
  if (mistyped !== undefined) return among.filter(({ word }) => word === mistyped)
  if (input.length < 3) return []
  return among.filter(({ word }) => word.split('-').some((part) => part.startsWith(input)))
}
