/**
 * Every runtime of this machine in one shape, for suites that run over all of them.
 *
 * One that is missing is skipped with its reason, unless `POSTSTACK_REQUIRE` (`native,podman,docker`) names it: then the
 * suite fails. `POSTSTACK_ONLY` names those that are not passed over. Outside changes are made with the engines' own programs, never with the code under test.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { label } from '../../src/plan/labels.ts'
import { recordSpec } from '../../src/plan/spec.ts'
import type { ContainerPlan, ContainerSpec } from '../../src/plan/types.ts'
import { createContainerRuntime } from '../../src/runtime/container/container.ts'
import { createNativeRuntime } from '../../src/runtime/native/native.ts'
import type { Revealed, Runtime } from '../../src/runtime/runtime.ts'
import { engineList } from './engine-lists.ts'
import { createMemoryRuntime } from './memory-runtime.ts'
import { createMemoryWorld } from './memory-world.ts'
import { freePort } from './ports.ts'

const run = promisify(execFile)

export type HarnessName = 'memory' | 'native' | 'podman' | 'docker'

/** What `createContainer` and `startContainer` take to run a PostgreSQL server, and how to reach it from the host. */
export interface PostgresCase {
  readonly container: ContainerPlan
  readonly env: Revealed
  readonly files: Revealed
  readonly volume: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string
}

export interface RuntimeHarness {
  readonly name: HarnessName
  /** Real servers run: data and connections can be checked. */
  readonly real: boolean
  readonly containersPossible: boolean
  /** All names that tests make start with it. */
  readonly prefix: string
  readonly stack: string
  readonly project: string
  /** The labels of the stack's objects. */
  readonly labels: Readonly<Record<string, string>>
  /** A new runtime over the same machine; the harness closes it. */
  open(): Promise<Runtime>
  postgres(name: string, options?: { readonly port?: number }): Promise<PostgresCase>
  /** A small Debian container, where containers are possible. */
  plain(name: string, spec?: Partial<ContainerSpec>): ContainerPlan
  /** Objects of somebody else, made without Poststack. */
  readonly outside: {
    container(name: string): Promise<void>
    volume(name: string): Promise<void>
    network(name: string): Promise<void>
    /** Ends the main process of a running container as `kill -9` does. */
    killMain(name: string): Promise<void>
  }
  /** Removes everything whose name starts with the prefix. */
  cleanUp(): Promise<void>
}

export interface RuntimeUnderTest {
  /** The name, and the reason of a skip. */
  readonly title: string
  readonly name: HarnessName
  readonly missing: string | undefined
  readonly create: () => Promise<RuntimeHarness>
}

/** Every runtime with the reason why it cannot be tested here, if there is one. */
export async function runtimesUnderTest(): Promise<readonly RuntimeUnderTest[]> {
  const required = (process.env['POSTSTACK_REQUIRE'] ?? '').split(',').map((name) => name.trim())
  const all: readonly Omit<RuntimeUnderTest, 'title'>[] = [
    { name: 'memory', missing: undefined, create: memoryHarness },
    { name: 'native', missing: undefined, create: nativeHarness },
    { name: 'podman', missing: await engineMissing('podman'), create: () => engineHarness('podman') },
    { name: 'docker', missing: await engineMissing('docker'), create: () => engineHarness('docker') },
  ]
  for (const { name, missing } of all)
    if (missing !== undefined && required.includes(name)) throw new Error(`POSTSTACK_REQUIRE names ${name}: ${missing}`)
  return all.map((one) => ({ ...one, title: one.missing === undefined ? one.name : `${one.name}: ${one.missing}` }))
}

const debian = 'docker.io/library/debian:trixie-slim'
const postgresImage = 'docker.io/library/postgres:17'

async function engineMissing(program: 'podman' | 'docker'): Promise<string | undefined> {
  const only = process.env['POSTSTACK_ONLY']?.split(',')
  if (only?.includes(program) === false) return 'POSTSTACK_ONLY leaves it out'
  for (const image of [debian, postgresImage]) {
    try {
      await run(program, ['image', 'inspect', image], { timeout: 20_000 })
    } catch (error) {
      return `${program} does not answer, or lacks the image ${image}: ${String(error).slice(0, 200)}`
    }
  }
  return undefined
}

async function memoryHarness(): Promise<RuntimeHarness> {
  const world = createMemoryWorld()
  for (const ref of [debian, postgresImage]) world.images.set(ref, { id: `image:${ref}`, labels: {} })
  const base = createBase('memory', await temporaryRoot('memory'))
  const outsider = createMemoryRuntime({ world })
  const signal = new AbortController().signal
  return {
    ...base,
    real: false,
    containersPossible: true,
    open: () => Promise.resolve(createMemoryRuntime({ world })),
    outside: {
      container: (name) => outsider.createContainer({ ...base.plain(name), labels: {} }, {}, { signal }),
      volume: (name) => outsider.createVolume(name, {}, { signal }),
      network: (name) => outsider.createNetwork(name, {}, { signal }),
      killMain: (name) => Promise.resolve(outsider.kill(name)),
    },
    cleanUp: () => rm(base.root, { recursive: true, force: true }),
  }
}

