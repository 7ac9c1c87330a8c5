/**
 * Which user the server runs as. PostgreSQL refuses to run as root, and its data must belong to the user it runs as; so the owner
 * of an existing data directory decides, and the answer is the same at each start.
 */
import { chmod, chown, lchown, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writing } from '../../config/state-folder.ts'
import { isCode, isPoststackError, PoststackError } from '../../errors.ts'
import { runProgram } from '../exec.ts'
import { findProgram } from '../find-program.ts'
import type { ProgramRequest, ProgramResult } from '../exec.ts'
import type { Binaries } from './binaries.ts'
import type { NativeFolders } from './folders.ts'

/**
 * `self`: as we are. `user`: another user, who must own the data and reach its folder. `namespace`: root looks like an ordinary user to
 * the program, and the files stay root's; the project may lie in root's private home, but nothing keeps the program from root's files.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'namespace' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }

type OtherUser = Extract<RunAs, { kind: 'user' }>

export interface Surroundings {
  readonly folders: NativeFolders
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

/** Where PostgreSQL itself looks for it. What we ask of it is its own, and needs no other program. */
export const shell = '/bin/sh'

/** `nobody` on every Linux: PostgreSQL wants a user that has a name. It is who root seems to be in the namespace. */
const nobody = '65534'

export function commandAs(runAs: RunAs, program: string, args: readonly string[]): Command {
  switch (runAs.kind) {
    case 'self':
      return { program, args }
    case 'namespace':
      return {
        program: 'unshare',
        args: ['--user', `--map-user=${nobody}`, `--map-group=${nobody}`, '--', program, ...args],
      }
    case 'user':
      return { program, args, uid: runAs.uid, gid: runAs.gid }
  }
}

/**
 * For a new data directory, and opens the way there. Another user wherever that works; the namespace is second choice, because behind it
 * the server still is root: what its SQL can read, write and run (`COPY ... PROGRAM`), root can.
 */
export async function userForNew(
  binaries: Pick<Binaries, 'postgres' | 'env'>,
  surroundings: Surroundings,
  volumeFolder: string,
): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { kind: 'self' }
  const probe = { program: binaries.postgres, args: ['--version'], env: { ...surroundings.env, ...binaries.env } }
  const runs = async (runAs: RunAs) =>
    (await answer({ ...probe, ...commandAs(runAs, probe.program, probe.args) }, surroundings)) !== undefined
  for await (const user of otherUsers(surroundings)) {
    if (
      (await closedTo(user, await projectFolders(surroundings), surroundings)) !== undefined ||
      !(await mayOwn(user, volumeFolder))
    )
      continue
    await openWay(user, surroundings, volumeFolder)
    if (await runs(user)) return user
  }
  if (await runs({ kind: 'namespace' })) return { kind: 'namespace' }
  const user = await ordinaryUser(binaries, surroundings)
  await openWay(user, surroundings, volumeFolder)
  return user
}

/** For a data directory that is there: the one that can use it. */
export async function userForExisting(data: string, surroundings: Surroundings): Promise<RunAs> {
  const { uid, gid } = await stat(data)
  const own = process.getuid?.()
  if (own === undefined || (own === uid && own !== 0)) return { kind: 'self' }
  if (own === 0) {
    if (uid === 0) return { kind: 'namespace' }
    // Root's group is not handed on, whatever group the folder has.
    return gid === 0
      ? ((await userNamed(String(uid), surroundings)) ?? { kind: 'user', uid, gid })
      : { kind: 'user', uid, gid }
  }
  throw new PoststackError('ENGINE_REFUSED', `The data in ${data} belongs to another user (uid ${String(uid)}).`, {
    hint: 'Run the command as that user, or make the data yours while no server runs: `sudo chown -R "$(id -u)" .poststack` in the project.',
    details: { data, owner: uid, user: own },
  })
}

/**
 * What takes the place of the namespace when the machine does not allow one (any longer): the data become this user's, who must get at
 * them and at the programs.
 */
export async function ordinaryUser(
  { postgres }: Pick<Binaries, 'postgres'>,
  surroundings: Surroundings,
): Promise<OtherUser> {
  const folders = [...(await projectFolders(surroundings)), dirname(postgres)]
  let closed: string | undefined
  for await (const user of otherUsers(surroundings)) {
    const folder = await closedTo(user, folders, surroundings)
    if (folder === undefined) return user
    closed ??= folder
  }
  throw closed === undefined ? await noUser(surroundings) : await noWay(closed, surroundings)
}

/** Fails with `PROGRAM_MISSING` or `RUNTIME_MISSING` where a new server would have nobody to run as. Changes nothing. */
export async function requireUser(binaries: Pick<Binaries, 'postgres'>, surroundings: Surroundings): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { env } = surroundings
  const looks = commandAs({ kind: 'namespace' }, process.execPath, ['--version'])
  if ((await answer({ ...looks, env }, surroundings)) === undefined) await ordinaryUser(binaries, surroundings)
}

