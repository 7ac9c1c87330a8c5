/**
 * Which process is a server of ours. An id alone never proves anything (see `process-identity`): a server is known
 * by its start time, by the mark on its command line, and by the data directory that it works in.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { isCode } from '../../errors.ts'
import { runProgram } from '../exec.ts'
import { bootId, parseStat } from '../process-identity.ts'

/** A process that lives. */
export interface LiveProcess {
  readonly pid: number
  /** Differs between two processes that had the same id, also across a restart of the machine. */
  readonly started: string
  /** Program and arguments with a space between; readable for all users' processes. */
  readonly commandLine: string
  /** Real path of the folder it works in; absent where the system does not tell. */
  readonly workFolder: string | undefined
}

/** What a server of ours is known by. */
export interface ServerMark {
  /** The container's id: stands on the server's command line. */
  readonly id: string
  /** Real path of the data directory. */
  readonly data: string
}

const markName = 'poststack.container='
const linux = process.platform === 'linux'

/** Setting that marks a server with its container's id. PostgreSQL accepts any setting whose name has a prefix. */
export function markSetting(id: string): string {
  return `${markName}${id}`
}

/** True if this process is a server that Poststack started, whichever. */
export function isServerOfOurs(process: LiveProcess): boolean {
  return process.commandLine.includes(` -c ${markName}`)
}

/** The folder of the project whose data this process serves, if it is a server of ours. */
export function projectOf(process: LiveProcess): string | undefined {
  if (!isServerOfOurs(process)) return undefined
  const data = process.workFolder ?? / -D (.+?) -c /.exec(process.commandLine)?.[1]
  return /^(.+)\/\.poststack\/native\/volumes\/[^/]+\/data$/.exec(data ?? '')?.[1]
}

/** True if this process works on this data directory. A PostgreSQL server and its children stand in it. */
export function worksOn(process: LiveProcess, data: string): boolean {
  if (process.workFolder !== undefined) return process.workFolder === data
  return `${process.commandLine} `.includes(` -D ${data} `)
}

/** True if this process is the server of this container on this data directory. Both: a copied project has the same id elsewhere. */
export function isServer(process: LiveProcess, mark: ServerMark): boolean {
  return process.commandLine.includes(markSetting(mark.id)) && worksOn(process, mark.data)
}

/** True for a process that was killed and is being taken apart: its memory is gone, and its arguments with it. */
export function isEnding(process: LiveProcess): boolean {
  return process.commandLine === ''
}

export async function readProcess(pid: number, signal: AbortSignal): Promise<LiveProcess | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined
  return linux ? readFromProc(pid) : (await listByPs(['-p', String(pid)], signal))[0]
}

/** A process that has ended, but still holds its number until its parent has asked how: PostgreSQL takes it for alive. */
export async function isUnreaped(pid: number, signal: AbortSignal): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 1 || (await readProcess(pid, signal)) !== undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Every process that can be seen. */
export async function listProcesses(signal: AbortSignal): Promise<readonly LiveProcess[]> {
  if (!linux) return listByPs(['-ax'], signal)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const all = await Promise.all(pids.map(readFromProc))
  return all.filter((one) => one !== undefined)
}

/** Sends a signal to exactly this process; false when it has ended meanwhile. */
export async function signalProcess(
  target: LiveProcess,
  name: 'SIGINT' | 'SIGQUIT' | 'SIGKILL',
  signal: AbortSignal,
): Promise<boolean> {
  const now = await readProcess(target.pid, signal)
  if (now?.started !== target.started) return false
  try {
    process.kill(target.pid, name)
    return true
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false
    throw error
  }
}

/** A line of `ps -o pid=,state=,lstart=,command=`; undefined for zombies and whatever else is not a living process. */
export function parsePsLine(line: string): LiveProcess | undefined {
  const found = /^\s*(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]{8}\s+\d{4})\s+(.*)$/.exec(line)
  if (found === null) return undefined
  const [, pid = '', state = '', started = '', commandLine = ''] = found
  return state.startsWith('Z') ? undefined : { pid: Number(pid), started, commandLine, workFolder: undefined }
}

async function readFromProc(pid: number): Promise<LiveProcess | undefined> {
  const folder = `/proc/${String(pid)}`
  try {
    const [stat, command, workFolder] = await Promise.all([
      readFile(`${folder}/stat`, 'utf8'),
      readFile(`${folder}/cmdline`, 'utf8'),
      // Another user's process does not tell.
      readlink(`${folder}/cwd`).catch(() => undefined),
    ])
    const state = parseStat(stat)
    if (!state.alive) return undefined
    const commandLine = command.replaceAll('\0', ' ').trimEnd()
    return { pid, started: `${(await bootId()) ?? ''}:${state.started ?? ''}`, commandLine, workFolder }
  } catch (error) {
    // ESRCH: it ended while it was being read.
    if (isCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

async function listByPs(selection: readonly string[], signal: AbortSignal): Promise<readonly LiveProcess[]> {
  const { stdout } = await runProgram({
    program: 'ps',
    args: ['-ww', ...selection, '-o', 'pid=,state=,lstart=,command='],
    // Without a fixed language and zone the same moment would read differently in two shells; without UTF-8, paths would be garbled.
    env: { PATH: '/bin:/usr/bin', LANG: 'C', LC_CTYPE: process.platform === 'darwin' ? 'UTF-8' : 'C.UTF-8', TZ: 'UTC' },
    signal,
    timeoutMs: 10_000,
  })
  return stdout
    .split('\n')
    .map(parsePsLine)
    .filter((one) => one !== undefined)
}
