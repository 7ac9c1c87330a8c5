/**
 * Makes a TypeScript file ready to run as a program of its own, under the same grants as configs: guarded by default (bundled, and executed
 * under Node's permission model), or trusted (executed by tsx as it is). It is not started here.
 */
import { realpath, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isPoststackError, PoststackError } from '../errors.ts'
import type { FoundConfig } from './load/find.ts'
import { bundleConfig, listModules, writeBundle, type Bundle } from './load/bundle.ts'
import { guardFlags, hostsFor, readableFolders, visible } from './load/guarded.ts'
import { refuseOutside } from './load/reach.ts'
import { refuseQueries, trustedFlags } from './load/trusted.ts'
import { ownPackage, type OwnPackage } from './load/own-package.ts'
import { bundleOwn, ownProgram } from './load/own-program.ts'
import { bothPermissions, manifestPermissions, permissionsFrom, type Permissions } from './permissions.ts'
import { resolverFlag } from './child/resolver.ts'
import { jobVariable, type HandedStack, type OwnModules, type ScriptJob } from './child/script-protocol.ts'
import { addressesOf } from './handed.ts'
import { failureIn } from './script-failure.ts'
import { temporaryFolder } from './temporary.ts'

export interface Grants {
  /** What `permissions` is relative to, absolute. */
  readonly cwd: string
  readonly permissions: Permissions
  /** Everything is allowed. */
  readonly trusted: boolean
}

export interface ScriptRequest {
  /** Absolute path. */
  readonly file: string
  readonly args: readonly string[]
  /** Folder of the config: what a guarded script may read. */
  readonly root: string
  readonly grants: Grants
  /** The whole environment of the script. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Variables that it may read whatever is granted: those that lead to the stack. */
  readonly variables: Readonly<Record<string, string>>
  readonly stack: HandedStack
}

export interface PreparedScript {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the script says on descriptor 3. */
  readonly report: (text: string) => void
  /** Once it has ended: what it was not allowed to do, or could not do with the stack, when that has ended it. */
  readonly failure: () => PoststackError | undefined
  /** Removes what was made for it. */
  readonly close: () => Promise<void>
}

/** Fails with `SCRIPT_INVALID` when the file cannot be read or is no TypeScript, and with `CONFIG_INVALID` for wrong grants in package.json. */
export async function prepareScript(request: ScriptRequest): Promise<PreparedScript> {
  const script = { file: await existingScript(request.file), root: request.root }
  const folder = await temporaryFolder('script')
  const close = async (): Promise<void> => await rm(folder, { recursive: true, force: true })
  try {
    return { ...(await prepare(script, folder, request)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Its real path. Fails with `SCRIPT_INVALID` where there is no such file. */
export async function existingScript(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  if (found?.isFile() === true) return await realpath(file)
  const what = found === undefined ? 'there is no script' : 'not a file:'
  throw new PoststackError('SCRIPT_INVALID', `${what} ${file}`, {
    hint: 'Give the path of a TypeScript or JavaScript file.',
    details: { file },
  })
}

async function prepare(
  script: FoundConfig,
  folder: string,
  request: ScriptRequest,
): Promise<Omit<PreparedScript, 'close'>> {
  const own = ownPackage()
  const program = await ownProgram(own.scriptChild, own, folder)
  const outfile = join(folder, 'script.mjs')
  const { grants, root, stack } = request
  const manifest = await manifestPermissions(root)
  const granted = bothPermissions(manifest, permissionsFrom(grants.cwd, grants.permissions))
  const isDirect = grants.trusted || manifest.all === true
  const guarding = { config: script, granted, folders: [root, dirname(script.file), own.root], subject: 'script' }
  const bundle = await asScript(() =>
    bundleConfig(script, own, outfile, ({ inputs, reached }) =>
      isDirect ? refuseQueries(inputs, script) : refuseOutside(reached, guarding),
    ),
  )
  const modules = isDirect ? await ownModules(own, folder) : {}
  if (!isDirect) await writeBundle(bundle)
  // A script is for the services of the stack, so it may reach them whatever else is granted.
  const addresses = isDirect ? [] : Object.values(stack.services).flatMap(addressesOf)
  const folders = [...readableFolders(root, bundle.externals), folder, join(own.root, 'dist')]
  const job: ScriptJob = {
    url: pathToFileURL(isDirect ? script.file : outfile).href,
    file: script.file,
    needsRequire: bundle.needsRequire,
    modulesFile: isDirect ? await listModules(bundle, folder) : undefined,
    own: modules,
    guarded: !isDirect,
    mayStart: isDirect || granted.run === true,
    stack,
    ...(isDirect
      ? { withheld: [] }
      : { withheld: withheldFrom(granted, request), hosts: hostsFor(granted, addresses) }),
  }
  const flags = isDirect
    ? trustedFlags()
    : [...guardFlags({ ...granted, net: granted.net ?? addresses }, folders, process.versions.node), resolverFlag]
  const quiet = ['--enable-source-maps', '--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning']
  let said = ''
  return {
    program: process.execPath,
    args: [...flags, ...quiet, program, script.file, ...request.args],
    env: { ...(isDirect ? request.env : visible(request.env, job.withheld)), [jobVariable]: JSON.stringify(job) },
    report: (text) => {
      said += text
    },
    failure: () => failureIn(said, script, stack),
  }
}

/** What is wrong with a script is told as for a config, under codes of its own. */
async function asScript(bundle: () => Promise<Bundle>): Promise<Bundle> {
  try {
    return await bundle()
  } catch (error) {
    if (!isPoststackError(error) || (error.code !== 'CONFIG_FAILED' && error.code !== 'CONFIG_DENIED')) throw error
    const { cause, code, details, hint, message } = error
    const own = code === 'CONFIG_DENIED' ? 'SCRIPT_DENIED' : 'SCRIPT_INVALID'
    throw new PoststackError(own, message, { hint, details, cause })
  }
}

/** For what tsx executes as it is: a bundle has found our entries already. */
async function ownModules(own: OwnPackage, folder: string): Promise<OwnModules> {
  const entries = { poststack: own.entry, 'poststack/run': own.run }
  const made = Object.entries(entries).map(async ([name, entry], index) => {
    const commonJs = join(folder, `own-${String(index)}.cjs`)
    await bundleOwn(entry, commonJs)
    return [name, { url: pathToFileURL(entry).href, commonJs, always: name === 'poststack/run' }] as const
  })
  return Object.fromEntries(await Promise.all(made))
}

/** What drivers of PostgreSQL look at by themselves. */
const driverVariable = /^(?:PG[A-Z]+|USER|USERNAME)$/

function withheldFrom({ env }: Permissions, { env: present, variables }: ScriptRequest): readonly string[] {
  if (env === undefined || env === true) return []
  const may = new Set([...env, ...Object.keys(variables)])
  return Object.keys(present).filter((name) => !may.has(name) && !driverVariable.test(name))
}
