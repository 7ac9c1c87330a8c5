/**
 * Routes and their documentation. Commands load when they are run, so help and mistakes cost nothing.
 */
import {
  buildApplication,
  buildRouteMap,
  ExitCode as parserExit,
  help,
  proposeCompletions,
  run,
  text_en,
  type PartialApplicationConfiguration,
} from '@stricli/core'

import { ExitCode, exitCodeOf, isPoststackError, recordError } from '../errors.ts'
import { askingWord } from './proposals.ts'
import type { Context, Io } from './context.ts'
import { startedIn } from './directory.ts'
import { areFlagsOnly, hoistGlobalFlags } from './flags.ts'
import { exitCodesHelp } from './help.ts'
import { paged } from './pager.ts'
import { fitHelp } from './report/fit.ts'
import type { Reporter } from './report/reporter.ts'
import { containerCommands, containerRoutes } from './routes/container.ts'
import { databaseCommands, databaseRoutes } from './routes/database.ts'
import { logsCommands, logsRoutes } from './routes/logs.ts'
import { stackRoutes } from './routes/stack.ts'
import { unknownCommand } from './unknown-command.ts'
import { wrongWords } from './wrong-words.ts'

/** Commands that stand behind a word of their own, and the short forms of those words. */
const groups: Readonly<Record<string, object>> = {
  container: containerCommands,
  database: databaseCommands,
  logs: logsCommands,
}
const groupAliases: Readonly<Record<string, string>> = { db: 'database' }
const groupWords = [...Object.keys(groups), ...Object.keys(groupAliases)]

const { version, ...stackCommands } = stackRoutes

const root = buildRouteMap({
  routes: { ...stackCommands, container: containerRoutes, database: databaseRoutes, logs: logsRoutes, version },
  aliases: { db: 'database' },
  docs: {
    brief: 'PostgreSQL stacks, declared in one typed file',
    fullDescription: [
      'Declares a PostgreSQL stack in poststack.config.ts, and makes it so: containers, readiness, migrations.',
      'Runs on podman, docker, or PostgreSQL as plain processes where there is no container engine.',
      'With -C <folder>, before or after the command, it works as if it had been started there.',
      '',
      exitCodesHelp,
    ].join('\n'),
  },
})

const config: PartialApplicationConfiguration = {
  name: 'poststack',
  scanner: {
    caseStyle: 'allow-kebab-for-camel',
    allowArgumentEscapeSequence: true,
    // The hyphens of what was typed count as letters too many, so that one more must not be too far.
    distanceOptions: { threshold: 7, weights: { insertion: 1, deletion: 2, substitution: 2, transposition: 0 } },
  },
  documentation: { disableAnsiColor: true },
  localization: {
    text: {
      ...text_en,
      briefs: {
        ...text_en.briefs,
        help: 'print this help',
        argumentEscapeSequence: 'what follows are arguments, not flags',
      },
      formatException: (error) => (error instanceof Error ? error.message : String(error)),
      exceptionWhileParsingArguments: wrongWords,
      exceptionWhileLoadingCommandContext: rethrow,
      exceptionWhileLoadingCommandFunction: rethrow,
      exceptionWhileRunningCommand: rethrow,
    },
  },
}

const application = buildApplication(root, config, {
  help: help({
    brief: 'print this help',
    defaultForRouteMap: true,
    // A line with every flag of every command is one that nobody reads; each command's own help lists them.
    formatting: { onlyRequiredInUsageLine: true, useAliasInUsageLine: false, caseStyle: 'convert-camel-to-kebab' },
  }),
})

/** Runs one command line and returns the exit code. */
export async function runApp(words: readonly string[], io: Io): Promise<number> {
  try {
    const started = await startedIn({ words, cwd: io.cwd })
    return await runCommand(started.words, { ...io, cwd: started.cwd, isElsewhere: started.cwd !== io.cwd })
  } catch (error) {
    const report = await reporterOf(words, io)
    if (isPoststackError(error)) report.error(recordError(error))
    else report.bug(error)
    return exitCodeOf(error)
  }
}

/** The parser would write the message alone, and no one would know where it comes from. */
function rethrow(error: unknown): never {
  throw error
}

async function runCommand(typed: readonly string[], io: Io): Promise<number> {
  if (typed[0] === askingWord) return await propose(typed.slice(1), io)
  const words = asHelp(typed)
  const parsing: { exitCode?: number | string | null } = {}
  // Commands write to `io`. What comes here is what the parser has to say about the words.
  let complaint = ''
  const stderr = { write: (text: string) => void (complaint += text) }
  const stdout = { write: (text: string) => void io.stdout.write(fitHelp(withoutNoise(text), io.stdout)) }
  const process = Object.assign(parsing, { stdout, stderr, env: io.env })
  const inputs = hoistGlobalFlags(words, groupWords)
  const command = helpPath(inputs).trim()
  const shown = paged(io, inputs, command)
  const context: Context = { io: { ...shown.io, command }, exitCode: ExitCode.ok, process }
  await run(application, inputs, { process, forCommand: () => context })
  await shown.show()
  if (parsing.exitCode === 0 || parsing.exitCode === undefined) return context.exitCode
  return refuse(Number(parsing.exitCode), complaint, { words, io })
}

