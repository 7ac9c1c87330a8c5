import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { label } from '../../src/plan/labels.ts'
import { createNativeRuntime } from '../../src/runtime/native/native.ts'
import { processHoldingPort } from '../../src/runtime/port-holder.ts'
import {
  ask,
  askWhenReady,
  dataOf,
  destroyProjects,
  emptyProject,
  files,
  labelsOf,
  options,
  planFor,
  postmaster,
  processesIn,
  project,
  start,
  state,
  stop,
  target,
  volume,
} from '../support/native-project.ts'
import { freePort } from '../support/ports.ts'

const linux = process.platform === 'linux'

afterEach(destroyProjects)

describe('a server', () => {
  test('lets in with the password only, over TCP, into the declared database', async () => {
    const one = await project({ database: 'my "shop"; drop' })
    await start(one)
    const login = { port: one.port, database: 'my "shop"; drop' }
    expect(await askWhenReady(login, 'select current_database()')).toBe('my "shop"; drop')
    expect(await ask(login, 'select datcollate from pg_database where datname = current_database()')).toBe('C')
    await expect(ask({ ...login, password: 'wrong' }, 'select 1')).rejects.toMatchObject({ code: '28P01' })
    expect(await ask(login, "select count(*)::int from pg_hba_file_rules where auth_method <> 'scram-sha-256'")).toBe(0)
  })

  test('keeps its data over stop and start, and takes its settings', async () => {
    const one = await project({ settings: { work_mem: '7MB', application_name: "it's" } })
    await start(one)
    await askWhenReady(one, 'create table kept as select 42 as answer')
    await stop(one)
    expect(await state(one)).toBe('exited')
    await start(one)
    expect(await askWhenReady(one, 'select answer from kept')).toBe(42)
    expect(await ask(one, 'show work_mem')).toBe('7MB')
    expect(await ask(one, 'show fsync')).toBe('on')
  })

  test('whose record is damaged is not passed over: the file is named, and the process that still runs', async () => {
    const one = await project()
    await start(one)
    const folder = join(one.root, '.poststack/native/servers', target.name)
    const record = join(folder, 'container.json')
    const text = await readFile(record, 'utf8')
    const damaged = async () => {
      const scope = { stack: 'shop', project: '0123456789ab', volumeNames: [], networkNames: [], imageRefs: [] }
      const { containers } = await one.runtime.observe({ ...scope, containerNames: [target.name] }, options)
      expect(containers.map(({ name }) => name)).toEqual([target.name])
      return containers[0]?.damaged
    }
    expect(await damaged()).toBeUndefined()
    await writeFile(record, '{bad')
    expect(await damaged()).toEqual({ file: record, folder, pid: await postmaster(one) })
    await writeFile(record, text)
    expect(await damaged()).toBeUndefined()
    await stop(one)
    await rm(record)
    expect(await damaged()).toEqual({ file: record, folder })
  })

  test('leaves nothing secret in its records, and keeps them private', async () => {
    const one = await project()
    await start(one)
    const folder = join(one.root, '.poststack')
    // Started by root, the server passes through to its data, and cannot look.
    expect((await stat(folder)).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700)
    expect(await readFile(join(folder, '.gitignore'), 'utf8')).toBe('*\n')
    const { stdout } = await promisify(execFile)('grep', ['-rlF', "it's a", folder]).catch(
      (error: { stdout: string }) => error,
    )
    expect(stdout).toBe('')
  })

  test('runs where the path is long and has spaces, quotes and letters beyond ASCII', async () => {
    const root = await emptyProject(`it's a "größeres" 项目 $HOME ${'x'.repeat(120)}`)
    const one = await project({}, { root })
    await start(one)
    expect(await askWhenReady(one, 'select 1')).toBe(1)
    await stop(one)
    expect(await processesIn(root)).toEqual([])
  })

  test('is stopped within the grace time while clients are connected and busy', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'select 1')
    const sleeping = ask(one, 'select pg_sleep(60)').catch((error: { code?: string }) => error.code)
    await sleep(200)
    const began = Date.now()
    await stop(one, 10)
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await sleeping).toBe('57P01')
    expect((await one.runtime.inspect(target, options))?.exitCode).toBe(0)
  })

  test.runIf(linux)('is killed after the grace time when it does not answer, and starts again', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'create table kept as select 1 as answer')
    process.kill(await postmaster(one), 'SIGSTOP')
    await stop(one, 0)
    expect(await processesIn(dataOf(one))).toEqual([])
    expect((await one.runtime.inspect(target, options))?.exitCode).toBe(137)
    await start(one)
    expect(await askWhenReady(one, 'select answer from kept')).toBe(1)
  })

  test('alone says which version made the data of a volume, not what the volume was made for', async () => {
    const root = await emptyProject()
    const runtime = createNativeRuntime({ root, env: process.env })
    const labels = { ...labelsOf(root), [label.postgres]: '17', [label.volume]: 'db-data' }
    await runtime.createVolume(volume, labels, options)
    const scope = { stack: 'shop', project: '0123456789ab', containerNames: [], volumeNames: [volume] }
    const observed = async (): Promise<unknown> =>
      (await runtime.observe({ ...scope, networkNames: [], imageRefs: [] }, options)).volumes.map(
        ({ key, postgres }) => ({ key, postgres }),
      )
    expect(await observed()).toEqual([{ key: 'db-data', postgres: undefined }])
    await runtime.createContainer(planFor(root, await freePort()), {}, options)
    await runtime.startContainer(target, files, options)
    expect(await observed()).toEqual([{ key: 'db-data', postgres: 17 }])
    // A run under an earlier declaration made the volume and got no further.
    await writeFile(
      join(root, '.poststack/native/volumes', volume, 'volume.json'),
      JSON.stringify({ version: 1, labels: { ...labels, [label.postgres]: '16' } }),
    )
    expect(await observed()).toEqual([{ key: 'db-data', postgres: 17 }])
  })

  test('whose programs are missing is found out before a volume or a container is made', async () => {
    const root = await emptyProject()
    const runtime = createNativeRuntime({ root, env: process.env, binaries: () => [] })
    const labels = { ...labelsOf(root), [label.postgres]: '17', [label.volume]: 'db-data' }
    const missing = { code: 'POSTGRES_BINARIES_MISSING' }
    await expect(runtime.createVolume(volume, labels, options)).rejects.toMatchObject(missing)
    await expect(runtime.createContainer(planFor(root, 1), {}, options)).rejects.toMatchObject(missing)
    expect(await stat(join(root, '.poststack/native/volumes', volume)).catch(() => 'none')).toBe('none')
    expect(await runtime.inspect(target, options)).toBeUndefined()
  })

  test('with a setting it does not know fails with the reason', async () => {
    const one = await project({ settings: { shared_bufers: '1MB' } })
    await expect(start(one)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringContaining('unrecognized configuration parameter "shared_bufers"'),
      hint: expect.stringContaining('settings'),
    })
    expect(await one.runtime.inspect(target, options)).toMatchObject({ state: 'exited', exitCode: 1 })
  })

  test('whose port is taken says by whom, and starts once it is free', async () => {
    const one = await project()
    const holder = createServer()
    await new Promise<void>((resolve) => void holder.listen(one.port, '127.0.0.1', resolve))
    await expect(start(one)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(String.raw`held by process .* \(pid ${String(process.pid)}\)`)),
    })
    // It is nobody's container.
    expect(await one.runtime.portHolder(one.port, options)).toBeUndefined()
    expect(await state(one)).toBe('exited')
    await new Promise((resolve) => holder.close(resolve))
    await start(one)
    expect(await askWhenReady(one, 'select 1')).toBe(1)
    expect(await one.runtime.portHolder(one.port, options)).toBe('container shop-db of stack shop')
    const pid = String(await postmaster(one))
    expect(await processHoldingPort(one.port, options.signal)).toBe(
      `the native PostgreSQL of the stack in ${one.root} (pid ${pid})`,
    )
  })
})

