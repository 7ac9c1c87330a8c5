/**
 * Where a container engine may listen, in the order in which its own program would look.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PoststackError } from '../../errors.ts'
import type { EngineAddress } from './engine-http.ts'

export type EngineName = 'podman' | 'docker'
export type Environment = Readonly<Record<string, string | undefined>>

export interface Candidate {
  readonly address: EngineAddress
  /** Who names it, for messages: `DOCKER_HOST`, `context "colima"`. */
  readonly from: string
}

export interface Candidates {
  /** An address that the user named: no other one may be taken instead. */
  readonly only: boolean
  readonly candidates: readonly Candidate[]
}

/** `rootUser` decides which of podman's two worlds the program `podman` would show. */
export async function engineCandidates(name: EngineName, env: Environment, rootUser: boolean): Promise<Candidates> {
  const variable = name === 'docker' ? 'DOCKER_HOST' : 'CONTAINER_HOST'
  const named = env[variable]
  if (named !== undefined && named !== '')
    return { only: true, candidates: [{ address: parseEngineAddress(named, variable), from: variable }] }
  if (name === 'podman') return { only: false, candidates: podmanSockets(env, rootUser) }
  const context = await dockerContext(env)
  if (context !== undefined) return { only: true, candidates: [context] }
  return { only: false, candidates: dockerSockets(env) }
}

/** Reads `unix:///path` and `tcp://host:port`; `from` is what gave the text, for the error. */
export function parseEngineAddress(text: string, from: string): EngineAddress {
  const socket = /^unix:\/\/(\/.+)$/.exec(text)?.[1]
  if (socket !== undefined) return { kind: 'socket', path: socket }
  const tcp = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:]+\]|[^/:@]+):(\d+)\/?$/.exec(text)
  if (tcp?.[1] !== undefined) return { kind: 'tcp', host: tcp[1].replace(/^\[|\]$/g, ''), port: Number(tcp[2]) }
  // Whatever stands before the host may be a password.
  const shown = text.replace(/\/\/[^/]*@/, '//')
  throw new PoststackError('RUNTIME_UNREACHABLE', `${from} names an address that Poststack cannot use: ${shown}`, {
    hint: text.startsWith('ssh:')
      ? `Forward the engine's socket over ssh (ssh -L /tmp/engine.sock:/var/run/docker.sock host) and set ${from}=unix:///tmp/engine.sock.`
      : `Use unix:///path/to.sock or tcp://host:port.`,
    details: { from },
  })
}

function podmanSockets(env: Environment, rootUser: boolean): readonly Candidate[] {
  const folder = env['XDG_RUNTIME_DIR']
  // For an ordinary user the system's socket is another world than the one that `podman ps` shows.
  const paths = [
    ...(rootUser ? ['/run/podman/podman.sock'] : []),
    ...(folder === undefined || folder === '' ? [] : [join(folder, 'podman', 'podman.sock')]),
  ]
  return paths.map(socketCandidate)
}

function dockerSockets(env: Environment): readonly Candidate[] {
  const folder = env['XDG_RUNTIME_DIR']
  const home = env['HOME']
  const paths = [
    '/var/run/docker.sock',
    ...(folder === undefined || folder === '' ? [] : [join(folder, 'docker.sock')]),
    ...(home === undefined || home === '' ? [] : [join(home, '.docker', 'run', 'docker.sock')]),
  ]
  return paths.map(socketCandidate)
}

function socketCandidate(path: string): Candidate {
  return { address: { kind: 'socket', path }, from: path }
}

/** The context that `docker context use` chose. Read from its files: asking the program takes fifty times as long. */
async function dockerContext(env: Environment): Promise<Candidate | undefined> {
  const folder = env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? '/', '.docker')
  const name = env['DOCKER_CONTEXT'] ?? textAt(await readJson(join(folder, 'config.json')), ['currentContext'])
  if (name === undefined || name === '' || name === 'default') return undefined
  const id = createHash('sha256').update(name).digest('hex')
  const host = textAt(await readJson(join(folder, 'contexts', 'meta', id, 'meta.json')), [
    'Endpoints',
    'docker',
    'Host',
  ])
  const from = `Docker's context "${name}"`
  if (host === undefined)
    throw new PoststackError('RUNTIME_UNREACHABLE', `${from} does not exist.`, {
      hint: 'Choose another one: docker context use default.',
    })
  return { address: parseEngineAddress(host, from), from }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}

function textAt(value: unknown, path: readonly string[]): string | undefined {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Readonly<Record<string, unknown>>)[key]
  }
  return typeof found === 'string' ? found : undefined
}