/** `help up` is what others' programs take as `up --help`. */
function asHelp(words: readonly string[]): readonly string[] {
  if (words.length === 0) return ['--help']
  return words[0] === 'help' ? [...words.slice(1), '--help'] : words
}

/**
 * The parser shows words that may be given any number of times as if one of them had to be, of each flag what it is without being given, and a
 * comma as what stands between values.
 */
function withoutNoise(text: string): string {
  return text
    .replaceAll(/(?<!\[(?:-- )?)<(?:service|argument)>\.{3}/g, '[$&]')
    .replaceAll(/ +\[default = (?:false|true)\]$/gm, '')
    .replaceAll('[separator = ,]', '[one, or several: a,b]')
}

/** What may stand where the line ends, for the scripts of `completion`. */
async function propose(typed: readonly string[], io: Io): Promise<number> {
  // `--runtime=p` is one word for a shell, which puts a proposal in the place of all of it.
  const [, flag, value = ''] = /^(--[\w-]+)=(.*)$/s.exec(typed.at(-1) ?? '') ?? []
  const words = flag === undefined ? typed : [...typed.slice(0, -1), flag, value]
  const start = flag === undefined ? '' : `${flag}=`
  const process = { stdout: io.stdout, stderr: io.stderr, env: io.env }
  const context: Context = { io, exitCode: ExitCode.ok, process, asked: words }
  const last = words.at(-1) ?? ''
  // Flags may stand before the command, and then any command has them. Those that are moved behind what is asked for have no part in it.
  const moved = hoistGlobalFlags(areFlagsOnly(words) ? ['status', ...words] : words, groupWords)
  const inputs = moved.slice(0, moved.lastIndexOf(last) + 1)
  const all = await proposeCompletions(application, inputs, { process, forCommand: () => context })
  // Flags are many: they come where one is begun, or where there is nothing else.
  const others = last.startsWith('-') ? [] : all.filter(({ completion }) => !completion.startsWith('-'))
  const found = others.length > 0 ? others : all
  const lines = found.map(({ completion, brief }) => `${start}${completion}\t${brief.replaceAll(/\s+/g, ' ')}\n`)
  io.stdout.write(lines.join(''))
  return ExitCode.ok
}

/** What the parser has found wrong with the words. */
async function refuse(
  code: number,
  complaint: string,
  { words, io }: { readonly words: readonly string[]; readonly io: Io },
): Promise<number> {
  const report = await reporterOf(words, io)
  const moved = hoistGlobalFlags(words, groupWords)
  const message = code === parserExit.UnknownCommand ? noCommand(moved) : complaint.trim()
  if (code !== parserExit.UnknownCommand && code !== parserExit.InvalidArgument) throw new Error(message)
  const path = helpPath(moved)
  const more = `poststack ${path}--help`
  const example = path === 'database baseline ' && message.startsWith('--version is missing') ? baselineExample : ''
  report.error({ code: 'USAGE', message, hint: `${example}${more}` })
  return ExitCode.wrongRequest
}

/** For what is wrong before there is a command with flags. */
async function reporterOf(words: readonly string[], io: Io): Promise<Reporter> {
  const { createReporter } = await import('./report/create.ts')
  const [json, color] = [words.includes('--json'), !words.includes('--no-color')]
  return createReporter(io, { json, color, verbose: false, quiet: false })
}

const baselineExample = 'name the newest migration that the database has already, such as: --version 004\n'

/** The parser's own proposals know one level of commands only, and are far-fetched where nothing is near. */
function noCommand([first = '', second = '']: readonly string[]): string {
  const group = groupAliases[first] ?? first
  const names = {
    top: [...Object.keys(stackRoutes), ...Object.keys(groups)],
    groups: Object.fromEntries(Object.entries(groups).map(([name, commands]) => [name, Object.keys(commands)])),
  }
  return Object.hasOwn(groups, group) ? unknownCommand(second, group, names) : unknownCommand(first, undefined, names)
}

/** The words that lead to the command in question, as far as there is one. */
function helpPath([first = '', second = '']: readonly string[]): string {
  const group = groupAliases[first] ?? first
  const inGroup = Object.hasOwn(groups, group) ? groups[group] : undefined
  if (inGroup !== undefined) return Object.hasOwn(inGroup, second) ? `${group} ${second} ` : `${group} `
  return Object.hasOwn(stackRoutes, first) ? `${first} ` : ''
}
