/** Which runtime is chosen, where engines are found, and what is said when there is none. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { RuntimeChoice } from '../../../src/config/define.ts'
import { createContainerRuntime } from '../../../src/runtime/container/container.ts'
import { startProgram } from '../../../src/runtime/background-program.ts'
import { connectEngine } from '../../../src/runtime/container/engine-connect.ts'
import { selectRuntime } from '../../../src/runtime/select.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const missing = new Map((await runtimesUnderTest()).map((one) => [one.name as string, one.missing]))
const scope = { stack: 'nobody', project: 'none', containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
const nothing = { containers: [], volumes: [], networks: [], images: [] }
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'poststack-select-'))
})

afterAll(() => rm(root, { recursive: true, force: true }))

const db = { name: 'db', kind: 'postgres' } as const
const web = { name: 'web', kind: 'container' } as const

function select(
  choice: RuntimeChoice,
  services: readonly (typeof db | typeof web)[],
  env: Record<string, string> = {},
) {
  // Nothing of this machine's: no programs, no sockets.
  return selectRuntime({ choice, services, root, env: { PATH: root, HOME: root, ...env }, signal })
}

/** Addresses that the user has named and where nothing is, whatever else this machine has. */
function nowhere(): Record<string, string> {
  return { DOCKER_HOST: `unix://${root}/no-docker.sock`, CONTAINER_HOST: `unix://${root}/no-podman.sock` }
}

// Where an engine listens at its usual place it is found, so its absence cannot be tested.
const socketsHere = ['/var/run/docker.sock', '/run/podman/podman.sock'].some((path) => existsSync(path))

test.skipIf(socketsHere)('an engine that is not installed says what was looked at and how to get it', async () => {
  await expect(select('docker', [db])).rejects.toMatchObject({
    code: 'RUNTIME_MISSING',
    message: expect.stringContaining('/var/run/docker.sock'),
    hint: expect.stringMatching(/docs\.docker\.com[^]*\nOr do without an engine: --runtime native$/),
  })
  // Native runs no containers, so it is no way out for the whole stack.
  await expect(select('docker', [db, web])).rejects.toMatchObject({
    hint: expect.stringMatching(/^[^]*\.\nStart what needs no container engine: poststack up db --runtime native$/),
  })
  await expect(select('podman', [db], { XDG_RUNTIME_DIR: '/run/nobody' })).rejects.toMatchObject({
    code: 'RUNTIME_MISSING',
    message: expect.stringContaining('/run/nobody/podman/podman.sock'),
  })
})

test('an engine that is named and does not answer is unreachable, and no other one is taken', async () => {
  await expect(select('docker', [db], { DOCKER_HOST: `unix://${root}/none.sock` })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining('DOCKER_HOST'),
    hint: expect.stringContaining('systemctl start docker'),
  })
  await expect(select('podman', [db], { CONTAINER_HOST: 'tcp://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining('nothing listens there'),
  })
})

test.skipIf(socketsHere)('an installed engine that does not run is unreachable, with how to start it', async () => {
  await writeFile(join(root, 'docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  await expect(select('docker', [db])).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining('does not run'),
  })
  await rm(join(root, 'docker'))
})

test.skipIf(socketsHere)('a podman whose service does not start says why in its own words', async () => {
  await writeFile(join(root, 'podman'), '#!/bin/sh\necho "no subuid ranges" >&2\nexit 125\n', { mode: 0o755 })
  await expect(select('podman', [db])).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining('no subuid ranges'),
  })
  await rm(join(root, 'podman'))
})

test.skipIf(socketsHere)('a podman that cannot be started says so, and nothing hides it', async () => {
  await writeFile(join(root, 'podman'), '#!/no/such/interpreter\n', { mode: 0o755 })
  await expect(select('podman', [db])).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringMatching(/could not be started: The program "podman" was not found/),
  })
  await rm(join(root, 'podman'))
})

test.skipIf(socketsHere)('on macOS podman needs its machine, and the error says how to name it', async () => {
  await writeFile(join(root, 'podman'), '#!/bin/sh\nexit 125\n', { mode: 0o755 })
  const here = process.platform
  onTestFinished(() => void Object.defineProperty(process, 'platform', { value: here }))
  Object.defineProperty(process, 'platform', { value: 'darwin' })
  await expect(select('podman', [db])).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    hint: expect.stringMatching(/podman machine start[^]*CONTAINER_HOST="unix:[^]*podman machine inspect/),
  })
  await rm(join(root, 'podman'))
})

/** Serves like podman, and ends when it is asked to. */
const servingPodman = `#!${process.execPath}
const socket = process.argv.at(-1).slice('unix://'.length)
require('node:fs').rmSync(socket, { force: true })
require('node:http').createServer((request, response) => {
  response.setHeader('api-version', '1.41').setHeader('libpod-api-version', '4.3.1').end(String(process.pid))
  if (request.url.endsWith('/end')) response.once('close', () => process.exit())
}).listen(socket)
`

test.skipIf(socketsHere)(
  "a service that has ended comes back for the way back, whose signal is not the connection's",
  async () => {
    await writeFile(join(root, 'podman'), servingPodman, { mode: 0o755 })
    const controller = new AbortController()
    const engine = await connectEngine({ name: 'podman', env: { PATH: root }, signal: controller.signal })
    const get = (path: string) => engine.client.send({ method: 'GET', path, signal })
    const { body } = await get('/end')
    await expect.poll(() => isAlive(body.toString())).toBe(false)
    controller.abort()
    expect((await get('/containers/json')).status).toBe(200)
    await engine.close()
    await rm(join(root, 'podman'))
  },
)

