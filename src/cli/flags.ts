/**
 * Flags that every command takes.
 */
import type { FlagParametersForType } from '@stricli/core'

import { logChoices, runtimeChoices } from '../config/choices.ts'
import type { LogChoice, RuntimeChoice } from '../config/options.ts'
import { whyNoGrant, type Permissions } from '../config/permissions.ts'
import type { Context } from './context.ts'
import { databaseProposals, serviceProposals } from './proposals.ts'

export interface CommonFlags {
  readonly config?: string
  readonly mode?: string
  readonly instance?: string
  readonly profile?: readonly string[]
  readonly runtime?: RuntimeChoice
  readonly allowRead?: readonly string[]
  readonly allowEnv?: readonly string[]
  readonly allowNet?: readonly string[]
  readonly allowRun: boolean
  readonly allowAll: boolean
  readonly json: boolean
  readonly verbose: boolean
  readonly quiet: boolean
  readonly color: boolean
  readonly logLevel?: LogChoice
  readonly pager: boolean
}

/** What a flag without a value stands for. */
const everything = '*'

function grant(kind: 'read' | 'env' | 'net', brief: string, placeholder: string) {
  const parse = (text: string): string => {
    const why = whyNoGrant(kind, text)
    if (why !== undefined) throw new RangeError(`"${text}" ${why.replace('expected', 'is not')}`)
    return text
  }
  return { kind: 'parsed', parse, brief, placeholder, variadic: ',', optional: true } as const
}

/** What a flag without a value is to the parser: off unless it is given. */
export function toggle(brief: string) {
  return { kind: 'boolean', brief, default: false, withNegated: false } as const
}

/** What a flag with a value is to the parser: optional. */
export function valued<T>(placeholder: string, brief: string, parse: (text: string) => T) {
  return { kind: 'parsed', parse, brief, placeholder, optional: true } as const
}

/** Which PostgreSQL service, of several. */
export const databaseService = {
  ...valued('name', 'which PostgreSQL service, where several are declared', String),
  ...databaseProposals,
} as const

export const commonFlags = {
  config: valued('file', 'config file (.ts, .js, .yaml, .json) instead of the nearest one upward', String),
  mode: valued('mode', 'mode handed to the config function (default: development)', String),
  instance: valued('name', 'another stack of the same config, with everything of its own', String),
  profile: {
    ...valued('names', 'services with one of these profiles run, too', String),
    variadic: ',',
  },
  runtime: {
    kind: 'enum',
    values: runtimeChoices,
    brief: "what runs the services, instead of the config's choice",
    optional: true,
  },
  allowRead: grant('read', 'files and folders the config may read, too; given without a value: all', 'paths'),
  allowEnv: grant('env', 'the only environment variables the config sees; not given: all', 'names'),
  allowNet: grant('net', 'the only hosts the config may connect to; given without a value: all', 'hosts'),
  allowRun: toggle('let the config start programs'),
  allowAll: toggle('evaluate the config with every permission'),
  json: toggle('machine-readable output on stdout'),
  verbose: toggle('say more: the output of builds and probes, what was skipped'),
  quiet: toggle('say nothing on the way but warnings and errors'),
  logLevel: {
    kind: 'enum',
    values: logChoices,
    brief: "what is written to the log, instead of the config's choice",
    optional: true,
  },
  color: { kind: 'boolean', brief: 'colour where a terminal shows it', default: true },
  pager: { kind: 'boolean', brief: 'a pager for what is longer than the terminal', default: true },
} as const satisfies FlagParametersForType<CommonFlags, Context>

/** Positional arguments of commands about some services, or all. */
export const services = {
  kind: 'array',
  parameter: {
    brief: 'services by name; all when none is given',
    parse: String,
    placeholder: 'service',
    ...serviceProposals,
  },
} as const

export const waitTimeout = {
  kind: 'parsed',
  parse: seconds,
  brief: "seconds each service may take to become ready, instead of the config's",
  placeholder: 's',
  optional: true,
} as const

function seconds(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 1 || value > 3600) {
    throw new RangeError(`"${text}" is not a number of seconds from 1 to 3600`)
  }
  return value
}

/** Short names of the common flags. */
export const commonAliases = { c: 'config', A: 'allowAll', v: 'verbose', q: 'quiet' } as const

/** What the flags grant to the config. */
export function permissionsOf({ allowEnv, allowNet, allowRead, allowRun }: CommonFlags): Permissions {
  return { read: granted(allowRead), env: granted(allowEnv), net: granted(allowNet), run: allowRun }
}

