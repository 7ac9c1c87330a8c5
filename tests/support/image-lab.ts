/**
 * Containers of the shipped images, made with the engines' own programs: what these images promise must hold for
 * everybody who runs them, not only for Poststack.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { runCli } from './cli.ts'

export type EngineName = 'podman' | 'docker'

/** A program's end: both its streams and its exit code. */
interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a container is created with; `files` are put into it before it first starts, each under its absolute path. */
export interface LabContainer {
  readonly env?: Readonly<Record<string, string>>
  readonly options?: readonly string[]
  readonly command?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  readonly volume?: string
}

export interface Login {
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string
}

export interface ImageLab {
  build(): Promise<void>
  create(container: LabContainer): Promise<string>
  start(name: string): Promise<void>
  /** Runs the engine's program; fails unless it exits with 0. */
  engine(...args: readonly string[]): Promise<string>
  port(name: string): Promise<number>
  logs(name: string): Promise<string>
  /** Waits until the container has ended, and returns its exit code. */
  exitCode(name: string): Promise<number>
  volumeName(): string
  cleanUp(): Promise<void>
}

/** Where Poststack puts the password, readable by root only. */
export const passwordFile = '/run/poststack/password'

async function run(program: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }))
  })
}

/** Why the engine cannot be used here, or nothing. `POSTSTACK_REQUIRE` makes a missing engine a failure. */
export async function missingEngine(engine: EngineName): Promise<string | undefined> {
  const answer = await run(engine, ['ps', '--quiet'])
  if (answer.code === 0) return undefined
  const reason = `${engine} does not answer: ${answer.stderr.trim().split('\n')[0] ?? ''}`
  const required = (process.env['POSTSTACK_REQUIRE'] ?? '').split(',').map((name) => name.trim())
  if (required.includes(engine)) throw new Error(`POSTSTACK_REQUIRE names ${engine}, but ${reason}`)
  return reason
}

async function put(engine: EngineName, name: string, files: Readonly<Record<string, string>>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'poststack-image-'))
  await chmod(folder, 0o755)
  for (const [path, text] of Object.entries(files)) {
    const copy = join(folder, path)
    await mkdir(join(copy, '..'), { recursive: true, mode: 0o755 })
    await writeFile(copy, text)
    await chmod(copy, path === passwordFile ? 0o400 : 0o644)
  }
  const copied = await run(engine, ['cp', `${folder}/.`, `${name}:/`])
  await rm(folder, { recursive: true })
  if (copied.code !== 0) throw new Error(copied.stderr)
}

/** A lab on one engine. All that it makes starts with a name of its own and is gone after `cleanUp`. */
export function imageLab(engine: EngineName): ImageLab {
  const prefix = `images-${randomBytes(4).toString('hex')}`
  const made: string[] = []
  const volumes: string[] = []
  const local = engine === 'podman' ? 'localhost/' : ''

  async function call(...args: readonly string[]): Promise<string> {
    const ended = await run(engine, args)
    if (ended.code !== 0) throw new Error(`${engine} ${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout.trim()
  }

  return {
    engine: call,
    // As everybody has them built: tests of stacks use the same images meanwhile, and would hear of others.
    async build() {
      const cwd = await mkdtemp(join(tmpdir(), 'poststack-image-'))
      const ended = await runCli(['--runtime', engine, 'container', 'build'], { cwd })
      await rm(cwd, { recursive: true })
      if (ended.code !== 0) throw new Error(ended.stderr)
    },
    async create({ env = {}, options = [], command = [], files = {}, volume }) {
      const name = `${prefix}-${made.length}`
      made.push(name)
      const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
      const mount = volume === undefined ? [] : ['-v', `${volume}:/var/lib/postgresql`]
      const fixed = ['--name', name, '-p', '127.0.0.1::5432', ...variables, ...mount, ...options]
      await call('create', ...fixed, `${local}poststack/postgres:17`, ...command)
      if (Object.keys(files).length > 0) await put(engine, name, files)
      return name
    },
    async start(name) {
      await call('start', name)
    },
    async port(name) {
      const line = (await call('port', name, '5432')).split('\n')[0] ?? ''
      return Number(line.slice(line.lastIndexOf(':') + 1))
    },
    async logs(name) {
      const ended = await run(engine, ['logs', name])
      return ended.stdout + ended.stderr
    },
    async exitCode(name) {
      const code = Number((await call('wait', name)).split('\n')[0])
      // Podman takes a dead container's ports away in a process of its own: a start before that is done may lose those of the new run.
      const status = ['container', 'inspect', '--format', '{{.State.Status}}', name]
      for (let left = 100; left > 0 && (await call(...status)).trim() === 'stopped'; left -= 1) await sleep(100)
      return code
    },
    volumeName() {
      const name = `${prefix}-volume-${volumes.length}`
      volumes.push(name)
      return name
    },
    async cleanUp() {
      for (const name of made) await run(engine, ['rm', '-f', '-v', name])
      for (const name of volumes) await run(engine, ['volume', 'rm', '-f', name])
    },
  }
}

/** One connection over TCP; errors that come while nobody asks (a server that stops) are not thrown at the test. */
export async function connect(login: Login): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', ...login, ssl: false, connectionTimeoutMillis: 2000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** The first row of the answer, from a server that may still be starting: asks until it answers or 30 s are over. */
export async function ask(login: Login, sql: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      const client = await connect(login)
      const { rows } = await client.query<Record<string, unknown>>(sql)
      await client.end()
      return rows[0] ?? {}
    } catch (error) {
      // 28P01 is a refused password, 3D000 a missing database: a server that says so has finished its start.
      const code = (error as { code?: string }).code
      if (code === '28P01' || code === '3D000' || Date.now() > deadline) throw error
      await sleep(10)
    }
  }
}
