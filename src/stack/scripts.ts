/**
 * Scripts of the project, made ready to run in the environment of the stack.
 */
import { relative, resolve } from 'node:path'

import { existingScript, prepareScript } from '../config/script.ts'
import { openSecrets } from '../config/secrets.ts'
import { PoststackError } from '../errors.ts'
import { chooseDatabase } from '../plan/choose-database.ts'
import { handedStack } from '../execute/handed-stack.ts'
import type { CommandRun, ScriptRun } from '../execute/world.ts'
import { withoutDatabase } from '../plan/variables.ts'
import { runProgram, type ProgramResult } from '../runtime/exec.ts'
import { type Opened, ownServers, type SelectRuntime, withConfig } from './opened.ts'
import type { ScriptOptions, ScriptProgram } from './options.ts'
import { beware, readVariables, variablesAt } from './variables.ts'

/** The script with the variables of `env`, and the stack for `poststack/run`. */
export async function scriptProgram(
  declared: Opened,
  select: SelectRuntime,
  { file, args = [], database, service }: ScriptOptions,
): Promise<ScriptProgram> {
  const { grants } = declared
  // Before a password is made for it.
  const script = await existingScript(resolve(grants.cwd, file))
  const databases = declared.parsed.config.services.filter(({ kind }) => kind !== 'container')
  const isMeant = service !== undefined || databases.length === 1
  const chosen = isMeant ? chooseDatabase(declared.parsed.config, { service }) : undefined
  const servers = await ownServers(declared, select)
  await beware(servers, declared, { service, forProgram: true })
  const there = withConfig(declared, servers.config)
  const opened = database === undefined ? there : withDatabase(there, chosen?.name, database)
  const { config, literals } = opened.parsed
  const variables = await variablesAt(config, opened, { service })
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  return await prepareScript({
    file: script,
    args,
    root: config.root,
    grants,
    env: { ...(databases.length === 0 ? opened.env : withoutDatabase(opened.env)), ...variables },
    variables,
    stack: handedStack(config, chosen?.name, secrets),
  })
}

/** The same stack, in which a service has another database. */
function withDatabase(opened: Opened, name: string | undefined, database: string): Opened {
  const { config } = opened.parsed
  const services = config.services.map((service) =>
    service.kind !== 'container' && service.name === name ? { ...service, database } : service,
  )
  return { ...opened, parsed: { ...opened.parsed, config: { ...config, services } } }
}

/** Runs a script to its end, as a part of a run of ours: nobody types into it, and what it prints is told. */
export async function runScript(
  opened: Opened,
  select: SelectRuntime,
  { file, onLine, service, signal }: ScriptRun,
): Promise<void> {
  const { root } = opened.parsed.config
  const script = await scriptProgram(opened, select, { file, service })
  await endScript(script, { file, root, signal, onLine, hide: await hiding(opened) })
}

/** The same for a program with the variables of `env`. */
export async function runCommand(
  opened: Opened,
  select: SelectRuntime,
  { command, onLine, service, signal }: CommandRun,
): Promise<void> {
  const { config } = opened.parsed
  const [program = '', ...args] = command
  const variables = await readVariables(opened, select, { service, forProgram: true })
  const env = { ...withoutDatabase(opened.env), ...variables }
  const hide = await hiding(opened)
  const title = hide(command.join(' '))
  const ended = await runProgram({ program, args, env, signal, onLine, cwd: config.root, hide, title, ...asScript })
  if (ended.exitCode !== 0) throw notWell(title, ended)
}

async function hiding({ parsed: { config, literals } }: Opened): Promise<(line: string) => string> {
  const secrets = await openSecrets({ root: config.root, config, literals, create: false })
  return (line) => secrets.hide(line)
}

export interface EndScript {
  readonly file: string
  /** Folder of the config: where it runs. */
  readonly root: string
  readonly signal: AbortSignal
  readonly onLine?: ((line: string) => void) | undefined
  /** Takes secrets out of a line. */
  readonly hide: (line: string) => string
}

/** Long enough to load much data. */
const asScript = { timeoutMs: 60 * 60 * 1000, code: 'SCRIPT_FAILED', ownGroup: true } as const

/** Runs what was made ready, and removes it. Fails with `SCRIPT_FAILED` unless it ends with 0. */
export async function endScript(script: ScriptProgram, { file, hide, onLine, root, signal }: EndScript): Promise<void> {
  const { args, env, program, report } = script
  const title = relative(root, file)
  try {
    const ended = await runProgram({ program, args, env, report, signal, onLine, cwd: root, hide, title, ...asScript })
    if (ended.exitCode !== 0) throw notWell(title, ended, script.failure())
  } finally {
    await script.close()
  }
}

function notWell(
  name: string,
  { exitCode, lastLines }: Pick<ProgramResult, 'exitCode' | 'lastLines'>,
  failure?: PoststackError,
): PoststackError {
  const because = failure === undefined ? '.' : `: ${failure.message}`
  return new PoststackError('SCRIPT_FAILED', `${name} ended with exit code ${String(exitCode)}${because}`, {
    hint: failure?.hint ?? 'Mend what its last lines complain about, then run again.',
    details: { name, exitCode, output: lastLines.slice(-20) },
  })
}
