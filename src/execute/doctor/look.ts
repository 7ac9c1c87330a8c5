/**
 * Looks at the machine, and changes nothing. What cannot be asked is a fact, too.
 */
import { access, readFile, statfs } from 'node:fs/promises'
import { isPoststackError } from '../../errors.ts'
import { runProgram } from '../../runtime/exec.ts'
import { findClient } from '../../runtime/client-programs.ts'
import { whyNoServer } from '../../runtime/native/native.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { selectRuntime } from '../../runtime/select.ts'
import { findWasmDump, wasmWay } from '../backup/wasm-program.ts'
import type { EngineFacts, MachineFacts, PostgresFacts } from './facts.ts'
import { readSubordinate } from './subordinate-ids.ts'

export interface LookOptions {
  /** Folder of the project. */
  readonly root: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Majors of PostgreSQL that the stack declares. */
  readonly majors: readonly number[]
  readonly signal: AbortSignal
}

export async function lookAtMachine(options: LookOptions): Promise<MachineFacts> {
  const { env, majors, root } = options
  const [engines, postgres, freeBytes, inotify, cgroups, systemd, subordinate, firstOpenPort, git] = await Promise.all([
    Promise.all((['podman', 'docker'] as const).map((name) => lookAtEngine(name, options))),
    Promise.all(majors.map((major) => lookAtPostgres(major, options))),
    freeBytesOf(root),
    readInotify(),
    onLinux(async () => ((await isThere('/sys/fs/cgroup/cgroup.controllers')) ? 2 : 1)),
    onLinux(() => isThere('/run/systemd/system')),
    onLinux(readSubordinate),
    onLinux(readFirstOpenPort),
    firstLine('git', options),
  ])
  const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()])
  return {
    node: process.versions.node,
    compileCache: (env['NODE_COMPILE_CACHE'] ?? '') !== '',
    platform: `${process.platform} ${process.arch}`,
    root: process.getuid?.() === 0,
    engines,
    postgres,
    freeBytes,
    inotify,
    cgroups,
    systemd,
    subordinate,
    firstOpenPort,
    proxies: variables.filter((name) => (env[name] ?? '') !== ''),
    noProxy: env['NO_PROXY'] ?? env['no_proxy'] ?? '',
    git: git !== undefined,
  }
}

async function lookAtEngine(name: 'podman' | 'docker', options: LookOptions): Promise<EngineFacts> {
  const { env, root, signal } = options
  const version = await firstLine(name, options)
  const known = version === undefined ? {} : { version }
  try {
    const runtime = await selectRuntime({ choice: name, services: [], root, env, signal })
    try {
      return { name, ...known, ...(await describe(runtime, signal)) }
    } finally {
      await runtime.close()
    }
  } catch (error) {
    if (!isPoststackError(error) || signal.aborted) throw error
    const { code, hint, message } = error
    return { name, ...known, error: { code, message, ...(hint === undefined ? {} : { hint }) } }
  }
}

/** What answers and does not say what it is, can be used all the same. */
async function describe(
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Pick<EngineFacts, 'described' | 'storageFreeBytes'>> {
  try {
    const described = await runtime.describe?.({ signal })
    if (described === undefined) return {}
    const free = described.storage === undefined ? undefined : await freeBytesOf(described.storage)
    return { described, ...(free === undefined ? {} : { storageFreeBytes: free }) }
  } catch (error) {
    if (!isPoststackError(error) || signal.aborted) throw error
    return {}
  }
}

async function freeBytesOf(folder: string): Promise<number | undefined> {
  return await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  )
}

async function lookAtPostgres(major: number, { env, root, signal }: LookOptions): Promise<PostgresFacts> {
  const [error, { path }] = await Promise.all([
    whyNoServer({ root, env, major, signal }),
    findClient({ program: 'pg_dump', major, orNewer: true, env, signal }),
  ])
  const way = wasmWay(major)
  const wasm = way.length > 0 && findWasmDump({ folders: [root] }) !== undefined
  const facts = { major, dump: path, wasm, wasmWay: way }
  if (error === undefined) return facts
  const { hint, message } = error
  return { ...facts, error: { message, ...(hint === undefined ? {} : { hint }) } }
}

const askMs = 10_000

/** What a program says of its version; nothing where it cannot be run. */
async function firstLine(program: string, { env, signal }: LookOptions): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await runProgram({ program, args: ['--version'], env, signal, timeoutMs: askMs })
    return exitCode === 0 ? (stdout.split('\n')[0] ?? '') : undefined
  } catch (error) {
    if (!isPoststackError(error) || signal.aborted) throw error
    return undefined
  }
}

async function readLimit(name: string): Promise<number> {
  return Number(await readFile(`/proc/sys/fs/inotify/${name}`, 'utf8').catch(() => Number.NaN))
}

async function readInotify(): Promise<MachineFacts['inotify']> {
  const [watches, instances] = await Promise.all([readLimit('max_user_watches'), readLimit('max_user_instances')])
  return Number.isNaN(watches + instances) ? undefined : { watches, instances }
}

async function readFirstOpenPort(): Promise<number | undefined> {
  const text = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '')
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined
}

async function onLinux<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  return process.platform === 'linux' ? await ask() : undefined
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