describe('data', () => {
  test('of one volume have one server at a time', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'select 1')
    const other = { name: 'shop-other' }
    await one.runtime.createContainer(planFor(one.root, await freePort(), other), {}, options)
    await expect(one.runtime.startContainer(other, files, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringContaining('in use by container shop-db'),
    })
    await one.runtime.removeContainer(other, options)
    await expect(one.runtime.removeVolume({ name: volume }, options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    expect(await ask(one, 'select 1')).toBe(1)
  })

  test("of a copied project do not belong to the original's server", async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'select 1')
    const root = `${one.root}-copy`
    await cp(one.root, root, { recursive: true })
    const copy = { ...one, root, runtime: createNativeRuntime({ root, env: process.env }) }
    expect(await state(copy)).toBe('exited')
    await stop(copy, 0)
    expect(await ask(one, 'select 1')).toBe(1)
  })

  test('of another major are refused before anything is started', async () => {
    const one = await project()
    await start(one)
    await stop(one)
    await writeFile(join(dataOf(one), 'PG_VERSION'), '16\n')
    await expect(start(one)).rejects.toMatchObject({ message: expect.stringMatching(/PostgreSQL 16, and version 17/) })
  })

  test('behind a link are never deleted', async () => {
    const one = await project()
    const treasure = join(one.root, 'treasure')
    await mkdir(join(treasure, 'data'), { recursive: true })
    await symlink(treasure, join(one.root, '.poststack/native/volumes/linked'))
    await expect(one.runtime.removeVolume({ name: 'linked' }, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
    })
    expect((await stat(join(treasure, 'data'))).isDirectory()).toBe(true)
  })

  test('are deleted by removeVolume and only then', async () => {
    const one = await project()
    await start(one)
    await stop(one)
    await one.runtime.removeContainer(target, options)
    expect((await stat(dataOf(one))).isDirectory()).toBe(true)
    await one.runtime.removeVolume({ name: volume }, options)
    await expect(stat(join(dataOf(one), '..'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('a container whose volume is gone says so', async () => {
  const one = await project()
  await rm(join(dataOf(one), '..'), { recursive: true })
  await expect(start(one)).rejects.toMatchObject({ message: expect.stringContaining(`volume ${volume} is gone`) })
})

test('a folder without a readable record holds its name and belongs to nobody', async () => {
  const one = await project()
  await mkdir(join(one.root, '.poststack/native/servers/broken'))
  await writeFile(join(one.root, '.poststack/native/servers/broken/container.json'), '{ "version": 1,')
  const scope = { stack: 'shop', project: '0123456789ab', volumeNames: [], networkNames: [], imageRefs: [] }
  const named = await one.runtime.observe({ ...scope, containerNames: ['broken'] }, options)
  expect(named.containers.map(({ name, owner }) => [name, owner?.stack])).toEqual([
    ['broken', undefined],
    ['shop-db', 'shop'],
  ])
  const other = await one.runtime.observe({ ...scope, containerNames: [] }, options)
  expect(other.containers.map(({ name }) => name)).toEqual(['shop-db'])
  await expect(
    one.runtime.createContainer(planFor(one.root, 1, { name: 'broken' }), {}, options),
  ).rejects.toMatchObject({ code: 'NAME_TAKEN' })
})

test('no client is let in before the database is there', async () => {
  const one = await project()
  const refusals = new Set<string>()
  const knock = new AbortController()
  const knocking = (async () => {
    while (!knock.signal.aborted) {
      const client = new Client({
        host: '127.0.0.1',
        port: one.port,
        user: 'owner',
        password: files['/run/poststack/password'],
        database: 'shop',
      })
      client.on('error', () => {})
      await client.connect().catch((error: { code?: string }) => refusals.add(String(error.code)))
      await client.end().catch(() => {})
      await sleep(5)
    }
  })()
  await start(one)
  await askWhenReady(one, 'select 1')
  knock.abort()
  await knocking
  expect([...refusals].filter((code) => code !== 'ECONNREFUSED' && code !== '57P03')).toEqual([])
})
