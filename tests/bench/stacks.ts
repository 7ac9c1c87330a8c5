/**
 * The stacks that are measured: one database and plain containers on an engine, databases only where there is none.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/ports.ts'
import { environment, runProgram, type Program } from './measure.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = join(root, 'dist', 'cli.js')
const floorProgram = join(root, 'tests', 'bench', 'floor.mjs')
export const image = 'docker.io/library/debian:trixie-slim'

export type RuntimeName = 'native' | 'podman' | 'docker'

export interface BenchStack {
  /** `poststack` with these words. */
  readonly poststack: (...words: readonly string[]) => Program
  readonly floor: Program
  /** Absent where docker compose is not installed or the stack is none of its kind. It reaches podman, too: its socket speaks Docker's words. */
  readonly compose: Program | undefined
  readonly remove: () => Promise<void>
}

export function poststackIn(cwd: string, words: readonly string[]): Program {
  return { command: [process.execPath, cli, ...words], cwd }
}

/** Brings up a stack of so many services, or says why that cannot be. */
export async function makeStack(runtime: RuntimeName, services: number): Promise<BenchStack | string> {
  const engine = await openEngine(runtime)
  if (typeof engine === 'string') return engine
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  const name = `psbench-${runtime}-${String(process.pid)}`
  const databases = await writeProject({ folder, name, runtime, services })
  const floorConfig = join(folder, 'floor.json')
  await writeFile(floorConfig, JSON.stringify({ databases, socket: engine.socket }))
  const compose = runtime === 'native' ? undefined : await makeCompose({ folder, name, services }, engine)
  const remove = async (): Promise<void> => {
    await runProgram(poststackIn(folder, ['down', '--volumes', '--yes']))
    await compose?.remove()
    await engine.close()
    await rm(folder, { recursive: true, force: true })
  }
  const up = await runProgram(poststackIn(folder, ['up']))
  if (up.code !== 0) {
    await remove()
    return up.output.trim().split('\n')[0] ?? 'the stack does not come up'
  }
  return {
    poststack: (...words) => poststackIn(folder, words),
    floor: { command: [process.execPath, floorProgram, floorConfig], cwd: folder },
    compose: compose?.up,
    remove,
  }
}

interface Project {
  readonly folder: string
  readonly name: string
  readonly runtime: RuntimeName
  readonly services: number
}

interface DatabaseAccess {
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string
}

async function writeProject({ folder, name, runtime, services }: Project): Promise<readonly DatabaseAccess[]> {
  const count = runtime === 'native' ? services : 1
  const databases: DatabaseAccess[] = []
  const members: string[] = []
  for (let index = 0; index < count; index++) {
    const port = await freePort()
    databases.push({ port, user: 'poststack', database: 'poststack', password: 'bench' })
    members.push(`db${index}: postgres({ port: ${port}, password: 'bench', migrations: './migrations' })`)
  }
  for (let index = count; index < services; index++) {
    members.push(`app${index}: container({ image: '${image}', command: ['sleep', 'infinity'], stopGraceSeconds: 0 })`)
  }
  const config = `import { container, defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: '${name}',
  runtime: '${runtime}',
  services: {
    ${members.join(',\n    ')},
  },
})
`
  await mkdir(join(folder, 'migrations'))
  await linkPackage(folder)
  await writeFile(join(folder, 'poststack.config.ts'), config)
  await writeFile(join(folder, 'migrations', '001_items.sql'), 'CREATE TABLE items (id bigint PRIMARY KEY);\n')
  return databases
}

/** Makes it a folder whose config finds this very Poststack. */
export async function linkPackage(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'poststack'))
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
}

export interface EngineAccess {
  readonly socket: string | undefined
  readonly close: () => Promise<void>
}

/** The engine's socket. Where podman serves none, one is served for the bench, and both sides use it. */
export async function openEngine(runtime: RuntimeName): Promise<EngineAccess | string> {
  const nothing = { close: async (): Promise<void> => undefined }
  if (runtime === 'native') return { ...nothing, socket: undefined }
  const named = environment[runtime === 'docker' ? 'DOCKER_HOST' : 'CONTAINER_HOST']
  const usual = runtime === 'docker' ? '/var/run/docker.sock' : '/run/podman/podman.sock'
  const socket = named === undefined ? usual : named.replace(/^unix:\/\//, '')
  if (existsSync(socket)) return { ...nothing, socket }
  return runtime === 'docker' ? `nothing at ${socket}` : servePodman()
}

async function servePodman(): Promise<EngineAccess | string> {
  const folder = await mkdtemp(join(tmpdir(), 'poststack-bench-podman-'))
  const socket = join(folder, 'podman.sock')
  const service = spawn('podman', ['system', 'service', '--time=0', `unix://${socket}`], { stdio: 'ignore' })
  const ended = new Promise<string>((resolve) => {
    service.once('error', (error) => {
      resolve(error.message)
    })
    service.once('exit', () => {
      resolve('podman system service ended')
    })
  })
  const isServed = async (): Promise<undefined> => {
    while (service.exitCode === null && service.pid !== undefined && !existsSync(socket)) await sleep(20)
  }
  const why = await Promise.race([ended, isServed()])
  if (why !== undefined) return why
  const before = environment['CONTAINER_HOST']
  Object.assign(environment, { CONTAINER_HOST: `unix://${socket}` })
  const close = async (): Promise<void> => {
    service.kill()
    await ended
    Object.assign(environment, { CONTAINER_HOST: before })
    await rm(folder, { recursive: true, force: true })
  }
  return { socket, close }
}

interface Compose {
  readonly up: Program
  readonly remove: () => Promise<void>
}

/** Whether version 2 of docker compose is installed: the one that is a plugin of `docker`. */
export async function hasCompose(cwd: string): Promise<boolean> {
  const answer = await runProgram({ command: ['docker', 'compose', 'version'], cwd }).catch(() => undefined)
  return answer?.code === 0
}

/** The same number of services for docker compose, with the official image of PostgreSQL. */
async function makeCompose(
  { folder, name, services }: Omit<Project, 'runtime'>,
  { socket }: EngineAccess,
): Promise<Compose | undefined> {
  const docker = (...words: readonly string[]): Program => ({
    command: ['docker', 'compose', ...words],
    cwd: folder,
    env: { DOCKER_HOST: `unix://${socket ?? ''}` },
  })
  if (!(await hasCompose(folder))) return undefined
  const others = Array.from({ length: services - 1 }, (_, index) => [
    `app${index + 1}`,
    { image, command: ['sleep', 'infinity'], stop_grace_period: '0s' },
  ])
  const database = { image: 'docker.io/library/postgres:17', environment: { POSTGRES_PASSWORD: 'bench' } }
  const file = join(folder, 'compose.json')
  await writeFile(file, JSON.stringify({ services: { db0: database, ...Object.fromEntries(others) } }))
  const start = ['-p', `${name}-compose`, '-f', file] as const
  await runProgram(docker(...start, 'up', '-d'))
  return {
    up: docker(...start, 'up', '-d'),
    remove: async () => {
      await runProgram(docker(...start, 'down', '-v'))
    },
  }
}
