/**
 * Who has a port of this machine: for the message that says why a service cannot have it.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { isPoststackError } from '../errors.ts'
import { runProgram } from './exec.ts'
import { projectOf, readProcess } from './native/process.ts'

/**
 * The process that has a port of any address, of TCP one that listens, as text for people: `process postgres (pid 123)`, a server of ours with the
 * folder of its project, or `another process` when it is another user's. Undefined when nothing listens, or the system does not tell.
 */
export async function processHoldingPort(
  port: number,
  signal: AbortSignal,
  protocol: Protocol = 'tcp',
): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const tables = [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].map((path) =>
      readFile(path, 'utf8').catch(() => ''),
    )
    const sockets = listeningSockets((await Promise.all(tables)).join('\n'), port, protocol)
    if (sockets.size === 0) return undefined
    const found = await processWithSocket(sockets)
    return found === undefined ? 'another process' : await described(found, signal)
  }
  const found = await holderByLsof(port, signal, protocol)
  return found === undefined ? undefined : await described(found, signal)
}

type Protocol = 'tcp' | 'udp'

interface Holder {
  readonly program: string
  readonly pid: number
}

async function described({ program, pid }: Holder, signal: AbortSignal): Promise<string> {
  const server = await readProcess(pid, signal)
  const project = server === undefined ? undefined : projectOf(server)
  return project === undefined
    ? `process ${program} (pid ${String(pid)})`
    : `the native PostgreSQL of the stack in ${project} (pid ${String(pid)})`
}

/** Inode numbers of the sockets that keep others from a port, out of `/proc/net/tcp` or `/proc/net/udp`. */
export function listeningSockets(table: string, port: number, protocol: Protocol = 'tcp'): ReadonlySet<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = table.split('\n').flatMap((line) => {
    // sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode
    const fields = line.trim().split(/\s+/)
    // Nobody listens on UDP: each socket there has its port for itself.
    const listens = (protocol === 'udp' || fields[3] === '0A') && fields[1]?.endsWith(`:${hexPort}`) === true
    return listens && fields[9] !== undefined ? [fields[9]] : []
  })
  return new Set(inodes)
}

/** The first process in `lsof -Fpc` output: lines `p<pid>` and `c<command>`. */
export function parseLsof(output: string): Holder | undefined {
  const lines = output.split('\n')
  const pid = lines.find((line) => /^p\d+$/.test(line))?.slice(1)
  const program = lines.find((line) => line.startsWith('c'))?.slice(1)
  return pid === undefined ? undefined : { program: program ?? 'unknown', pid: Number(pid) }
}

async function processWithSocket(inodes: ReadonlySet<string>): Promise<Holder | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  // From the lowest: children inherit the sockets of the server that opened them.
  for (const pid of pids.toSorted((one, other) => Number(one) - Number(other))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')))
    const holds = links.some((link) => link.startsWith('socket:[') && inodes.has(link.slice(8, -1)))
    if (!holds) continue
    return { program: await programOf(pid), pid: Number(pid) }
  }
  return undefined
}

/** The program's file. Programs name their threads as they like, and Node 24 calls itself `MainThread`. */
async function programOf(pid: string): Promise<string> {
  const file = await readlink(`/proc/${pid}/exe`).catch(() => '')
  if (file !== '') return basename(file.replace(/ \(deleted\)$/, ''))
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'unknown')
  return name.trim()
}

async function holderByLsof(port: number, signal: AbortSignal, protocol: Protocol): Promise<Holder | undefined> {
  const which = protocol === 'tcp' ? [`-iTCP:${String(port)}`, '-sTCP:LISTEN'] : [`-iUDP:${String(port)}`]
  try {
    const { stdout } = await runProgram({
      program: 'lsof',
      args: ['-nP', ...which, '-Fpc'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      signal,
      timeoutMs: 5_000,
    })
    return parseLsof(stdout)
  } catch (error) {
    // A better message is all that is lost.
    if (isPoststackError(error) && error.code !== 'INTERRUPTED' && error.code !== 'TERMINATED') return undefined
    throw error
  }
}
