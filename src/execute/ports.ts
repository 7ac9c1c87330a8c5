/**
 * Host ports that something else holds, found out before anything is started.
 */
import { createSocket } from 'node:dgram'
import { createServer, isIPv6 } from 'node:net'
import { interruption, pause, throwIfAborted } from '../abort.ts'
import type { HostPort } from '../plan/reconcile/held-ports.ts'

/** A port that something has, and who, where that is known. */
export interface HeldPort extends HostPort {
  readonly holder: string | undefined
}

export interface BusyPortsOptions {
  readonly signal: AbortSignal
  /** Names who holds a port, if that can be found out. */
  readonly holder: (port: HostPort) => Promise<string | undefined>
}

/**
 * Tries to have each port for a moment, and returns those that another socket has already, in the order given.
 *
 * Only that counts as busy. A port below 1024 that this user may not open (EACCES) may well be open to the engine, and an address
 * that this machine does not have (EADDRNOTAVAIL) is held by nobody: both are left for the engine to refuse in its own words.
 */
export async function busyPorts(wanted: readonly HostPort[], options: BusyPortsOptions): Promise<HeldPort[]> {
  const chains = new Map<string, Promise<unknown>>()
  const looks = wanted.map((port) => {
    // Of one number, one address at a time: two tries of our own would stand in each other's way.
    const key = `${String(port.host)} ${port.protocol ?? 'tcp'}`
    const look = (chains.get(key) ?? Promise.resolve()).then(() => isBusy(port, options.signal))
    chains.set(
      key,
      look.catch(() => undefined),
    )
    return look
  })
  const busy = await Promise.all(looks)
  const held = wanted.filter((_, index) => busy[index])
  return Promise.all(held.map(async (port) => ({ ...port, holder: await nameHolder(port, options) })))
}

const attempts = 3
const retryMs = 30

async function isBusy({ host, hostAddress, protocol }: HostPort, signal: AbortSignal): Promise<boolean> {
  const isTaken = protocol === 'udp' ? isTakenOfUdp : isTakenOfTcp
  for (const address of addresses(hostAddress)) {
    throwIfAborted(signal)
    for (let left = attempts; await isTaken(host, address); left -= 1) {
      if (left === 1) return true
      // Another Poststack may be trying the same port just now; it lets go at once.
      await pause(retryMs, signal)
    }
  }
  return false
}

/** BSD and macOS let a socket have every address while another one has 127.0.0.1: there both have to be tried. */
function addresses(hostAddress: string): readonly string[] {
  const plain = hostAddress.replace(/^\[(.*)\]$/, '$1')
  if (plain === '0.0.0.0' || plain === '') return ['0.0.0.0', '127.0.0.1']
  return plain === '::' ? ['::', '::1'] : [plain]
}

function isTakenOfTcp(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE')
    })
    // `exclusive`: in a worker of a cluster the socket would be the primary's. `ipv6Only`: "::" must not stand for IPv4 too.
    server.listen({ port, host, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(false)))
  })
}

function isTakenOfUdp(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address) })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code === 'EADDRINUSE')
    })
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(false)))
  })
}

async function nameHolder(port: HostPort, { holder, signal }: BusyPortsOptions): Promise<string | undefined> {
  try {
    return await holder(port)
  } catch {
    if (signal.aborted) throw interruption(signal)
    // That the port is busy matters more than that the name of its holder could not be found out.
    return undefined
  }
}
