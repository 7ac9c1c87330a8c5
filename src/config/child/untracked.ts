/** Has it told when a config asks for something that nobody can ask for again: the clock, chance, the machine, the disk, the network, programs. */
import crypto, { webcrypto } from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import fs from 'node:fs'
import nodeModule from 'node:module'
import { Server, Socket } from 'node:net'
import os from 'node:os'
import vm from 'node:vm'
import { isFollowed } from '../builtins.ts'
import { functionsOf, replaceGetter, replaceIn, replacement, watchProperty } from './replace.ts'

/** `'project'` for what packages may do, `'anyone'` for what Node never does for itself, and does long after it was asked to. */
export type Note = (what: string, whose?: 'project' | 'anyone') => void

const clock = 'reads the clock'
const chance = 'asks for random values'

export function watchClockAndChance(note: Note): void {
  const RealDate = Date
  RealDate.now = replacement(RealDate.now.bind(RealDate), () => note(`${clock} (Date.now)`))
  const watched = new Proxy(RealDate, {
    apply(target, self, words) {
      note(`${clock} (Date)`)
      return Reflect.apply(target, self, words) as string
    },
    construct(target, words, newTarget) {
      if (words.length === 0) note(`${clock} (new Date)`)
      return Reflect.construct(target, words, newTarget) as Date
    },
  })
  RealDate.prototype.constructor = watched
  globalThis.Date = watched
  const readClock = (name: string): void => note(`${clock} (${name})`)
  const stamps = ['now', 'mark', 'measure', 'toJSON', 'eventLoopUtilization', 'getEntries', 'getEntriesByName']
  replaceIn(performance, [...stamps, 'getEntriesByType'], 'performance', readClock)
  for (const holder of [performance, Object.getPrototypeOf(performance) as object])
    for (const name of ['timeOrigin', 'nodeTiming']) watchProperty(holder, name, () => readClock(`performance.${name}`))
  watchProperty(Event.prototype, 'timeStamp', () => readClock('Event.timeStamp'))
  watchProperty(File.prototype, 'lastModified', () => readClock('File.lastModified'))
  const times = ['hrtime', 'uptime', 'cpuUsage', 'threadCpuUsage', 'resourceUsage', 'memoryUsage']
  replaceIn(process, times, 'process', readClock)
  watchFormats(note)
  replaceIn(Math, ['random'], 'Math', (name) => note(`${chance} (${name})`))
  const generators = functionsOf(crypto).filter((name) =>
    /^(?:random|generate|pseudo|sign$|create(?:Sign|ECDH|Diffie))/.test(name),
  )
  replaceIn(crypto, generators, 'crypto', (name) => note(`${chance} (${name})`))
  replaceIn(webcrypto, ['getRandomValues', 'randomUUID'], 'crypto', (name) => note(`${chance} (${name})`))
  replaceIn(webcrypto.subtle, ['generateKey'], 'crypto.subtle', (name) => note(`${chance} (${name})`))
  // Code in a realm of its own has a clock of its own.
  replaceIn(vm, ['createContext', 'runInNewContext'], 'vm', (name) => note(`runs code apart (${name})`))
}

/** Without a date they take the time that it is. */
function watchFormats(note: Note): void {
  const { prototype } = Intl.DateTimeFormat
  const told = (name: string, words: readonly unknown[]): void => {
    if (words[0] === undefined) note(`${clock} (${name})`)
  }
  replaceGetter(prototype, 'format', (format) =>
    replacement(format as Intl.DateTimeFormat['format'], (words) => told('Intl.DateTimeFormat.format', words)),
  )
  replaceIn(prototype, ['formatToParts'], 'Intl.DateTimeFormat', told)
}

export function watchMachine(note: Note): void {
  // Packages look at these for what is no part of a result.
  const askIdentity = (name: string): void => note(`asks for the machine (${name})`, 'project')
  for (const name of ['pid', 'ppid', 'execPath', 'report'])
    watchProperty(process, name, () => askIdentity(`process.${name}`))
  const identity = ['umask', 'getuid', 'geteuid', 'getgid', 'getegid', 'getgroups']
  replaceIn(process, identity, 'process', askIdentity)
  const disk = (name: string): void => note(`reads the disk by itself (${name}); readText() and glob() would be known`)
  replaceIn(fs, functionsOf(fs), 'fs', disk)
  replaceIn(fs.promises, functionsOf(fs.promises), 'fs.promises', disk)
  // What is imported is known, but for what is loaded so.
  replaceIn(nodeModule, ['createRequire'], 'module', (name) => note(`loads modules by itself (${name})`, 'project'))
  replaceIn(process, ['getBuiltinModule'], 'process', (_, [name]) => {
    if (!isFollowed(String(name))) note(`loads ${String(name)}, and that may answer differently each time`)
  })
  const machine = functionsOf(os).filter((name) => !['arch', 'endianness', 'platform', 'type'].includes(name))
  const askMachine = (name: string): void => note(`asks for the machine (${name})`)
  replaceIn(os, machine, 'os', askMachine)
  replaceIn(process, ['availableMemory', 'constrainedMemory'], 'process', askMachine)
  // From Node 21 on.
  const { Navigator } = globalThis as { readonly Navigator?: { readonly prototype: object } }
  replaceGetter(Navigator?.prototype, 'hardwareConcurrency', (cores) => {
    askMachine('navigator.hardwareConcurrency')
    return cores
  })
  const net = (name: string): void => note(`uses the network (${name})`, 'anyone')
  replaceIn(Socket.prototype, ['connect'], 'Socket', net)
  replaceIn(Server.prototype, ['listen'], 'Server', net)
  replaceIn(dgram, ['createSocket'], 'dgram', net)
  replaceIn(dns, functionsOf(dns), 'dns', net)
  replaceIn(dns.promises, functionsOf(dns.promises), 'dns.promises', net)
}

/** Their modules are slow to load, and a guarded config gets nothing from them. */
export async function watchPrograms(note: Note): Promise<void> {
  const { default: programs } = await import('node:child_process')
  const { default: threads } = await import('node:worker_threads')
  replaceIn(programs, functionsOf(programs), 'child_process', (name) => note(`starts a program (${name})`))
  replaceIn(threads, ['Worker'], 'worker_threads', (name) => note(`starts a worker (${name})`))
  replaceIn(process, ['dlopen'], 'process', (name) => note(`loads a native addon (${name})`))
}