test('auto takes native when only PostgreSQL is to run and no engine answers', async () => {
  const runtime = await select('auto', [db], nowhere())
  expect(runtime.name).toBe('native')
  await runtime.close()
})

test('auto without an engine names the containers, what was tried and what can still be started', async () => {
  await expect(select('auto', [db, web], nowhere())).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringMatching(/"web" needs one.*no-podman.sock does not answer.*no-docker.sock does not answer/),
    hint: expect.stringContaining('poststack up db'),
  })
  await expect(select('auto', [web], nowhere())).rejects.toMatchObject({
    hint: expect.stringContaining('no service of this stack can run without one'),
  })
})

test('native refuses containers and says what it can start', async () => {
  await expect(select('native', [db, web])).rejects.toMatchObject({
    code: 'RUNTIME_MISSING',
    hint: expect.stringContaining('poststack up db'),
  })
})

describe.skipIf(missing.get('docker') !== undefined)('docker', () => {
  const env = { ...process.env }

  test("the context that Docker's own program would use is used", async () => {
    const config = join(root, 'docker-config')
    const meta = join(config, 'contexts', 'meta', createHash('sha256').update('lab').digest('hex'))
    await mkdir(meta, { recursive: true })
    await writeFile(join(config, 'config.json'), JSON.stringify({ currentContext: 'lab' }))
    const host = env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
    await writeFile(join(meta, 'meta.json'), JSON.stringify({ Name: 'lab', Endpoints: { docker: { Host: host } } }))
    const runtime = await select('docker', [db], { DOCKER_CONFIG: config })
    expect(await runtime.observe(scope, { signal })).toEqual(nothing)
    await runtime.close()
    await expect(select('docker', [db], { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'gone' })).rejects.toMatchObject({
      code: 'RUNTIME_UNREACHABLE',
      message: expect.stringContaining('"gone" does not exist'),
    })
  })
})

const podmanSocket = [process.env['CONTAINER_HOST'], process.env['XDG_RUNTIME_DIR']].some(
  (place) => place !== undefined && (place.includes('://') || existsSync(join(place, 'podman', 'podman.sock'))),
)

describe.skipIf(missing.get('podman') !== undefined || socketsHere || podmanSocket)('podman without a socket', () => {
  const env = { ...process.env, TMPDIR: undefined }

  test('its service runs as long as the runtime is open, comes back when it ends, and leaves nothing', async () => {
    const runtime = await createContainerRuntime({ name: 'podman', env, signal })
    const [service, ...more] = await ownServices()
    expect(more).toEqual([])
    // It must not outlive us for long if we are killed.
    expect(service?.args).toContain('--time=60')
    expect(await runtime.observe(scope, { signal })).toEqual(nothing)
    process.kill(service?.pid ?? 0, 'SIGTERM')
    await expect.poll(async () => (await ownServices()).length).toBe(0)
    expect(await Promise.all([1, 2, 3].map(() => runtime.observe(scope, { signal })))).toEqual([
      nothing,
      nothing,
      nothing,
    ])
    expect(await ownServices()).toHaveLength(1)
    await runtime.close()
    expect(await ownServices()).toEqual([])
    const folder = /poststack-podman-\w+/.exec(service?.args ?? '')?.[0]
    expect(folder).toBeDefined()
    expect(await readdir(tmpdir())).not.toContain(folder)
  })

  test('a process that forgets to close ends, and takes the service with it', async () => {
    const module = new URL('../../../src/runtime/container/container.ts', import.meta.url).pathname
    const program = `
      const { createContainerRuntime } = await import(${JSON.stringify(module)})
      await createContainerRuntime({ name: 'podman', env: process.env, signal: new AbortController().signal })
      const { execFileSync } = await import('node:child_process')
      console.log(execFileSync('ps', ['--ppid', process.pid, '-o', 'pid=,args=']).toString())
    `
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])
    const pid = /^ *(\d+) podman system service/m.exec(stdout)?.[1]
    expect(pid, stdout).toBeDefined()
    await expect.poll(() => isAlive(pid ?? '')).toBe(false)
  })

  test("podman answers Docker's driver too", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poststack-as-docker-'))
    const url = `unix://${join(folder, 'podman.sock')}`
    const service = startProgram({
      program: 'podman',
      args: ['system', 'service', '--time=20', url],
      env,
      words: join(folder, 'words'),
    })
    try {
      const open = () => createContainerRuntime({ name: 'docker', env: { ...env, DOCKER_HOST: url }, signal })
      const runtime = await expect
        .poll(() => open().catch(() => undefined))
        .toBeDefined()
        .then(open)
      expect(runtime.name).toBe('docker')
      const ref = 'docker.io/library/debian:trixie-slim'
      const { images } = await runtime.observe({ ...scope, imageRefs: [ref] }, { signal })
      expect(images).toMatchObject([{ ref }])
      await runtime.close()
    } finally {
      service.stop()
      await service.ended
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** Services that this process has started; other tests may run some of theirs. */
async function ownServices(): Promise<readonly { readonly pid: number; readonly args: string }[]> {
  const { stdout } = await run('ps', ['--ppid', String(process.pid), '-o', 'pid=,args='])
  return stdout.split('\n').flatMap((line) => {
    const [, pid, args] = /^ *(\d+) (podman system service .*)$/.exec(line) ?? []
    return args === undefined ? [] : [{ pid: Number(pid), args }]
  })
}

/** One that has ended and was not asked for its exit code yet counts as dead. */
async function isAlive(pid: string): Promise<boolean> {
  const { stdout } = await run('ps', ['-p', pid, '-o', 'stat=']).catch(() => ({ stdout: '' }))
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}
