/**
 * Finds an engine that answers, and starts podman's service for the length of a run where podman has none.
 */
import { rmSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { orInterrupted, pause } from '../../abort.ts'
import { temporaryFolder } from '../../config/temporary.ts'
import { isCode, isPoststackError, PoststackError } from '../../errors.ts'
import { engineCandidates } from './engine-address.ts'
import type { Candidate, EngineName, Environment } from './engine-address.ts'
import { addressHint, createEngineClient, formatAddress } from './engine-http.ts'
import type { EngineAddress, EngineClient } from './engine-http.ts'
import { isLoopback } from '../../plan/this-machine.ts'
import { startProgram } from '../background-program.ts'
import type { BackgroundProgram } from '../background-program.ts'
import { findProgram } from '../find-program.ts'
import { installCommands } from '../install.ts'

export interface ConnectOptions {
  readonly name: EngineName
  readonly env: Environment
  readonly signal: AbortSignal
}

/** A connection to an engine, and how to reach the same engine with its program. */
export interface Engine {
  readonly name: EngineName
  /** Who answers: podman too serves Docker's clients. */
  readonly flavour: EngineName
  /** Podman's own version, where it is podman that answers. */
  readonly podmanVersion: string | undefined
  readonly client: EngineClient
  /** It sees the files of this machine: its address was found here, and not given by the user, who may forward a socket from elsewhere. */
  readonly local: boolean
  /** Where it listens, and what names that place if the user did; absent where its service is one of ours. */
  readonly reached: { readonly address: string; readonly from: string | undefined } | undefined
  /** The machine it is on, where its address says another one than this. */
  readonly remoteHost: string | undefined
  readonly program: {
    readonly name: EngineName
    /** Before the command. */
    readonly args: readonly string[]
    readonly env: Environment
  }
  close(): Promise<void>
}

const pingTimeoutMs = 5_000
const serviceStartMs = 15_000
/** Seconds without a call after which podman's service ends by itself: what is left when our process is killed. */
const serviceIdleSeconds = 60
/** The newest version that Poststack knows; engines go on speaking old ones for years. */
const newestApi = 48

/**
 * @throws `RUNTIME_MISSING` when neither the program nor a socket is there, `RUNTIME_UNREACHABLE` when something is there and does not
 * answer.
 */
export async function connectEngine(options: ConnectOptions): Promise<Engine> {
  const { name, env, signal } = options
  const { only, candidates } = await engineCandidates(name, env, process.getuid?.() === 0)
  const failures: PoststackError[] = []
  for (const { address, from } of candidates) {
    if (!only && !(await exists(address))) continue
    try {
      const version = await ping(address, signal, startHint(name))
      return createEngine(options, { address, version, from: only ? from : undefined })
    } catch (error) {
      if (!isPoststackError(error) || signal.aborted) throw error
      if (only) throw describe(error, from)
      failures.push(error)
    }
  }
  const program = await findProgram(name, env)
  if (program !== undefined && name === 'podman' && process.platform === 'darwin') throw machineNeeded(candidates)
  if (program !== undefined && name === 'podman') return startPodman(options)
  if (program === undefined && failures.length === 0) throw missing(name, candidates)
  throw failures[0] ?? notRunning(name, candidates)
}

interface EngineVersion {
  readonly flavour: EngineName
  readonly podmanVersion: string | undefined
  readonly api: string
}

async function ping(address: EngineAddress, signal: AbortSignal, hint: string): Promise<EngineVersion> {
  const client = createEngineClient({ address, apiVersion: '', hint })
  try {
    const { status, headers, body } = await client.send({
      method: 'GET',
      path: '/_ping',
      signal,
      timeoutMs: pingTimeoutMs,
    })
    const minor = /^1\.(\d+)$/.exec(String(headers['api-version']))?.[1]
    if (status !== 200 || minor === undefined)
      throw new PoststackError(
        'RUNTIME_UNREACHABLE',
        `What answers at ${formatAddress(address)} is not a container engine.`,
        {
          hint: /HTTPS server/i.test(body.toString()) ? tlsHint : addressHint,
          details: { address: formatAddress(address), status },
        },
      )
    const podmanVersion = headers['libpod-api-version']?.toString()
    return {
      flavour: podmanVersion === undefined ? 'docker' : 'podman',
      podmanVersion,
      api: `v1.${String(Math.min(Number(minor), newestApi))}`,
    }
  } finally {
    client.close()
  }
}

const tlsHint =
  'It wants TLS, which Poststack does not speak. Forward its socket over ssh (ssh -L /tmp/engine.sock:/var/run/docker.sock host) and name that: unix:///tmp/engine.sock.'

interface Found {
  readonly address: EngineAddress
  readonly version: EngineVersion
  /** What names the address; the user did it, so the program must be told it too. */
  readonly from: string | undefined
  readonly service?: PodmanService
}

function createEngine({ name, env }: ConnectOptions, { address, version, from, service }: Found): Engine {
  const explicit = from !== undefined
  const client = createEngineClient({
    address,
    apiVersion: version.api,
    hint: startHint(name),
    ...(service === undefined ? {} : { revive: service.revive }),
  })
  const url = formatAddress(address)
  return {
    name,
    flavour: version.flavour,
    podmanVersion: version.podmanVersion,
    client,
    local: !explicit,
    reached: service === undefined ? { address: url, from } : undefined,
    remoteHost: address.kind === 'tcp' && !isLoopback(address.host) ? address.host : undefined,
    program:
      name === 'podman'
        ? { name, args: explicit ? ['--url', url] : [], env }
        : {
            name,
            args: [],
            // Podman's service has no BuildKit.
            env: { ...env, DOCKER_HOST: url, ...(version.flavour === 'podman' ? { DOCKER_BUILDKIT: '0' } : {}) },
          },
    close: async () => {
      client.close()
      await service?.stop()
    },
  }
}

interface PodmanService {
  /** Starts it again, after it has ended for want of calls. */
  readonly revive: () => Promise<void>
  readonly stop: () => Promise<void>
}

async function startPodman(options: ConnectOptions): Promise<Engine> {
  const folder = await temporaryFolder('podman')
  const removeFolder = () => {
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', removeFolder)
  const address: EngineAddress = { kind: 'socket', path: join(folder, 'podman.sock') }
  let version: EngineVersion | undefined
  let running: BackgroundProgram | undefined
  let starting: Promise<void> | undefined
  const start = async () => {
    const service = startProgram({
      program: 'podman',
      args: ['system', 'service', `--time=${String(serviceIdleSeconds)}`, formatAddress(address)],
      env: options.env,
      words: join(folder, 'podman.log'),
    })
    running = service
    version = await waitForService(service, address)
  }
  const revive = async () => {
    // Calls that fail together wait for one start.
    starting ??= start().finally(() => {
      starting = undefined
    })
    await starting
  }
  const stop = async () => {
    running?.stop()
    // The timer must not outlive the wait: it would hold the whole program for those two seconds.
    const patience = new AbortController()
    const ended = running?.ended.catch(() => undefined)
    await Promise.race([ended, pause(2_000, patience.signal).catch(() => undefined)])
    patience.abort()
    process.removeListener('exit', removeFolder)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await orInterrupted(revive(), options.signal)
  } catch (error) {
    await stop()
    throw error
  }
  if (version === undefined) throw notRunning('podman', [])
  return createEngine(options, { address, version, from: undefined, service: { revive, stop } })
}

/** No call's signal ends it: those that come together share one start, and the way back after Ctrl-C may need it. */
async function waitForService(service: BackgroundProgram, address: EngineAddress): Promise<EngineVersion> {
  const { signal } = new AbortController()
  const until = performance.now() + serviceStartMs
  let lastWords: string | undefined
  service.ended.then(
    (words) => (lastWords = words),
    (error: unknown) => (lastWords = error instanceof Error ? error.message : String(error)),
  )
  for (;;) {
    await pause(15, signal)
    try {
      if (await exists(address)) return await ping(address, signal, startHint('podman'))
    } catch (error) {
      if (performance.now() > until) throw error
    }
    if (lastWords !== undefined || performance.now() > until)
      throw new PoststackError(
        'RUNTIME_UNREACHABLE',
        `podman's service could not be started: ${lastWords ?? 'it does not answer'}`,
        {
          hint: 'Run "podman system service --time=5 unix:///tmp/podman-try.sock": it shows the same failure in full.',
        },
      )
  }
}

async function exists(address: EngineAddress): Promise<boolean> {
  if (address.kind === 'tcp') return true
  return stat(address.path).then(
    () => true,
    // No permission to look means that something may be there: the ping will say so.
    (error: unknown) => !isCode(error, 'ENOENT'),
  )
}

function describe(error: PoststackError, from: string): PoststackError {
  return new PoststackError(error.code, `${error.message} (The address comes from ${from}.)`, {
    hint: error.hint,
    details: { ...error.details, from },
    cause: error,
  })
}

function missing(name: EngineName, candidates: readonly Candidate[]): PoststackError {
  const sockets = candidates.map(({ address }) => formatAddress(address))
  return new PoststackError(
    'RUNTIME_MISSING',
    `${title(name)} is not installed: no program "${name}" on PATH, and nothing at ${sockets.join(', ')}.`,
    {
      hint: `Install it with ${installCommands(name)}, or as ${guides[name]} says.`,
      details: { program: name, sockets },
    },
  )
}

const guides = { podman: 'https://podman.io', docker: 'https://docs.docker.com/engine/install' } as const

function notRunning(name: EngineName, candidates: readonly Candidate[]): PoststackError {
  const sockets = candidates.map(({ address }) => formatAddress(address))
  return new PoststackError(
    'RUNTIME_UNREACHABLE',
    `${title(name)} is installed, but its engine does not run: nothing at ${sockets.join(', ')}.`,
    { hint: startHint(name), details: { program: name, sockets } },
  )
}

/** Podman's program on macOS is a client only: its containers run in a virtual machine, whose socket has another path on each. */
function machineNeeded(candidates: readonly Candidate[]): PoststackError {
  const { code, details, message } = notRunning('podman', candidates)
  return new PoststackError(code, message, {
    hint: `Start its machine (podman machine start), and say where that listens:\nexport CONTAINER_HOST="unix://$(podman machine inspect --format '{{.ConnectionInfo.PodmanSocket.Path}}')"`,
    details,
  })
}

function startHint(name: EngineName): string {
  return name === 'podman'
    ? 'Start its service (systemctl --user start podman.socket), or unset CONTAINER_HOST to let Poststack start one.'
    : 'Start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to the address it listens on.'
}

function title(name: EngineName): string {
  return name === 'podman' ? 'Podman' : 'Docker'
}
