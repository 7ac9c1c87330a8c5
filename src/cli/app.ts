/**
 * Routes and their documentation. Commands load when they are run, so help and mistakes cost nothing.
 */
import { buildApplication, buildCommand, buildRouteMap, ExitCode as parserExit, run, text_en } from '@stricli/core'

import { ExitCode } from '../errors.ts'
import type { Context, Io } from './context.ts'
import { commonAliases, commonFlags, hoistGlobalFlags } from './flags.ts'
import { exitCodesHelp, helpOf } from './help.ts'

const services = {
  kind: 'array',
  parameter: { brief: 'services by name; all when none is given', parse: String, placeholder: 'service' },
} as const

const up = buildCommand({
  loader: async () => (await import('./commands/up.ts')).up,
  parameters: {
    flags: {
      ...commonFlags,
      waitTimeout: {
        kind: 'parsed',
        parse: seconds,
        brief: "seconds each service may take to become ready, instead of the config's",
        placeholder: 's',
        optional: true,
      },
      yes: { kind: 'boolean', brief: 'agree to what the plan asks consent for', default: false, withNegated: false },
    },
    aliases: { ...commonAliases, y: 'yes' },
    positional: services,
  },
  docs: {
    brief: 'make the stack as declared: build, start, wait, migrate',
    fullDescription: helpOf('up'),
  },
})

const plan = buildCommand({
  loader: async () => (await import('./commands/plan.ts')).plan,
  parameters: {
    flags: {
      ...commonFlags,
      check: { kind: 'boolean', brief: 'exit with 3 when something is to be done', default: false, withNegated: false },
    },
    aliases: commonAliases,
    positional: services,
  },
  docs: { brief: 'show what `up` would do and why, and change nothing', fullDescription: helpOf('plan') },
})

const down = buildCommand({
  loader: async () => (await import('./commands/down.ts')).down,
  parameters: {
    flags: {
      ...commonFlags,
      volumes: { kind: 'boolean', brief: 'delete the data, too', default: false, withNegated: false },
      yes: { kind: 'boolean', brief: 'do not ask before deleting data', default: false, withNegated: false },
    },
    aliases: { ...commonAliases, y: 'yes' },
  },
  docs: { brief: 'stop and remove what runs; data is kept', fullDescription: helpOf('down') },
})

const status = buildCommand({
  loader: async () => (await import('./commands/status.ts')).status,
  parameters: {
    flags: {
      ...commonFlags,
      check: { kind: 'boolean', brief: 'exit with 3 unless all is as declared', default: false, withNegated: false },
    },
    aliases: commonAliases,
  },
  docs: { brief: 'show what runs, where, and whether it is as declared', fullDescription: helpOf('status') },
})

const version = buildCommand({
  loader: async () => (await import('./commands/version.ts')).version,
  parameters: {
    flags: { json: commonFlags.json },
  },
  docs: { brief: 'show the version', fullDescription: helpOf('version') },
})

const routes = { up, plan, down, status, version }
const commands = Object.keys(routes)

const root = buildRouteMap({
  routes,
  docs: {
    brief: 'PostgreSQL stacks, declared in one typed file',
    fullDescription: [
      'Declares a PostgreSQL stack in poststack.config.ts, and makes it so: containers, readiness, migrations.',
      'Runs on podman, docker, or PostgreSQL as plain processes where there is no container engine.',
      '',
      exitCodesHelp,
    ].join('\n'),
  },
})

const application = buildApplication(root, {
  name: 'poststack',
  scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
  documentation: { disableAnsiColor: true },
  localization: {
    text: { ...text_en, formatException: (error) => (error instanceof Error ? error.message : String(error)) },
  },
})

/** Runs one command line and returns the exit code. */
export async function runApp(words: readonly string[], io: Io): Promise<number> {
  const parsing: { exitCode?: number | string | null } = {}
  // Commands write to `io`. What comes here is what the parser has to say about the words.
  let complaint = ''
  const stderr = { write: (text: string) => void (complaint += text) }
  const process = Object.assign(parsing, { stdout: io.stdout, stderr, env: io.env })
  const context: Context = { io, exitCode: ExitCode.ok, process }
  const inputs = words.length === 0 ? ['--help'] : hoistGlobalFlags(words)
  await run(application, inputs, { process, forCommand: () => context })
  if (parsing.exitCode === 0 || parsing.exitCode === undefined) return context.exitCode
  return refuse(Number(parsing.exitCode), complaint, { words, io })
}

/** The parser's own codes are negative. All stand for mistakes on the command line, but those for code that cannot be loaded. */
async function refuse(
  code: number,
  complaint: string,
  { words, io }: { readonly words: readonly string[]; readonly io: Io },
): Promise<number> {
  const { createReporter } = await import('./report/create.ts')
  const report = createReporter(io, {
    json: words.includes('--json'),
    color: !words.includes('--no-color'),
    verbose: false,
  })
  const message = inKebabCase(complaint.trim())
  const loadErrors: readonly number[] = [parserExit.CommandLoadError, parserExit.ContextLoadError]
  if (loadErrors.includes(code)) {
    report.bug(new Error(message))
    return ExitCode.bug
  }
  const command = hoistGlobalFlags(words)[0] ?? ''
  report.error({
    code: 'USAGE',
    message,
    hint: commands.includes(command) ? `poststack ${command} --help` : 'poststack --help',
  })
  return ExitCode.wrongRequest
}

/** The parser proposes flags as the code has them, `--waitTimeout`, where people write `--wait-timeout`. */
function inKebabCase(message: string): string {
  return message.replaceAll(/(did you mean.*)--([a-z]+[A-Z]\w*)/g, (_, before: string, flag: string) => {
    return `${before}--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  })
}

function seconds(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 1 || value > 3600) {
    throw new RangeError(`"${text}" is not a number of seconds from 1 to 3600`)
  }
  return value
}
