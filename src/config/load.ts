/**
 * Loads a config: finds the file, evaluates it in a process of its own and returns plain data with every file it depends
 * on. Guarded by default: bundled, and evaluated under Node's permission model. Trusted: executed by tsx.
 */
import { readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readConventions } from './conventions.ts'
import { findConfig } from './find.ts'
import { bundleConfig, bundleOwn } from './load-bundle.ts'
import { runChild } from './load-child.ts'
import { completeDependencies } from './load-dependencies.ts'
import { failure } from './load-errors.ts'
import { defaultGrants, guardFlags } from './load-guarded.ts'
import { trustedFlags } from './load-trusted.ts'
import { ownPackage } from './own-package.ts'
import { temporaryFolder } from './temporary.ts'
import type { FoundConfig } from './find.ts'
import type { ConfigIssue } from './issues.ts'
import type { Bundle } from './load-bundle.ts'
import type { ConfigOutput } from './load-child.ts'
import type { SourceText } from './locate.ts'
import type { OwnPackage } from './own-package.ts'
import type { PlainValue } from './serialize.ts'
import type { ImageConfig } from './types.ts'

export interface LoadOptions {
  /** Absolute path of the directory the command was started in. */
  readonly cwd: string
  /** The config file, when one was named. Else the nearest one on the way up. */
  readonly file?: string | undefined
  readonly mode: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Executes the config with everything allowed. */
  readonly trusted?: boolean | undefined
  /** @default 30000 */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called when there is nothing to do but to wait for the config's process: time to load what comes after it. */
  readonly onWaiting?: (() => void) | undefined
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
  /** Every file the result depends on: absolute, sorted. */
  readonly dependencies: readonly string[]
  /** Texts of the project's files, to find the line of a mistake. */
  readonly sources: readonly SourceText[]
  readonly output: ConfigOutput
}

export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const found = await findConfig(options.cwd, options.file)
  if (found === undefined) return await conventions(await realpath(options.cwd))
  await checkReadable(found)
  // The bundle stands in a file, because source maps do not work in a data: URL.
  const folder = await temporaryFolder('config')
  try {
    return await evaluate(found, folder, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function conventions(root: string): Promise<LoadedConfig> {
  const output = { stdout: [], stderr: [] }
  return { ...(await readConventions(root)), issues: [], file: undefined, root, dependencies: [], sources: [], output }
}

async function checkReadable(config: FoundConfig): Promise<void> {
  const fail = (what: string, hint?: string) => failure({ code: 'CONFIG_FAILED', what, place: undefined, hint }, config)
  if ((await stat(config.file)).isDirectory()) throw await fail('is a folder, not a config file')
  const bytes = await readFile(config.file).catch(async (error: unknown) => {
    throw await fail(`cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw await fail('is not valid UTF-8', 'Save the file as UTF-8.')
  }
  if (text.trim() === '') {
    const example =
      "import { defineConfig, postgres } from 'poststack'\nexport default defineConfig({ services: { db: postgres() } })"
    throw await fail('is empty', `A config can be as short as this:\n\n${example}`)
  }
}

async function evaluate(config: FoundConfig, folder: string, options: LoadOptions): Promise<LoadedConfig> {
  const own = ownPackage()
  const outfile = join(folder, 'config.mjs')
  // One after the other: the folder is removed when one fails, and nothing may write into it then.
  const program = await childProgram(own, folder)
  const bundle = await bundleConfig(config, own, outfile)
  const isTrusted = options.trusted === true
  const ownCommonJs = join(folder, 'poststack.cjs')
  await (isTrusted ? bundleOwn(own.entry, ownCommonJs) : writeFile(outfile, bundle.code))
  const grants = defaultGrants(config.root, bundle.externals)
  const flags = isTrusted ? trustedFlags() : guardFlags(grants, [folder, join(own.root, 'dist')], process.versions.node)
  const job = {
    url: pathToFileURL(isTrusted ? config.file : outfile).href,
    file: config.file,
    mode: options.mode,
    cwd: options.cwd,
    isDirect: isTrusted,
    needsRequire: bundle.needsRequire,
    modules: bundle.modules,
    own: pathToFileURL(own.entry).href,
    ownCommonJs,
  }
  const { env, signal, timeoutMs = 30_000, onWaiting } = options
  const context = { config, externals: bundle.externals, inputs: bundle.inputs }
  const result = await runChild({ program, flags, job, env, timeoutMs, signal, onStarted: onWaiting }, context)
  return {
    ...result,
    file: config.file,
    root: config.root,
    images: [],
    dependencies: await completeDependencies(bundle.inputs),
    sources: await readSources(bundle),
  }
}

async function childProgram(own: OwnPackage, folder: string): Promise<string> {
  if (!own.isSource) return own.child
  const program = join(folder, 'child.mjs')
  await bundleOwn(own.child, program)
  return program
}

function readSources(bundle: Bundle): Promise<readonly SourceText[]> {
  return Promise.all(bundle.inputs.map(async (file) => ({ file, text: await readFile(file, 'utf8').catch(() => '') })))
}
