/**
 * Which user the server runs as. PostgreSQL refuses to run as root, and its data must belong to the user it runs as; so the owner
 * of an existing data directory decides, and the answer is the same at each start.
 */
import { chmod, chown, lchown, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isPoststackError, PoststackError } from '../errors.ts'
import { runProgram } from './exec.ts'
import type { ProgramResult } from './exec.ts'
import type { NativeFolders } from './native-folders.ts'

/**
 * `self`: as we are. `namespace`: root looks like an ordinary user to the program, and the files stay root's; nothing changes owner and
 * the project may lie in root's private home. `user`: another user, who must own the data and reach its folder.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'namespace' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }

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

/** `nobody` on every Linux: PostgreSQL wants a user that has a name. */
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

/** For a new data directory. `probe` is a program that must run as that user. */
export async function userForNew(probe: string, surroundings: Surroundings): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { kind: 'self' }
  const project = await stat(surroundings.folders.root)
  // With sudo in somebody's project: the data are to be theirs.
  if (project.uid !== 0 && (await answer('id', ['-un', String(project.uid)], surroundings)) !== undefined)
    return { kind: 'user', uid: project.uid, gid: project.gid }
  const command = commandAs({ kind: 'namespace' }, probe, ['--version'])
  if ((await answer(command.program, command.args, surroundings)) !== undefined) return { kind: 'namespace' }
  return ordinaryUser(surroundings)
}

/** For a data directory that is there: the one that can use it. */
export async function userForExisting(data: string): Promise<RunAs> {
  const { uid, gid } = await stat(data)
  const own = process.getuid?.()
  if (own === undefined || (own === uid && own !== 0)) return { kind: 'self' }
  if (own === 0) return uid === 0 ? { kind: 'namespace' } : { kind: 'user', uid, gid }
  throw new PoststackError('ENGINE_REFUSED', `The data in ${data} belongs to another user (uid ${String(uid)}).`, {
    hint: 'Run the command as that user, or make the data yours while no server runs: `sudo chown -R "$(id -u)" .poststack` in the project.',
    details: { data, owner: uid, user: own },
  })
}

/** What takes the place of the namespace when the machine does not allow one (any longer): `nobody`, and the data become theirs. */
export async function ordinaryUser(surroundings: Surroundings): Promise<Extract<RunAs, { kind: 'user' }>> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((option) => answer('id', [option, 'nobody'], surroundings)))
  if (uid === undefined || gid === undefined)
    throw new PoststackError(
      'ENGINE_REFUSED',
      'PostgreSQL does not run as root, and there is no other user to run it as.',
      {
        hint: 'Run the command as an ordinary user, or make a user "nobody".',
      },
    )
  return { kind: 'user', uid: Number(uid), gid: Number(gid) }
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
  program: string,
  args: readonly string[],
  { env, signal }: Surroundings,
): Promise<string | undefined> {
  let result: ProgramResult
  try {
    result = await runProgram({ program, args, env, signal, timeoutMs: 10_000 })
  } catch (error) {
    if (isPoststackError(error) && (error.code === 'RUNTIME_MISSING' || error.code === 'ENGINE_REFUSED'))
      return undefined
    throw error
  }
  return result.exitCode === 0 ? result.stdout.trim() : undefined
}
