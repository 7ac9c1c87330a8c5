import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { findBinaries, packageName } from '../../src/runtime/native/binaries.ts'
import { label } from '../../src/plan/labels.ts'
import { linkLibraries } from '../../src/runtime/native/libraries.ts'
import { createNativeRuntime, whyNoServer } from '../../src/runtime/native/native.ts'
import { compiled } from '../support/compiled.ts'
import {
  ask,
  askWhenReady,
  destroyProject,
  files,
  labelsOf,
  planFor,
  processesIn,
  target,
  volume,
} from '../support/native-project.ts'
import { freePort } from '../support/ports.ts'

const run = promisify(execFile)
const options = { signal: new AbortController().signal }
const script = await compiled(join(import.meta.dirname, '../support/start-native.ts'))
const nobody = 65_534
/** These change users, which only root may. */
const isRoot = process.platform === 'linux' && process.getuid?.() === 0
const temporary: string[] = []

afterEach(async () => {
  for (const folder of temporary.splice(0)) await destroyProject(folder)
})

async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ps-user-')))
  temporary.push(folder)
  await chmod(folder, 0o755)
  return folder
}

/** A PATH with some programs only. Without `unshare` the machine has no namespace to offer. */
async function pathWith(...programs: readonly string[]): Promise<string> {
  const folder = join(await temporaryFolder(), 'bin')
  await mkdir(folder)
  for (const program of programs) {
    const { stdout } = await run('which', [program])
    await symlink(stdout.trim(), join(folder, program))
  }
  return folder
}

const pathWithoutUnshare = () => pathWith('id')

/** A project of root's where nobody else may enter. */
async function privateProject(): Promise<string> {
  const root = join(await temporaryFolder(), 'private')
  await mkdir(root, { mode: 0o700 })
  return root
}

async function makeContainer(root: string, env: NodeJS.ProcessEnv) {
  const port = await freePort()
  const runtime = createNativeRuntime({ root, env })
  await runtime.createVolume(volume, labelsOf(root), options)
  await runtime.createContainer(planFor(root, port), {}, options)
  return { port, runtime }
}

const dataIn = (root: string) => join(root, '.poststack/native/volumes', volume, 'data')

async function statusOf(root: string): Promise<string> {
  const [pid] = (await readFile(join(dataIn(root), 'postmaster.pid'), 'utf8')).split('\n')
  return readFile(`/proc/${String(pid)}/status`, 'utf8')
}

async function userOf(root: string): Promise<number> {
  const [real, ...others] = numbers(await statusOf(root), 'Uid')
  expect(new Set(others), 'one user in all respects').toEqual(new Set([real]))
  return Number(real)
}

/** The numbers of a line of `/proc/<pid>/status`, as they are outside of all namespaces. */
function numbers(status: string, line: string): readonly string[] {
  const words = new RegExp(`^${line}:(.*)$`, 'm').exec(status)?.[1] ?? ''
  return words.trim().split(/\s+/).filter(Boolean)
}

/** The user that root's servers are to run as on this machine. */
async function expectedUser(): Promise<number> {
  const { stdout } = await run('id', ['-u', 'postgres']).catch(() => run('id', ['-u', 'nobody']))
  return Number(stdout)
}