async function noUser({ env }: Surroundings): Promise<PoststackError> {
  if ((await findProgram('id', env)) === undefined)
    return new PoststackError(
      'PROGRAM_MISSING',
      'PostgreSQL does not run as root, and there is no program "id" on PATH to look for another user with.',
      { hint: 'Install it (package coreutils), or run the command as an ordinary user.', details: { program: 'id' } },
    )
  return new PoststackError(
    'RUNTIME_MISSING',
    'PostgreSQL does not run as root, and there is no other user to run it as.',
    { hint: 'Run the command as an ordinary user, or make a user "nobody".' },
  )
}

/** Where root alone gets at the project, the namespace is the only way. */
async function noWay(closed: string, { env }: Surroundings): Promise<PoststackError> {
  const missing = (await findProgram('unshare', env)) === undefined
  const start = `PostgreSQL does not run as root, other users may not enter ${closed}, and`
  const others = [
    `Or let others pass through that folder: chmod o+x ${closed}`,
    'Or move the project to where they may, or run the command as an ordinary user.',
  ]
  return new PoststackError(
    missing ? 'PROGRAM_MISSING' : 'RUNTIME_MISSING',
    missing
      ? `${start} there is no program "unshare" on PATH to hide from the server that it is root.`
      : `${start} this machine does not allow a user namespace that hides from the server that it is root.`,
    {
      hint: [missing ? 'Install it (package util-linux).' : 'Allow user namespaces.', ...others].join('\n'),
      details: { folder: closed, ...(missing ? { program: 'unshare' } : {}) },
    },
  )
}

/** Who may be asked, best first. With sudo in somebody's project the data are to be theirs; `nobody` is what others run as too. */
async function* otherUsers(surroundings: Surroundings): AsyncGenerator<OtherUser> {
  const { uid } = await stat(surroundings.folders.root)
  for (const name of [String(uid), 'postgres', 'nobody']) {
    const user = await userNamed(name, surroundings)
    if (user !== undefined && user.uid !== 0 && user.gid !== 0) yield user
  }
}

/** A user by name or number; undefined where it has no name, for PostgreSQL wants one. */
async function userNamed(name: string, surroundings: Surroundings): Promise<OtherUser | undefined> {
  const ask = (option: string) => answer({ program: 'id', args: [option, name], env: surroundings.env }, surroundings)
  const [known, uid, gid] = await Promise.all(['-un', '-u', '-g'].map(ask))
  if (known === undefined || uid === undefined || gid === undefined) return undefined
  return { kind: 'user', uid: Number(uid), gid: Number(gid) }
}

/** Up to our own private folders, through which a way can be opened. `.poststack` may be a link to another disk. */
async function projectFolders({ folders: { root, state } }: Surroundings): Promise<readonly string[]> {
  return [root, dirname(await realpath(state).catch(() => state))]
}

/** The uppermost folder on the way to one of these that the user may not enter. */
async function closedTo(
  user: OtherUser,
  folders: readonly string[],
  surroundings: Surroundings,
): Promise<string | undefined> {
  const { env } = surroundings
  const script = 'for folder do test -x "$folder" || { printf %s "$folder"; exit 0; }; done'
  const way = [...new Set(folders.flatMap(wayTo))]
  const said = await answer({ ...commandAs(user, shell, ['-c', script, shell, ...way]), env }, surroundings)
  return said === undefined ? folders[0] : said === '' ? undefined : said
}

/** From the root of all down to the folder. */
function wayTo(folder: string): readonly string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [...wayTo(above), folder]
}

/** Some file systems and containers let not even root give a folder away. */
async function mayOwn(user: OtherUser, volumeFolder: string): Promise<boolean> {
  // In the words of an abandoned data directory, so that it is cleared away when we are killed here.
  const folder = await writing(volumeFolder, () => mkdtemp(join(volumeFolder, '.new-0-')))
  try {
    await chown(folder, user.uid, user.gid)
    return true
  } catch (error) {
    // Another start at the same time has cleared it away.
    return isCode(error, 'ENOENT')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Lets the user pass through our private folders to their data. Only passing is allowed: nothing can be listed there. */
export async function openWay(runAs: RunAs, { folders }: Surroundings, volumeFolder: string): Promise<void> {
  if (runAs.kind !== 'user' || process.getuid?.() !== 0) return
  for (const folder of [folders.state, folders.base, folders.volumes, volumeFolder])
    if ((await stat(folder)).uid !== runAs.uid) await chmod(folder, 0o711)
}

/** Gives a folder with all in it to the user. Links are given away, never followed. */
export async function giveTo(runAs: RunAs, folder: string): Promise<void> {
  if (runAs.kind !== 'user' || process.getuid?.() !== 0) return
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await giveTo(runAs, path)
    else await lchown(path, runAs.uid, runAs.gid)
  }
  await chown(folder, runAs.uid, runAs.gid)
}

/** What a program says when it ends well; undefined when it is missing or fails. */
async function answer(
  call: Pick<ProgramRequest, 'program' | 'args' | 'env' | 'uid' | 'gid'>,
  { signal }: Surroundings,
): Promise<string | undefined> {
  let result: ProgramResult
  try {
    result = await runProgram({ ...call, signal, ownGroup: true, timeoutMs: 10_000 })
  } catch (error) {
    if (isPoststackError(error) && (error.code === 'RUNTIME_MISSING' || error.code === 'ENGINE_REFUSED'))
      return undefined
    throw error
  }
  return result.exitCode === 0 ? result.stdout.trim() : undefined
}
