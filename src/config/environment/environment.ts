/**
 * The `POSTSTACK_…` variables: those of the process, and those of `.env` in the project, which the process's win over. What they mean for the
 * stack is for `apply.ts`.
 */
import { realpath } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { readEnvFile } from './env-file.ts'
import { findConfig } from '../load/find.ts'
import { UnreadableFile } from '../read-file.ts'

/** One variable, and who says it. */
export interface Variable {
  readonly name: string
  readonly value: string
  /** The file, as people should see it; absent for a variable of the process. */
  readonly file?: string
  /** From 1. */
  readonly line?: number
}

export interface Environment {
  /** What was asked for, by `--config` or POSTSTACK_CONFIG: absolute. Undefined: the nearest one upward. */
  readonly configFile: string | undefined
  /** The folder that paths in variables are relative to: absolute. */
  readonly root: string
  /** The `.env` that was read: absolute. */
  readonly file: string | undefined
  /** Where one would be read, if it were there: absolute. */
  readonly candidates: readonly string[]
  readonly variables: ReadonlyMap<string, Variable>
  /** What a person should know about the file. */
  readonly warnings: readonly string[]
}

export interface EnvironmentOptions {
  /** Absolute path of the directory the command was started in. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The config file that a flag names. */
  readonly configFile?: string | undefined
  readonly signal: AbortSignal
}

export const prefix = 'POSTSTACK_'

const nameOfConfig = 'CONFIG'

/**
 * Reads `.env` beside the config file; where that folder has none, or there is no config file, in the working directory.
 *
 * @throws `ENV_INVALID`, and what `findConfig` fails with.
 */
export async function readEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const { cwd, env, configFile, signal } = options
  const own = variablesOf(env)
  const naming = configFile === undefined ? filledVariable(own, nameOfConfig) : undefined
  const found = naming === undefined ? await findConfig(cwd, configFile) : await findNamedBy(naming, cwd)
  const here = await realpath(cwd)
  const root = found?.root ?? here
  const read = await readVariables([...new Set([root, here])], { cwd, own, signal })
  if (configFile !== undefined || naming !== undefined) return { ...read, configFile: found?.file, root }
  const inFile = filledVariable(read.variables, nameOfConfig)
  if (inFile === undefined || read.file === undefined) return { ...read, configFile: undefined, root }
  // As if a flag had named it, so that one `.env` counts, whichever way leads to the config.
  const named = await findNamedBy(inFile, dirname(read.file))
  return await readEnvironment({ ...options, configFile: named?.file })
}

/** The variables of the process, and those of a `.env` in exactly this folder: for commands that read no config. */
export async function readEnvironmentIn(
  folder: string,
  { cwd, env, signal }: Pick<EnvironmentOptions, 'cwd' | 'env' | 'signal'>,
): Promise<Environment> {
  const read = await readVariables([folder], { cwd, own: variablesOf(env), signal })
  return { ...read, configFile: undefined, root: folder }
}

/** The variable of this name, without the prefix. Fails with `ENV_INVALID` when it is there and empty. */
export function filledVariable(variables: Environment['variables'], name: string): Variable | undefined {
  const variable = variables.get(`${prefix}${name}`)
  if (variable?.value === '') throw invalidEnvironment([{ variable, message: 'is empty' }])
  return variable
}

/** `POSTSTACK_POSTGRES_HOST_PORT (.env:2)` */
export function showVariable(variable: Variable): string {
  return `${variable.name} (${placeOf(variable)})`
}

/** `.env:2`, or `environment`. */
export function placeOf({ file, line }: Variable): string {
  if (file === undefined) return 'environment'
  return line === undefined ? file : `${file}:${String(line)}`
}

export interface VariableMistake {
  readonly variable: Variable
  /** Finishes the sentence that the variable's name begins. */
  readonly message: string
}

/** Every mistake at once, each with the file and line, or the environment, that it stands in. Values are not shown. */
export function invalidEnvironment(mistakes: readonly VariableMistake[]): PoststackError {
  const lines = mistakes.map(({ variable, message }) => `${showVariable(variable)} ${message}`)
  const [only = '', ...more] = lines
  const text =
    more.length === 0
      ? only
      : `${String(lines.length)} variables are wrong:\n${lines.map((line) => `  - ${line}`).join('\n')}`
  return new PoststackError('ENV_INVALID', text, {
    hint: 'Correct the variable, or take it away: what the config says, or the default, is used then.',
    details: {
      issues: mistakes.map(({ variable: { name, file, line }, message }) => ({
        variable: name,
        message,
        ...(file === undefined ? {} : { file, line }),
      })),
    },
  })
}

function variablesOf(env: EnvironmentOptions['env']): ReadonlyMap<string, Variable> {
  const own = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith(prefix) && value !== undefined ? [[name, { name, value }] as const] : [],
  )
  return new Map(own)
}

/** Reads the first `.env` that is there. */
async function readVariables(
  folders: readonly string[],
  { cwd, own, signal }: Pick<EnvironmentOptions, 'cwd' | 'signal'> & { readonly own: Environment['variables'] },
): Promise<Pick<Environment, 'file' | 'candidates' | 'variables' | 'warnings'>> {
  const paths = folders.map((folder) => join(folder, '.env'))
  const files = await Promise.all(paths.map(async (path) => ({ path, read: await readEnvFile(path, signal) })))
  const { path, read } = files.find((one) => one.read !== undefined) ?? {}
  const candidates = path === undefined ? paths : paths.slice(0, paths.indexOf(path))
  if (path === undefined || read === undefined) return { file: undefined, candidates, variables: own, warnings: [] }
  const file = relative(await realpath(cwd), path)
  if (read instanceof UnreadableFile) throw unusable(file, read.message, read.hint)
  const said = Object.entries(read.values).flatMap(([name, value]): readonly (readonly [string, Variable])[] => {
    const line = read.lines.get(name)
    return name.startsWith(prefix) ? [[name, { name, value, file, ...(line !== undefined && { line }) }]] : []
  })
  return { file: path, candidates, variables: new Map([...said, ...own]), warnings: wrongLines(file, read.wrong) }
}

/** The file may be another program's, so only what may be meant for us is an error. */
function wrongLines(file: string, wrong: ReadonlyMap<number, string>): readonly string[] {
  const warnings: string[] = []
  for (const [line, text] of wrong) {
    const place = `${file}:${String(line)}`
    if (text.includes(prefix)) {
      throw unusable(place, 'is not `NAME=value`', 'Write one variable on each line: POSTSTACK_POSTGRES_HOST_PORT=5433')
    }
    warnings.push(`${place} is not \`NAME=value\`; the line is passed over`)
  }
  return warnings
}

function unusable(place: string, why: string, hint: string): PoststackError {
  return new PoststackError('ENV_INVALID', `${place} ${why}`, { hint, details: { place } })
}

async function findNamedBy(variable: Variable, folder: string): ReturnType<typeof findConfig> {
  return await findConfig(folder, variable.value, showVariable(variable))
}
