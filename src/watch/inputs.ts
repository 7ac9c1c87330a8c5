/**
 * What a stack is made from, as far as it lies in files: what to watch, and what a change of it asks for.
 */
import { stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'

import type { ConfigInputs } from '../config/load/inputs.ts'
import { containersOf } from '../config/parse/conventions.ts'
import { configNames } from '../config/load/find.ts'
import { ignoreFiles } from '../config/ignore-files.ts'
import { parseGlob } from '../config/glob.ts'
import { ownFilesOf } from '../config/own-files.ts'
import { importsOf } from '../config/load/imports.ts'
import type { BuildConfig, Config } from '../config/types.ts'
import { bindMounts } from '../execute/mounted-files.ts'
import { openContextFilter } from '../execute/fingerprint/filter.ts'
import { isSqlFile } from '../migrations/files/parse.ts'
import { readMigrations } from '../migrations/files/read.ts'
import { seedScripts } from '../migrations/seeds/read.ts'

/** A folder of which some files count, those that do not exist yet among them. */
export interface InputFolder {
  /** Absolute. */
  readonly path: string
  /** Of a path in it, with `/`: whether it, or anything in it, counts. */
  readonly counts: (path: string) => boolean
  /** What is in it is part of the config: the config is loaded again. */
  readonly isConfig: boolean
}

export interface Inputs {
  /** The project. */
  readonly root: string
  /** Absolute; whether they exist or not. */
  readonly configFiles: ReadonlySet<string>
  /** Absolute; the config's are not among them. */
  readonly files: ReadonlySet<string>
  readonly folders: readonly InputFolder[]
}

export interface InputSources {
  readonly config: Config
  /** What the config was made from. */
  readonly inputs: ConfigInputs
  /** Absent where conventions apply, and then a config file that is made changes everything; and where the config is no file. */
  readonly configFile: string | undefined
}

/** Reads what belongs to the declared services. What cannot be read is left out; a run tells what is wrong with it. */
export async function readInputs({ config, inputs, configFile }: InputSources): Promise<Inputs> {
  const { root, services, images } = config
  const isConventional = config.conventional === true
  const containers = containersOf(config)
  const folders = services.flatMap((service) =>
    service.kind === 'container' || service.migrations === undefined ? [] : [service.migrations],
  )
  const builds = [
    ...services.flatMap((service) => (service.kind === 'container' && service.build ? [service.build] : [])),
    ...images.map(({ build }) => build),
  ]
  const seeds = services.flatMap((service) =>
    service.kind === 'postgres' && service.seed !== undefined ? [service.seed] : [],
  )
  const scripts = await scriptFiles(config, seeds)
  const included = await Promise.all(folders.map((folder) => includedFiles(folder, root)))
  return {
    root,
    configFiles: new Set([
      ...inputs.files,
      // Those above the project are as many again, and would have all folders up to the root be watched.
      ...inputs.candidates.filter(
        (path) =>
          path.startsWith(root + sep) && (!path.includes(`${sep}node_modules${sep}`) || inputs.packages.includes(path)),
      ),
      ...(configFile === undefined ? [] : [configFile]),
      ...(isConventional ? candidates(root) : []),
    ]),
    files: new Set([...included.flat(), ...scripts, ...builds.flatMap(buildFiles), ...(await mountedFiles(config))]),
    folders: [
      ...folders.map((path) => ({ path, counts: isMigration, isConfig: false })),
      ...seeds.map((path) => ({ path, counts: isSeed, isConfig: false })),
      ...(await Promise.all(builds.map(buildFolder))),
      ...inputs.globs.map(({ pattern }) => globFolder(pattern, root)),
      ...(isConventional ? [{ path: containers, counts: isProjectImage, isConfig: true }] : []),
    ],
  }
}

/**
 * The same while the config cannot be loaded: what it is missing may be any file of the project that holds code, also one that nobody has
 * written yet. A folder that Poststack makes for files of its own is none of that.
 */
export function withEveryModule(inputs: Inputs, { logs }: Pick<Config, 'logs'>): Inputs {
  const { folders, root } = inputs
  const own = ownFilesOf(logs === undefined ? {} : { logs: relative(root, logs.folder).split(sep).join('/') })
  const counts = (path: string): boolean => isModule(path) && !own.folders.has(path) && !own.has(path)
  return { ...inputs, folders: [...folders, { path: root, counts, isConfig: true }] }
}

/** Whether a change of this very path may change the stack. */
export function isInput({ configFiles, files, folders }: Inputs, path: string): boolean {
  return configFiles.has(path) || files.has(path) || folders.some((folder) => countsIn(folder, path))
}

/** Whether a change of it asks for the config to be loaded again. */
export function isConfigInput({ configFiles, folders }: Inputs, path: string): boolean {
  return configFiles.has(path) || folders.some((folder) => folder.isConfig && countsIn(folder, path))
}

/** Folders that lead to an input, or would if they existed. */
export function foldersTo({ configFiles, files, folders, root }: Inputs): ReadonlySet<string> {
  const found = new Set<string>()
  for (const path of [root, ...folders.map(({ path: folder }) => folder), ...configFiles, ...files]) {
    for (let folder = dirname(path); !found.has(folder); folder = dirname(folder)) found.add(folder)
  }
  for (const path of [root, ...folders.map(({ path: folder }) => folder)]) found.add(path)
  return found
}

/** Whether two of them lead to the same watching. */
export function sameInputs(one: Inputs, other: Inputs): boolean {
  const list = ({ root, configFiles, files, folders }: Inputs): string =>
    JSON.stringify([root, [...configFiles].toSorted(), [...files].toSorted(), folders.map(({ path }) => path)])
  return list(one) === list(other)
}

function countsIn({ path: folder, counts }: InputFolder, path: string): boolean {
  if (!path.startsWith(folder + sep)) return false
  return counts(relative(folder, path).split(sep).join('/'))
}

function isMigration(path: string): boolean {
  return !path.includes('/') && isSqlFile(path)
}

/** What lies beside seeds may be data or helpers of theirs. */
function isSeed(path: string): boolean {
  return !path.includes('/')
}

/** `web` and `web/Dockerfile`: conventions make an image of every such folder. */
function isProjectImage(path: string): boolean {
  const [, file, ...deeper] = path.split('/')
  return file === undefined || (deeper.length === 0 && (file === 'Dockerfile' || file === 'Containerfile'))
}

const neverModules = new Set(['node_modules', '.git', '.poststack', 'dist'])

function isModule(path: string): boolean {
  if (path.split('/').some((name) => neverModules.has(name))) return false
  const name = basename(path)
  // A name without a dot is a folder, in which there may be one. Variables decide what a config comes to as code does.
  return !name.includes('.', 1) || /\.(?:[cm]?[jt]sx?|json|env)$|^\.env\./.test(name)
}

/** Files outside of the folder that its migrations include. */
async function includedFiles(folder: string, root: string): Promise<readonly string[]> {
  const read = await readMigrations(folder, { root }).catch(() => undefined)
  const texts = read?.migrations.flatMap(({ origins, rollback }) => [origins ?? [], rollback?.origins ?? []]) ?? []
  // The migration's own file goes by its name, an included one by its path from the root.
  return [...new Set(texts.flat().map(({ file }) => join(root, file)))]
}

/** Hooks, and what these and the scripts among the seeds import, also where it is not there yet. */
async function scriptFiles({ hooks = {}, root }: Config, seeds: readonly string[]): Promise<readonly string[]> {
  const hooked = Object.values(hooks).flatMap((hook) => (hook.kind === 'script' ? [hook.path] : []))
  const imports = await importsOf([...hooked, ...(await Promise.all(seeds.map(seedScripts))).flat()], root)
  return [...hooked, ...[...imports.values()].flatMap(({ files, missing }) => [...files, ...missing])]
}

/** Files that containers are given; a folder shows them its files as they are, so nothing is to be done when these change. */
async function mountedFiles(config: Config): Promise<readonly string[]> {
  const found = bindMounts(config).map(async ({ readOnly, source }) => {
    const facts = await stat(source).catch(() => undefined)
    // One that is missing may be back soon, and nothing is begun without it.
    return facts === undefined || (readOnly && facts.isFile()) ? [source] : []
  })
  return (await Promise.all(found)).flat()
}

/** Beside the context: they may lie anywhere. */
function buildFiles(build: BuildConfig): readonly string[] {
  return [build.dockerfile, ...ignoreFiles(build, 'podman'), ...ignoreFiles(build, 'docker')]
}

async function buildFolder(build: BuildConfig): Promise<InputFolder> {
  const counts = await openContextFilter(build).catch(() => () => true)
  return { path: build.context, counts, isConfig: false }
}

/** Files that the config asked for by a pattern: which there are is part of it. */
function globFolder(pattern: string, root: string): InputFolder {
  const { base, matches, isDeep } = parseGlob(pattern)
  const counts = (path: string): boolean => {
    const inside = base === '' ? path : `${base}/${path}`
    return matches(inside) || isDeep(inside)
  }
  return { path: join(root, base), counts, isConfig: true }
}

function candidates(root: string): readonly string[] {
  return [...configNames.map((name) => join(root, name)), join(root, 'migrations')]
}
