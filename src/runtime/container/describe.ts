/**
 * What an engine says of itself: for people who want to know what is there.
 */
import { access } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { EngineDescription, EngineNames } from '../runtime.ts'
import type { Engine } from './engine-connect.ts'
import { parseJson } from './engine-http.ts'
import { asRecord } from './inspect.ts'
import { refusal } from './refusals.ts'

const askMs = 10_000

type Answer = Readonly<Record<string, unknown>>

/** Fails with `RUNTIME_UNREACHABLE` or `ENGINE_REFUSED` where the engine does not say. */
export async function describeEngine(engine: Engine, signal: AbortSignal): Promise<EngineDescription> {
  const [info, own] = await Promise.all([
    ask(engine, '/info', signal),
    engine.flavour === 'podman' ? ask(engine, '/libpod/info', signal) : undefined,
  ])
  const here = info['Name'] === hostname()
  const names = own === undefined ? undefined : namesOf(own)
  return {
    flavour: engine.flavour,
    version: textIn(info, 'ServerVersion'),
    address: engine.reached?.address,
    from: engine.reached?.from,
    rootless: isRootless(info),
    storage: here ? textIn(info, 'DockerRootDir') : undefined,
    names: names === undefined || names.there !== undefined || !here ? names : await lookedUp(names),
  }
}

async function ask(engine: Engine, path: string, signal: AbortSignal): Promise<Answer> {
  const answer = await engine.client.send({ method: 'GET', path, signal, timeoutMs: askMs })
  if (answer.status !== 200) throw refusal(`${engine.name} did not say what it is`, answer)
  return asRecord(parseJson(answer))
}

/** Podman has a field of its own, and does not always say it in Docker's. */
function isRootless(info: Answer): boolean {
  const options = info['SecurityOptions']
  return info['Rootless'] === true || (Array.isArray(options) && options.includes('name=rootless'))
}

/** From podman 4.6 on it says itself what it has found. */
export function namesOf(own: Answer): EngineNames | undefined {
  const host = within(own, 'host')
  const network = textIn(host, 'networkBackend')
  if (network !== 'netavark' && network !== 'cni') return undefined
  const found = textIn(within(within(host, 'networkBackendInfo'), 'dns'), 'path')
  const there = 'networkBackendInfo' in host ? found !== undefined : undefined
  return { network, program: programs[network].name, there }
}

/** The folders are those that podman itself looks in. */
const programs = {
  netavark: {
    name: 'aardvark-dns',
    folders: ['/usr/local/libexec/podman', '/usr/local/lib/podman', '/usr/libexec/podman', '/usr/lib/podman'],
  },
  cni: {
    name: 'dnsname',
    folders: ['/usr/local/libexec/cni', '/usr/libexec/cni', '/usr/local/lib/cni', '/usr/lib/cni', '/opt/cni/bin'],
  },
} as const

async function lookedUp(names: EngineNames): Promise<EngineNames> {
  const { folders, name } = programs[names.network]
  const seen = await Promise.all(
    folders.map((folder) =>
      access(join(folder, name)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return { ...names, there: seen.includes(true) }
}

function within(answer: Answer, field: string): Answer {
  const value = answer[field]
  return typeof value === 'object' && value !== null ? asRecord(value) : {}
}

function textIn(answer: Answer, field: string): string | undefined {
  const value = answer[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}