describe.skipIf(!isRoot)('started by root', () => {
  test('the server is another user, and its SQL cannot do to files what root can', async () => {
    const root = await temporaryFolder()
    const secret = await privateProject()
    await writeFile(join(secret, 'secret'), 'treasure', { mode: 0o600 })
    const { port, runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    await askWhenReady({ port }, 'create table loot (line text)')

    expect(await userOf(root)).toBe(await expectedUser())
    const status = await statusOf(root)
    expect([...numbers(status, 'Uid'), ...numbers(status, 'Gid'), ...numbers(status, 'Groups')]).not.toContain('0')
    expect(numbers(status, 'CapEff')).toEqual(['0'.repeat(16)])
    const touch = `copy loot from program 'touch ${join(secret, 'touched')}'`
    await expect(ask({ port }, touch)).rejects.toMatchObject({ code: '38000' })
    await expect(ask({ port }, `copy loot from '${join(secret, 'secret')}'`)).rejects.toMatchObject({ code: '42501' })
    expect(await readdir(secret)).toEqual(['secret'])
    // Nor to what lies beside its data. The passwords do: others may pass there, and not look.
    await expect(ask({ port }, `copy loot from program 'ls ${join(root, '.poststack')}'`)).rejects.toThrow()
    expect((await stat(join(root, '.poststack'))).mode & 0o777).toBe(0o711)
    await runtime.stopContainer(target, 20, options)
  })

  test('in a home that nobody else may enter it runs in a namespace, as does an older data directory', async () => {
    const root = await privateProject()
    const { port, runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    expect(await userOf(root)).toBe(0)
    expect((await stat(dataIn(root))).uid).toBe(0)
    expect((await stat(join(root, '.poststack'))).mode & 0o777).toBe(0o700)
    await runtime.stopContainer(target, 20, options)
    // What it is now does not change under data that are there.
    await chmod(root, 0o755)
    await runtime.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    expect((await stat(dataIn(root))).uid).toBe(0)
    await runtime.stopContainer(target, 20, options)
  })

  test('where programs cannot be run as another user it runs in a namespace', async () => {
    const root = join(await temporaryFolder(), 'project')
    const packageFolder = await packageWithoutLinks(root)
    await chmod(packageFolder, 0o700)
    const { port, runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    expect(await userOf(root)).toBe(0)
    await runtime.stopContainer(target, 20, options)
  })

  test('where no user can be found to run it as, nothing is made', async () => {
    const root = await temporaryFolder()
    const env = { PATH: await pathWith('sh') }
    const lacking = { code: 'PROGRAM_MISSING', details: { program: 'id' } }
    expect(await whyNoServer({ root, env, major: 17, ...options })).toMatchObject(lacking)
    const runtime = createNativeRuntime({ root, env })
    const labels = { ...labelsOf(root), [label.postgres]: '17' }
    await expect(runtime.createVolume(volume, labels, options)).rejects.toMatchObject(lacking)
  })

  test('in a home that nobody else may enter, without namespaces, nothing is made, and both are named', async () => {
    const root = await privateProject()
    const env = { PATH: await pathWithoutUnshare() }
    const lacking = { code: 'PROGRAM_MISSING', details: { program: 'unshare', folder: root } }
    expect(await whyNoServer({ root, env, major: 17, ...options })).toMatchObject(lacking)
    const runtime = createNativeRuntime({ root, env })
    const labels = { ...labelsOf(root), [label.postgres]: '17' }
    await expect(runtime.createVolume(volume, labels, options)).rejects.toMatchObject(lacking)
    // Made where there was one, and now there is none.
    const { runtime: before } = await makeContainer(root, process.env)
    await before.startContainer(target, files, options)
    await before.stopContainer(target, 20, options)
    await expect(runtime.startContainer(target, files, options)).rejects.toMatchObject(lacking)
    expect((await stat(dataIn(root))).uid).toBe(0)
  })

  test('without namespaces it runs as another user too, and goes on doing so', async () => {
    const root = await temporaryFolder()
    const { port, runtime } = await makeContainer(root, { PATH: await pathWithoutUnshare() })
    await runtime.startContainer(target, files, options)
    await askWhenReady({ port }, 'create table kept as select 5 as answer')
    const user = await userOf(root)
    expect(user).toBe(await expectedUser())
    await runtime.stopContainer(target, 20, options)
    expect(await processesIn(root)).toEqual([])

    const later = createNativeRuntime({ root, env: process.env })
    await later.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select answer from kept')).toBe(5)
    expect(await userOf(root)).toBe(user)
    await later.stopContainer(target, 20, options)
  })

  test('data that were made with a namespace stay usable when the machine offers none any longer', async () => {
    const root = await privateProject()
    const { port, runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    await askWhenReady({ port }, 'create table kept as select 6 as answer')
    await runtime.stopContainer(target, 20, options)
    await chmod(root, 0o755)
    const without = createNativeRuntime({ root, env: { PATH: await pathWithoutUnshare() } })
    await without.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select answer from kept')).toBe(6)
    expect(await userOf(root)).toBe(await expectedUser())
    await without.stopContainer(target, 20, options)
  })

  test("a user's data in a folder of root's group do not give the server that group", async () => {
    const root = join(await temporaryFolder(), 'theirs')
    await mkdir(root)
    await chown(root, nobody, 0)
    const { port, runtime } = await makeContainer(root, process.env)
    for (let round = 0; round < 2; round++) {
      await runtime.startContainer(target, files, options)
      expect(await askWhenReady({ port }, 'select 1')).toBe(1)
      expect(numbers(await statusOf(root), 'Gid')).toEqual(Array.from({ length: 4 }, () => String(nobody)))
      await runtime.stopContainer(target, 20, options)
      await run('chgrp', ['-R', '0', dataIn(root)])
    }
  })

  test("in the project of another user the data are that user's", async () => {
    const root = join(await temporaryFolder(), 'theirs')
    await mkdir(root)
    await chown(root, nobody, nobody)
    const { port, runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    expect(await userOf(root)).toBe(nobody)
    await runtime.stopContainer(target, 20, options)
  })
})

describe.skipIf(!isRoot)('started by an ordinary user', () => {
  test('it runs as that user', async () => {
    const root = join(await temporaryFolder(), 'mine')
    await mkdir(root)
    await chown(root, nobody, nobody)
    const port = await freePort()
    await startAsNobody(root, port)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    expect(await userOf(root)).toBe(nobody)
    // And root, coming later, sees and stops it.
    const runtime = createNativeRuntime({ root, env: process.env })
    expect((await runtime.inspect(target, options))?.state).toBe('running')
    await runtime.stopContainer(target, 20, options)
    expect(await processesIn(root)).toEqual([])
    await startAsNobody(root, port)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
  })

  test('data of root are refused with the way out', async () => {
    const root = await privateProject()
    const { runtime } = await makeContainer(root, process.env)
    await runtime.startContainer(target, files, options)
    await runtime.stopContainer(target, 20, options)
    // Everything but the data itself is within reach.
    await run('chown', ['-R', String(nobody), root])
    await run('chown', ['-R', '0', dataIn(root)])
    await chmod(dataIn(root), 0o755)
    await expect(startAsNobody(root, await freePort())).rejects.toMatchObject({
      stderr: expect.stringMatching(/belongs to another user \(uid 0\)[^]*chown/),
    })
  })

  test('a package without links that cannot be written is helped with links elsewhere', async () => {
    const root = join(await temporaryFolder(), 'mine')
    const packageFolder = await packageWithoutLinks(root)
    await chown(root, nobody, nobody)
    const port = await freePort()
    await startAsNobody(root, port)
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    const [pid] = (await readFile(join(dataIn(root), 'postmaster.pid'), 'utf8')).split('\n')
    expect(await readlink(`/proc/${String(pid)}/exe`)).toBe(join(packageFolder, 'native/bin/postgres'))
    expect(await readdir(join(packageFolder, 'native/lib'))).not.toContain('libpq.so.5')
  })
})

describe.skipIf(!isRoot)('a package installed without its scripts', () => {
  test('gets its links once, from however many processes', async () => {
    const root = join(await temporaryFolder(), 'project')
    const packageFolder = await packageWithoutLinks(root)
    const places = [{ kind: 'package', name: packageName(), from: root }] as const
    const finding = () =>
      findBinaries({
        major: 17,
        places,
        libraries: join(root, 'libraries'),
        thorough: true,
        askVersion: async (program, env) => (await run(program, ['--version'], { env: { ...env } })).stdout,
      })
    const found = await Promise.all([finding(), finding(), finding()])
    expect(found.map(({ env }) => env)).toEqual([{}, {}, {}])
    expect(await readlink(join(packageFolder, 'native/lib/libpq.so.5'))).toBe('libpq.so.5.17')
    expect(await linkLibraries(packageFolder, join(root, 'libraries'))).toEqual({})
  })
})

async function startAsNobody(root: string, port: number): Promise<void> {
  const home = await temporaryFolder()
  await chown(home, nobody, nobody)
  const env = { PATH: process.env['PATH'], HOME: home, TMPDIR: home }
  await run(process.execPath, [script, root, String(port)], { uid: nobody, gid: nobody, env })
}

/** The package as an install leaves it that runs no scripts, in the project's own node_modules. */
async function packageWithoutLinks(root: string): Promise<string> {
  const original = dirname(dirname(createRequire(import.meta.url).resolve(packageName())))
  const folder = join(root, 'node_modules', packageName())
  await mkdir(dirname(folder), { recursive: true })
  await cp(original, folder, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[]
  for (const link of links) await rm(join(folder, link.target), { force: true })
  return folder
}
