/**
 * Makes a data directory with its role and its database. All of it happens in a folder beside, which is renamed at the end: a run that
 * is cut off leaves a complete data directory or none.
 */
import { createHash, randomBytes } from 'node:crypto'
import { chown, lchown, mkdir, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writing } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { programFailed, runProgram } from '../exec.ts'
import type { ProgramRequest, ProgramResult } from '../exec.ts'
import type { Binaries } from './binaries.ts'
import { syncFolder } from './folders.ts'
import { listProcesses, readProcess, signalProcess } from './process.ts'
import type { ServerPlan } from './records.ts'
import { commandAs, shell } from './user.ts'
import type { RunAs } from './user.ts'

export interface ClusterRequest {
  /** Gets the folder `data`. */
  readonly volumeFolder: string
  readonly binaries: Binaries
  readonly server: ServerPlan
  readonly password: string
  readonly runAs: RunAs
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

const prefix = '.new-'

/** Makes `data` in the volume's folder. When another process has made one meanwhile, that one stays. */
export async function createCluster(request: ClusterRequest): Promise<void> {
  const { volumeFolder, signal, runAs } = request
  await clearAbandoned(volumeFolder, signal)
  const folder = join(volumeFolder, `${prefix}${await ownMark(signal)}-${randomBytes(4).toString('hex')}`)
  const data = join(folder, 'data')
  await writing(folder, async () => {
    await mkdir(folder, { mode: 0o700 })
    try {
      if (runAs.kind === 'user') await chown(folder, runAs.uid, runAs.gid)
      await initialise(request, folder)
      await allowPasswordLogins(request, data)
      await createDatabase(request, data)
      // The steps before wrote without waiting for the disk; now everything is to be there at once.
      await run(request, request.binaries.initdb, ['--sync-only', '-D', data])
      await rename(data, join(volumeFolder, 'data'))
      await syncFolder(volumeFolder)
    } catch (error) {
      if (!isCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    }
  })
}

/** Removes what runs that were killed have left, and ends the programs of theirs that still write there. */
export async function clearAbandoned(volumeFolder: string, signal: AbortSignal): Promise<void> {
  const entries = (await readdir(volumeFolder)).filter((name) => name.startsWith(prefix))
  const abandoned: string[] = []
  for (const name of entries) if (!(await makerLives(name, signal))) abandoned.push(join(volumeFolder, name))
  if (abandoned.length === 0) return
  const paths = await Promise.all(abandoned.map((path) => realpath(path).catch(() => path)))
  for (const process of await listProcesses(signal)) {
    const { commandLine, workFolder = '' } = process
    if (paths.some((path) => commandLine.includes(path) || workFolder.startsWith(path)))
      await signalProcess(process, 'SIGKILL', signal)
  }
  for (const path of abandoned)
    await writing(path, () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
}

/** True when the volume holds a data directory. */
export async function hasCluster(volumeFolder: string): Promise<boolean> {
  const found = await stat(join(volumeFolder, 'data')).catch(() => undefined)
  return found !== undefined
}

async function initialise(request: ClusterRequest, folder: string): Promise<void> {
  const { server, password, runAs } = request
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
  if (runAs.kind === 'user') await lchown(passwordFile, runAs.uid, runAs.gid)
  const major = server.postgres.version
  // The same order of text on every machine, whatever its libraries.
  const locale = ['--locale=C', ...(major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : [])]
  const login = ['-U', server.postgres.user, '-A', 'scram-sha-256', '--pwfile', passwordFile]
  const args = ['-D', join(folder, 'data'), ...login, '-E', 'UTF8', ...locale, '--no-sync']
  await run(request, request.binaries.initdb, args)
  await rm(passwordFile)
}

/** By itself PostgreSQL lets in who comes from this machine only; which addresses it listens on is the setting that counts. */
async function allowPasswordLogins(request: ClusterRequest, data: string): Promise<void> {
  const kinds = ['local all', 'host  all', 'local replication', 'host  replication']
  const lines = kinds.map((kind) => `${kind} all ${kind.startsWith('host') ? 'all ' : ''}scram-sha-256`)
  const text = `# type database user [address] method\n${lines.join('\n')}\n`
  const file = join(data, 'pg_hba.conf')
  if (request.runAs.kind !== 'user') await writeFile(file, text)
  // As the user whose folder it is: root would follow a link that somebody put there.
  else await run(request, shell, ['-c', 'printf %s "$1" >"$0"', file, text])
}

/** Without a server, so that nobody can connect before the database is there. */
async function createDatabase(request: ClusterRequest, data: string): Promise<void> {
  const { database } = request.server.postgres
  if (database === 'postgres') return
  // With -j a statement ends at a semicolon and an empty line.
  const statement = `CREATE DATABASE "${database.replaceAll('"', '""')}";\n\n`
  const args = ['--single', '-j', '-F', '-D', data, 'postgres']
  const result = await run(request, request.binaries.postgres, args, { input: statement })
  const refused = result.lastLines.find((line) => /\b(?:ERROR|FATAL|PANIC):/.test(line))
  if (refused !== undefined)
    throw new PoststackError('ENGINE_REFUSED', `The database "${database}" could not be made: ${refused}`, {
      details: { database, output: result.lastLines },
    })
}

async function run(
  request: ClusterRequest,
  program: string,
  args: readonly string[],
  more: { readonly input?: string } = {},
): Promise<ProgramResult> {
  const call: ProgramRequest = {
    ...commandAs(request.runAs, program, args),
    ...more,
    env: { ...request.env, ...request.binaries.env },
    cwd: request.volumeFolder,
    hide: (text) => text.replaceAll(request.password, '***'),
    signal: request.signal,
    ownGroup: true,
    timeoutMs: 120_000,
  }
  const result = await runProgram(call)
  if (result.exitCode !== 0) throw programFailed('ENGINE_REFUSED', call, result)
  return result
}

/** Names the process that makes a folder, for others to see whether it still does. */
async function ownMark(signal: AbortSignal): Promise<string> {
  const own = await readProcess(process.pid, signal)
  return `${String(process.pid)}-${digest(own?.started ?? '')}`
}

async function makerLives(name: string, signal: AbortSignal): Promise<boolean> {
  const [pid = '', started = ''] = name.slice(prefix.length).split('-')
  const maker = await readProcess(Number(pid), signal)
  return maker !== undefined && digest(maker.started) === started
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