async function nativeHarness(): Promise<RuntimeHarness> {
  const base = createBase('native', await temporaryRoot('native'))
  const opened: Runtime[] = []
  return {
    ...base,
    real: true,
    containersPossible: false,
    open: async () => {
      const runtime = createNativeRuntime({ root: base.root, env: process.env })
      opened.push(runtime)
      return runtime
    },
    outside: {
      container: refuse,
      volume: refuse,
      network: refuse,
      killMain: async () => {
        for (const pid of await postmasters(base.root)) process.kill(pid, 'SIGKILL')
      },
    },
    cleanUp: async () => {
      await Promise.all(opened.map((runtime) => runtime.close()))
      for (const pid of await postmasters(base.root)) kill(pid)
      await rm(base.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

async function engineHarness(program: 'podman' | 'docker'): Promise<RuntimeHarness> {
  const base = createBase(program, await temporaryRoot(program))
  const opened: Runtime[] = []
  return {
    ...base,
    real: true,
    containersPossible: true,
    open: async () => {
      const signal = new AbortController().signal
      const runtime = await createContainerRuntime({ name: program, env: process.env, signal })
      opened.push(runtime)
      return runtime
    },
    outside: {
      container: async (name) => {
        await run(program, ['run', '-d', '--pull=never', '--name', name, debian, 'sleep', '1000'])
      },
      volume: async (name) => {
        await run(program, ['volume', 'create', name])
      },
      network: async (name) => {
        await run(program, ['network', 'create', name])
      },
      killMain: async (name) => {
        await run(program, ['kill', '--signal', 'KILL', name])
      },
    },
    cleanUp: async () => {
      await Promise.all(opened.map((runtime) => runtime.close()))
      await removeAll(program, base.prefix)
      await rm(base.root, { recursive: true, force: true })
    },
  }
}

/** By exact prefix and with the engine's own program: other tests share the engine. */
async function removeAll(program: string, prefix: string): Promise<void> {
  const kinds = [
    { list: ['ps', '-a', '--format', '{{.Names}}'], remove: ['rm', '-f', '-v'] },
    { list: ['volume', 'ls', '--format', '{{.Name}}'], remove: ['volume', 'rm', '-f'] },
    { list: ['network', 'ls', '--format', '{{.Name}}'], remove: ['network', 'rm'] },
    { list: ['images', '--format', '{{.Repository}}:{{.Tag}}'], remove: ['rmi', '-f'] },
  ]
  for (const { list, remove } of kinds) {
    const names = (await engineList(program, list)).filter((name) =>
      name.replace(/^localhost\//, '').startsWith(prefix),
    )
    if (names.length > 0) await run(program, [...remove, ...names])
  }
}

function createBase(name: HarnessName, root: string) {
  const prefix = `ps-conf-${String(process.pid)}-${name}-`
  const stack = `${prefix}stack`
  const project = createHash('sha256').update(root).digest('hex').slice(0, 12)
  const labels = { [label.stack]: stack, [label.project]: project, [label.root]: root }
  const container = (
    service: string,
    spec: ContainerSpec,
    volumes: Readonly<Record<string, string>>,
  ): ContainerPlan => ({
    name: `${prefix}${service}`,
    service,
    spec,
    volumes,
    network: undefined,
    aliases: [],
    labels: {
      ...labels,
      [label.service]: service,
      [label.spec]: JSON.stringify(recordSpec(spec, { 'db.password': 'a digest' })),
    },
  })
  return {
    name,
    root,
    prefix,
    stack,
    project,
    labels,
    plain: (service: string, spec: Partial<ContainerSpec> = {}) =>
      container(
        service.replace(prefix, ''),
        { image: debian, command: ['sleep', '1000'], stopSignal: 'SIGKILL', ...spec },
        {},
      ),
    postgres: async (service: string, options: { readonly port?: number } = {}): Promise<PostgresCase> => {
      const port = options.port ?? (await freePort())
      const secret = { kind: 'secret', name: 'db.password', encoding: 'plain' } as const
      const file = '/run/poststack/password'
      const env = { POSTGRES_USER: 'tester', POSTGRES_DB: 'shop', POSTGRES_PASSWORD_FILE: file }
      const spec: ContainerSpec = {
        image: postgresImage,
        env,
        files: { [file]: { parts: [secret] } },
        ports: [{ container: 5432, host: port, hostAddress: '127.0.0.1', protocol: 'tcp' }],
        mounts: [{ kind: 'volume', volume: `${service}-data`, target: '/var/lib/postgresql/data' }],
        stopSignal: 'SIGINT',
        stopGraceSeconds: 30,
        postgres: { version: 17, user: 'tester', database: 'shop', password: secret },
      }
      const volume = `${prefix}${service}-data`
      const password = "a 'secret' \\ word"
      return {
        container: container(service, spec, { [`${service}-data`]: volume }),
        env,
        files: { [file]: password },
        volume,
        port,
        user: 'tester',
        database: 'shop',
        password,
      }
    },
  }
}

function refuse(): Promise<void> {
  return Promise.reject(new Error('The native runtime has no objects of others.'))
}

/** The native runtime keeps its servers under `.poststack`, wherever in it. */
async function postmasters(root: string): Promise<readonly number[]> {
  const entries = await readdir(join(root, '.poststack'), { recursive: true }).catch(() => [])
  const files = entries.filter((entry) => entry.endsWith('postmaster.pid'))
  const texts = await Promise.all(files.map((file) => readFile(join(root, '.poststack', file), 'utf8').catch(() => '')))
  return texts.map((text) => Number(text.split('\n')[0])).filter((pid) => pid > 1)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function temporaryRoot(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `poststack-${name}-`))
}
