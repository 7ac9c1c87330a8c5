/**
 * Who a process is, exactly enough to tell later whether that very process still lives. A process id alone is not:
 * the system hands it out again.
 */
import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { isCode } from '../errors.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** When it started: clock ticks since boot on Linux, a date elsewhere. Absent where the system does not tell. */
  readonly started: string | undefined
  /** Id of this boot of Linux, without which its start times mean nothing. Elsewhere start times are dates, and it is absent. */
  readonly boot: string | undefined
  /** Linux's pid namespace: the same number is another process in another container. */
  readonly space: string | undefined
  readonly host: string
}

/** The identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const { boot, space } = await surroundings()
  const state = await processState(process.pid)
  return {
    pid: process.pid,
    started: state.alive ? state.started : undefined,
    boot,
    space,
    host: hostname(),
  }
}

/**
 * True only when it is certain that this very process has ended. What cannot be judged from here (another host, another
 * container) counts as alive: better to wait for a process that is gone than to work beside one that is not.
 */
export async function isDead(identity: ProcessIdentity): Promise<boolean> {
  const here = await surroundings()
  const sameHost = identity.host === hostname()
  // One boot is one machine, whatever it calls itself today: laptops change their name with the network.
  if (identity.boot !== here.boot) return sameHost
  if (identity.boot === undefined && !sameHost) return false
  if (identity.space !== here.space) return false
  const state = await processState(identity.pid)
  if (!state.alive) return true
  return identity.started !== undefined && state.started !== undefined && identity.started !== state.started
}

/** Reads a line of `/proc/<pid>/stat`. The program's name stands in brackets and may itself hold spaces and brackets. */
export function parseStat(text: string): ProcessState {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // The list begins with field 3, the state; the start time is field 22. A zombie has ended: only its parent has not asked yet.
  const ended = fields[0] === 'Z' || fields[0] === 'X'
  return ended ? { alive: false } : { alive: true, started: fields[19] }
}

/** Linux counts start times from the start of the machine, which this tells apart. */
export async function bootId(): Promise<string | undefined> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined)
  return text?.trim()
}

type ProcessState = { readonly alive: false } | { readonly alive: true; readonly started: string | undefined }

async function processState(pid: number): Promise<ProcessState> {
  if (process.platform === 'linux') {
    try {
      return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'))
    } catch (error) {
      // ESRCH: it ended while the file was being read.
      if (isCode(error, 'ENOENT', 'ESRCH')) return { alive: false }
    }
  }
  if (!answersSignal(pid)) return { alive: false }
  return { alive: true, started: process.platform === 'win32' ? undefined : await startedByPs(pid) }
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return !isCode(error, 'ESRCH')
  }
}

async function startedByPs(pid: number): Promise<string | undefined> {
  try {
    // Without a fixed locale and zone the same moment would read differently in two shells.
    const environment = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { env: environment })
    return stdout.trim() === '' ? undefined : stdout.trim()
  } catch {
    return undefined
  }
}

async function surroundings(): Promise<Pick<ProcessIdentity, 'boot' | 'space'>> {
  if (process.platform !== 'linux') return { boot: undefined, space: undefined }
  const [boot, space] = await Promise.all([bootId(), readlink('/proc/self/ns/pid').catch(() => undefined)])
  return { boot, space }
}
