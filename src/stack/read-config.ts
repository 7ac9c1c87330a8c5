/**
 * From what was asked for to the config that code may trust: the environment, the file, and what the one says over the other.
 */
import { relative, resolve } from 'node:path'

import { applyEnvironment, besideConfig } from '../config/environment/apply.ts'
import {
  filledVariable,
  readEnvironment,
  showVariable,
  type Environment,
  type Variable,
} from '../config/environment/environment.ts'
import { isRecord } from '../config/is-record.ts'
import type { ConfigInputs } from '../config/load/inputs.ts'
import { loadConfig, type LoadedConfig, takeConfig } from '../config/load/load.ts'
import { parseConfig, type ParsedConfig } from '../config/parse/parse.ts'
import type { AskedProfile } from '../config/profiles.ts'
import { compareText } from '../config/text-order.ts'
import type { Emit } from '../events.ts'
import type { ConfigOptions } from './options.ts'

export interface ReadConfig {
  readonly parsed: ParsedConfig
  /** The variables that some values come from, by the path of the value: `services.db.port`. */
  readonly origins: ReadonlyMap<string, Variable>
  /** Those that say what no config can, by the name under which it is shown. */
  readonly beside: ReadonlyMap<string, Variable>
  /** Absolute; absent where conventions apply. */
  readonly file: string | undefined
  readonly loaded: LoadedConfig
  /** The plain form, with what variables say over it. */
  readonly plain: LoadedConfig['plain']
  /** What it was made from, `.env` among it. */
  readonly inputs: ConfigInputs
  /** Why the result is not kept for the next time. */
  readonly notKept: string | undefined
  /** Keeps it now, if that could not be done before. */
  readonly keep: () => Promise<string | undefined>
}

export interface ConfigTools {
  readonly emit: Emit
  readonly signal: AbortSignal
  /** Called when there is nothing to do but to wait for the config's process. */
  readonly onWaiting?: (() => void) | undefined
}

export async function readConfig(
  options: ConfigOptions,
  { emit, signal, onWaiting }: ConfigTools,
): Promise<ReadConfig> {
  const { cwd, env, instance } = options
  const environment = await readEnvironment({ cwd, env, configFile: options.configFile, signal })
  const containers = containersIn(environment)
  const loaded = await load(options, { environment, containers, signal, onWaiting })
  const { root, issues, positions, sources, images, cache, inputs } = loaded
  const file = loaded.file === undefined ? undefined : relative(cwd, loaded.file)
  const { plain, origins, warnings } = applyEnvironment(loaded.plain, environment)
  for (const message of [...environment.warnings, ...warnings]) emit({ type: 'warning', message })
  const conventional = file === undefined && options.config === undefined
  const conventions = conventional ? [conventionsNotice(origins)] : []
  for (const message of [...conventions, ...loaded.notices, ...loaded.output.stdout, ...loaded.output.stderr])
    emit({ type: 'notice', message })
  const isUnchanged = [...origins.keys()].every((path) => isBeside(path, loaded.plain))
  const parsed = await parseConfig(plain, {
    root,
    issues,
    positions,
    sources,
    images,
    file,
    containers,
    origins,
    conventional,
    instance,
    profiles: [...profilesIn(environment), ...(options.profiles ?? []).map((name) => ({ name }))],
    // What passed was the config without the variables.
    passed: cache.passed === true && isUnchanged,
    signal,
  })
  const keep = () => loaded.keep(isUnchanged)
  const notKept = await keep()
  if (file !== undefined)
    emit({ type: 'config-read', file, cached: cache.hit, ...(notKept !== undefined && { why: notKept }) })
  const own = environment.file === undefined ? [] : [environment.file]
  const files = [...new Set([...inputs.files, ...own, ...parsed.looked])].toSorted(compareText)
  const candidates = [...new Set([...inputs.candidates, ...environment.candidates])].toSorted(compareText)
  const beside = besideConfig(environment)
  const all = { ...inputs, files, candidates }
  return { parsed, origins, beside, loaded, plain, file: loaded.file, inputs: all, notKept, keep }
}

interface Surroundings {
  readonly environment: Environment
  readonly containers: string | undefined
  readonly signal: AbortSignal
  readonly onWaiting: (() => void) | undefined
}

async function load(
  { cwd, env, mode = 'development', config, ...options }: ConfigOptions,
  { environment, containers, signal, onWaiting }: Surroundings,
): Promise<LoadedConfig> {
  if (config !== undefined) return await takeConfig(config, { cwd, env, mode })
  return await loadConfig({
    cwd,
    file: environment.configFile,
    containers,
    mode,
    env,
    permissions: options.permissions,
    trusted: options.allowAll,
    signal,
    onWaiting,
  })
}

/**
 * Whether a variable only adds to what the config says, and by what was checked where it was read: then the config passes the checks as it
 * stands, too.
 */
function isBeside(path: string, plain: LoadedConfig['plain']): boolean {
  if (!path.startsWith('logs.')) return false
  const logs = isRecord(plain) ? plain['logs'] : undefined
  return logs === undefined || (isRecord(logs) && logs[path.slice('logs.'.length)] === undefined)
}

function containersIn({ root, variables }: Environment): string | undefined {
  const folder = filledVariable(variables, 'PROJECT_CONTAINERS_PATH')
  return folder === undefined ? undefined : resolve(root, folder.value)
}

function profilesIn({ variables }: Environment): readonly AskedProfile[] {
  const variable = filledVariable(variables, 'PROFILES')
  if (variable === undefined) return []
  const words = variable.value.split(',').map((word) => word.trim())
  return words.filter((word) => word !== '').map((name) => ({ name, by: showVariable(variable) }))
}

/** Said because any folder is a stack where there is no config file, also one that was entered by mistake. */
function conventionsNotice(origins: ReadConfig['origins']): string {
  const said = (key: string, usual: string): string => {
    const variable = origins.get(`services.postgres.${key}`)
    return variable === undefined ? usual : `${variable.value}, from ${showVariable(variable)}`
  }
  const port = said('port', '5432')
  return `no poststack.config.ts from here upward: one PostgreSQL service on port ${port}, with the migrations in ${said('migrations', './migrations')}`
}