function granted(list: readonly string[] | undefined): true | readonly string[] | undefined {
  return list?.includes(everything) === true ? true : list
}

/** The same flags, as they are typed. */
export function permissionWords({
  allowAll,
  allowEnv,
  allowNet,
  allowRead,
  allowRun,
}: Partial<CommonFlags>): readonly string[] {
  const lists = { read: allowRead, env: allowEnv, net: allowNet }
  const words = Object.entries(lists).flatMap(([kind, list = []]) => {
    const value = list.includes(everything) ? '' : `=${list.join(',')}`
    return list.length === 0 ? [] : [`--allow-${kind}${value}`]
  })
  return [...words, ...(allowRun === true ? ['--allow-run'] : []), ...(allowAll === true ? ['--allow-all'] : [])]
}

/** Words that may stand before the command as well, and whether a value follows. */
const globalWords: Readonly<Record<string, boolean>> = {
  // Taken out before the words are parsed.
  '-C': true,
  '--config': true,
  '-c': true,
  '--mode': true,
  '--instance': true,
  '--profile': true,
  '--runtime': true,
  '--allow-read': false,
  '--allow-env': false,
  '--allow-net': false,
  '--allow-run': false,
  '--allow-all': false,
  '-A': false,
  '--json': false,
  '--verbose': false,
  '-v': false,
  '--quiet': false,
  '-q': false,
  '--log-level': true,
  '--color': false,
  '--no-color': false,
  '--pager': false,
  '--no-pager': false,
}

/**
 * Moves flags that stand before the command to its end, where the parser expects them: `--json up db` becomes `up db --json`, and
 * `--json db migrate` and `db --json migrate` become `db migrate --json`. `groups` are the words that are followed by a command of theirs.
 */
export function hoistGlobalFlags(words: readonly string[], groups: readonly string[] = []): readonly string[] {
  const first = takeFlags(asParsed(endedAtScript(words)))
  const [word = ''] = first.rest
  const second = groups.includes(word) ? takeFlags(first.rest.slice(1)) : undefined
  const moved = [...first.flags, ...(second?.flags ?? [])]
  const rest = second === undefined ? first.rest : [word, ...second.rest]
  const end = rest.indexOf('--')
  return end === -1 ? [...rest, ...moved] : [...rest.slice(0, end), ...moved, ...rest.slice(end)]
}

/** What stands behind the script of `run` is the script's, without a `--` that anybody has to type; to the parser it must be said. */
export function endedAtScript(words: readonly string[]): readonly string[] {
  const { flags, rest } = takeFlags(words)
  if (rest[0] !== 'run') return words
  let index = 1
  for (let word = rest[index]; word?.startsWith('-') === true; word = rest[index]) {
    if (word === '--') return words
    index += word === '--service' || globalWords[word] === true ? 2 : 1
  }
  return index < rest.length ? [...flags, ...rest.slice(0, index), '--', ...rest.slice(index)] : words
}

const levelFlag = /^--(?:log-)?level$/

/** As POSTSTACK_LOG_LEVEL takes it. */
function levelIn(word: string): string {
  return word.toLowerCase().replace(/^warn$/, 'warning')
}

/** What may be typed in another way than the parser takes it. */
function asParsed(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--')
  return words.map((word, index) => {
    if (end !== -1 && index > end) return word
    // As in Deno the value of a grant follows `=` and nothing else; the parser would take the next word for it.
    if (['--allow-read', '--allow-env', '--allow-net'].includes(word)) return `${word}=${everything}`
    if (levelFlag.test(words[index - 1] ?? '')) return levelIn(word)
    const [flag = '', level] = word.split('=')
    if (level !== undefined && levelFlag.test(flag)) return `${flag}=${levelIn(level)}`
    return word.replace(/^--config-file(?==|$)/, '--config')
  })
}

/** There is no command among them yet. */
export function areFlagsOnly(words: readonly string[]): boolean {
  return takeFlags(words).rest.length === 0
}

function takeFlags(words: readonly string[]): { readonly flags: readonly string[]; readonly rest: readonly string[] } {
  let index = 0
  while (index < words.length) {
    const word = words[index] ?? ''
    const takesValue = globalWords[word.split('=')[0] ?? '']
    if (takesValue === undefined) break
    index += takesValue && !word.includes('=') ? 2 : 1
  }
  return { flags: words.slice(0, index), rest: words.slice(index) }
}
