/**
 * Loads a config: finds the file, has it evaluated in a process of its own, if that was not done before, and returns plain data with every
 * file it depends on. Guarded by default: bundled, and evaluated under Node's permission model. Trusted: executed by tsx.
 */
import { realpath, rm, stat } from 'node:fs/promises'
import { containersOf, readConventions } from '../parse/conventions.ts'
import { findConfig, isData, refuseUnnamed } from './find.ts'
import { exampleConfig } from '../schema/issues.ts'
import { openCache } from './cache.ts'
import { failure, readSources } from './errors.ts'
import { permissionsFrom } from '../permissions.ts'
import { readNamedFile, UnreadableFile } from '../read-file.ts'
import { serializeConfig } from '../serialize.ts'
import { temporaryFolder } from '../temporary.ts'
import type { DefineContext } from '../define.ts'
import type { FramePosition } from '../locate/code-frame.ts'
import type { ConfigInputs } from './inputs.ts'
import type { FoundConfig } from './find.ts'
import type { KeptResult } from './cache.ts'
import type { ConfigIssue } from '../schema/issues.ts'
import type { Permissions } from '../permissions.ts'
import type { ConfigOutput } from './run-child.ts'
import type { LoadedLayers } from '../layers.ts'
import type { SourceText } from '../locate/source-text.ts'
import type { PlainValue } from '../serialize.ts'
import type { ImageConfig } from '../types.ts'

export interface LoadOptions {
  /** Absolute path of the directory the command was started in. */
  readonly cwd: string
  /** The config file, when one was named. Else the nearest one on the way up. */
  readonly file?: string | undefined
  /** Absolute path of the folder that conventions look into for Dockerfiles. @default `containers` in the project */
  readonly containers?: string | undefined
  readonly mode: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Executes the config with everything allowed. */
  readonly trusted?: boolean | undefined
  /** What it may do otherwise, besides what package.json grants; paths are relative to `cwd`. */
  readonly permissions?: Permissions | undefined
  /** @default 30000 */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called when there is nothing to do but to wait for the config's process: time to load what comes after it. */
  readonly onWaiting?: (() => void) | undefined
}

/** Whether the result was kept from another time. */
export interface CacheReport {
  readonly hit: boolean
  /** It had passed every check when it was kept. */
  readonly passed?: boolean | undefined
}

export interface LoadedConfig {
  /** For `parseConfig`. */
  readonly plain: PlainValue
  /** What could not be made plain. For `parseConfig`, which reports them together with its own. */
  readonly issues: readonly ConfigIssue[]
  /** Absolute path of the config file; absent when conventions apply. */
  readonly file: string | undefined
  /** Absolute real path of the project. */
  readonly root: string
  /** Images that conventions found. */
  readonly images: readonly ImageConfig[]
  readonly inputs: ConfigInputs
  readonly cache: CacheReport
  /**
   * To be called once a config was made of it: the next load gets the same at once. `passed` is whether it passed every check as it is. Returns why
   * it was not kept.
   */
  keep(passed: boolean): Promise<string | undefined>
  /** Where each part of the config stands, by its path, where the file is data. */
  readonly positions?: ReadonlyMap<string, FramePosition>
  /** Where there is more than one. */
  readonly layers?: LoadedLayers | undefined
  /** Texts of the project's files, to find the line of a mistake. */
  readonly sources: readonly SourceText[]
  readonly output: ConfigOutput
  /** What a person should know although nothing failed. */
  readonly notices: readonly string[]
}

export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const found = await findConfig(options.cwd, options.file)
  if (options.file === undefined) await refuseUnnamed(options.cwd, found)
  if (found === undefined) return await conventions(await realpath(options.cwd), options.containers)
  const text = await readableText(found, options.signal)
  if (isData(found.file)) return await data(found, text)
  const { cwd, env, mode } = options
  const permissions = permissionsFrom(cwd, options.permissions ?? {})
  const cache = await openCache({ config: found, cwd, mode, env, permissions, trusted: options.trusted === true })
  if (cache.kept !== undefined) return await fromCache(found, cache.kept)
  const { evaluate } = await import('./evaluate.ts')
  // The bundle stands in a file, because source maps do not work in a data: URL.
  const folder = await temporaryFolder('config')
  try {
    return await evaluate(found, { folder, permissions, cache }, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A config that is there already, in place of a file. Throws what its function throws. */
export async function takeConfig(exported: unknown, context: DefineContext): Promise<LoadedConfig> {
  const root = await realpath(context.cwd)
  const { plain, issues } = await serializeConfig(exported, context)
  return { ...nothingRead, plain, issues, images: [], root }
}

const noInputs: ConfigInputs = {
  files: [],
  candidates: [],
  packages: [],
  globs: [],
  variables: [],
  allVariables: false,
}

const nothingRead = {
  file: undefined,
  inputs: noInputs,
  sources: [],
  output: { stdout: [], stderr: [] },
  notices: [],
  cache: { hit: false },
  keep: () => Promise.resolve('no config file was read'),
} as const

async function conventions(root: string, containers: string | undefined): Promise<LoadedConfig> {
  return { ...nothingRead, ...(await readConventions(root, containersOf({ root, containers }))), issues: [], root }
}

async function fromCache({ file, root }: FoundConfig, { code, passed, ...kept }: KeptResult): Promise<LoadedConfig> {
  return {
    ...kept,
    issues: [],
    file,
    root,
    images: [],
    sources: await readSources(code),
    cache: { hit: true, passed },
    keep: () => Promise.resolve(undefined),
  }
}

async function data(found: FoundConfig, text: string): Promise<LoadedConfig> {
  const { loadYaml } = await import('./yaml.ts')
  return {
    ...(await loadYaml(found, text)),
    ...found,
    images: [],
    inputs: { ...noInputs, files: [found.file] },
    sources: [],
    output: { stdout: [], stderr: [] },
    notices: [],
    cache: { hit: false },
    keep: () => Promise.resolve('data is read each time'),
  }
}

async function readableText(config: FoundConfig, signal: AbortSignal | undefined): Promise<string> {
  const fail = (what: string, hint?: string) => failure({ code: 'CONFIG_FAILED', what, place: undefined, hint }, config)
  const unreadable = async (error: unknown): Promise<never> => {
    if (signal?.aborted === true) throw error
    if (error instanceof UnreadableFile) throw await fail(error.message, error.hint)
    throw await fail(`cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  // A link may lead nowhere, and an editor may replace the file at this moment.
  const facts = await stat(config.file).catch(unreadable)
  if (facts.isDirectory()) throw await fail('is a folder, not a config file')
  // A program is read again by what bundles it.
  if (facts.isFIFO() && !isData(config.file)) {
    throw await fail('is a named pipe', 'Put a file in its place; only a config in YAML or JSON is read from a pipe.')
  }
  const bytes = await readNamedFile(config.file, signal).catch(unreadable)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw await fail('is not valid UTF-8', 'Save the file as UTF-8.')
  }
  if (text.trim() === '') {
    if (/\.(?:json|ya?ml)$/.test(config.file))
      throw await fail('is empty', (await import('./yaml.ts')).exampleFor(config.file))
    throw await fail('is empty', `A config can be as short as this:\n\n${exampleConfig}`)
  }
  return text
}
