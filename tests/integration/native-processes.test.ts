import { execFile, spawn } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { readProcess, signalProcess } from '../../src/runtime/native/process.ts'
import { createNativeRuntime } from '../../src/runtime/native/native.ts'
import { compiled } from '../support/compiled.ts'
import {
  ask,
  askWhenReady,
  dataOf,
  destroyProject,
  destroyProjects,
  emptyProject,
  files,
  options,
  postmaster,
  processesIn,
  project,
  start,
  state,
  stop,
  target,
} from '../support/native-project.ts'
import { freePort } from '../support/ports.ts'

const script = await compiled(join(import.meta.dirname, '../support/start-native.ts'))
const linux = process.platform === 'linux'

afterEach(destroyProjects)

describe('processes', () => {
  test('the server outlives the process that started it, and another one finds it', async () => {
    const root = await emptyProject()
    const port = await freePort()
    await promisify(execFile)(process.execPath, [script, root, String(port)])
    expect(await askWhenReady({ port }, 'select 1')).toBe(1)
    const one = { root, port, runtime: createNativeRuntime({ root, env: process.env }) }
    expect(await one.runtime.inspect(target, options)).toMatchObject({ state: 'running', ports: [{ host: port }] })
    if (linux) {
      const pid = await postmaster(one)
      const [, , , session] = (await readFile(`/proc/${String(pid)}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
      expect(Number(session), 'a session of its own').toBe(pid)
    }
    await stop(one)
    expect(await state(one)).toBe('exited')
  })

  test('a killed server has ended with its code, and starts again with what was committed', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'create table kept as select 7 as answer')
    process.kill(await postmaster(one), 'SIGKILL')
    await expect.poll(() => state(one)).toBe('exited')
    expect((await one.runtime.inspect(target, options))?.exitCode).toBe(137)
    await start(one)
    expect(await askWhenReady(one, 'select answer from kept')).toBe(7)
  })

  test.runIf(linux)(
    'a start that is killed at any moment leaves nothing that stands in the way of the next',
    async () => {
      for (let round = 0; round < 10; round++) {
        const root = await emptyProject()
        const port = await freePort()
        const child = spawn(process.execPath, [script, root, String(port)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const ended = new Promise((resolve) => child.once('exit', resolve))
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await sleep(Math.random() * 1200)
        child.kill('SIGKILL')
        await ended
        const one = { root, port, runtime: createNativeRuntime({ root, env: process.env }) }
        await start(one)
        expect(await askWhenReady(one, 'select 1'), `round ${String(round)}`).toBe(1)
        const left = (await promisify(execFile)('ls', ['-A', join(dataOf(one), '..')])).stdout.trim().split('\n')
        expect(left).toEqual(['data', 'volume.json'])
        await stop(one)
        await expect.poll(() => processesIn(root)).toEqual([])
        await destroyProject(root)
      }
    },
    240_000,
  )

  test('a foreign process with the id of a dead server is neither taken for it nor signalled', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'create table kept as select 1 as answer')
    const dead = await postmaster(one)
    const note = await readFile(join(dataOf(one), 'postmaster.pid'), 'utf8')
    await stop(one)
    const stranger = spawn('sleep', ['100'])
    try {
      // As after a power cut: both notes are there, and their number belongs to somebody else.
      await writeFile(join(dataOf(one), 'postmaster.pid'), note.replace(String(dead), String(stranger.pid)), {
        mode: 0o600,
      })
      const run = { pid: stranger.pid, started: 'long ago' }
      await writeFile(join(one.root, '.poststack/native/servers', target.name, 'server.json'), JSON.stringify(run))
      expect(await state(one)).toBe('exited')
      await stop(one, 0)
      await start(one)
      expect(await askWhenReady(one, 'select answer from kept')).toBe(1)
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
    } finally {
      stranger.kill()
    }
  })

  test.runIf(linux)('a dead server whose parent never asks how it ended does not prevent the next start', async () => {
    const root = await emptyProject()
    const port = await freePort()
    const parent = spawn(process.execPath, [script, root, String(port), 'stay'])
    try {
      await expect
        .poll(() => ask({ port }, 'create table kept as select 3 as answer').catch(() => 'not yet'), {
          timeout: 20_000,
        })
        .toBeUndefined()
      const one = { root, port, runtime: createNativeRuntime({ root, env: process.env }) }
      const dead = await postmaster(one)
      // Stopped, it asks for nothing: as PID 1 of a container that runs a program of its own.
      parent.kill('SIGSTOP')
      process.kill(dead, 'SIGKILL')
      await expect.poll(() => readFile(`/proc/${String(dead)}/stat`, 'utf8')).toMatch(/\) Z /)
      expect(await state(one)).toBe('exited')
      await start(one)
      expect(await askWhenReady(one, 'select answer from kept')).toBe(3)
      expect(await readFile(`/proc/${String(dead)}/stat`, 'utf8'), 'still there').toMatch(/\) Z /)
      await stop(one)
    } finally {
      parent.kill('SIGKILL')
    }
  })

  test('a signal goes to the process that was meant, and not to a later one with its id', async () => {
    const stranger = spawn('sleep', ['100'])
    try {
      const pid = stranger.pid ?? 0
      const earlier = { pid, started: 'long ago', commandLine: 'postgres', workFolder: undefined }
      expect(await signalProcess(earlier, 'SIGKILL', options.signal)).toBe(false)
      expect((await readProcess(pid, options.signal))?.commandLine).toBe('sleep 100')
      const now = await readProcess(pid, options.signal)
      expect(now !== undefined && (await signalProcess(now, 'SIGKILL', options.signal))).toBe(true)
      await expect.poll(() => readProcess(pid, options.signal)).toBeUndefined()
    } finally {
      stranger.kill()
    }
  })

  test('an empty note of PostgreSQL, as a power cut leaves it, does not prevent the start', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'select 1')
    await stop(one)
    await writeFile(join(dataOf(one), 'postmaster.pid'), '', { mode: 0o600 })
    await start(one)
    expect(await askWhenReady(one, 'select 1')).toBe(1)
  })

  test('a server whose start was cut off before it was noted is found by what PostgreSQL notes', async () => {
    const one = await project()
    await start(one)
    await askWhenReady(one, 'select 1')
    await rm(join(one.root, '.poststack/native/servers', target.name, 'server.json'))
    expect(await state(one)).toBe('running')
    await stop(one)
    expect(await processesIn(one.root)).toEqual([])
  })

  test('runtimes that start one container at the same time end up with one server', async () => {
    const one = await project()
    const others = [1, 2].map(() => createNativeRuntime({ root: one.root, env: process.env }))
    const another = promisify(execFile)(process.execPath, [script, one.root, String(one.port)])
    await Promise.all([start(one), ...others.map((runtime) => start({ ...one, runtime })), another])
    expect(await askWhenReady(one, 'select 1')).toBe(1)
    expect(await state(one)).toBe('running')
    await stop(one)
    expect(await processesIn(one.root)).toEqual([])
  })

  test('an abort ends the start at once, and the next one works', async () => {
    const one = await project()
    const aborting = new AbortController()
    const starting = one.runtime.startContainer(target, files, { signal: aborting.signal })
    await sleep(300)
    aborting.abort()
    await expect(starting).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await start(one)
    expect(await askWhenReady(one, 'select 1')).toBe(1)
  })

  test.runIf(linux)('Ctrl-C reaches us and not initdb, which ends without a word and without a trace', async () => {
    for (const program of ['/initdb ', ' --boot ', ' --single ']) {
      // On a busy machine a short program is missed at times.
      for (let left = 10; !(await interruptedDuring(program)); left--)
        expect(left, `${program}was never seen`).toBeGreaterThan(1)
    }
  })
})

/** Sends Ctrl-C to a start while this program runs for it, and looks at what comes of it. False when the program was not seen. */
async function interruptedDuring(program: string): Promise<boolean> {
  const root = await emptyProject()
  const port = await freePort()
  // The leader of a group, as a command in a terminal is: Ctrl-C goes to all of the group.
  const child = spawn(process.execPath, [script, root, String(port)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()))
  const ended = new Promise((resolve) => child.once('close', resolve))
  while (child.exitCode === null && !(await commandLinesIn(root, child.pid)).includes(program));
  if (child.exitCode !== null) {
    await destroyProject(root)
    return false
  }
  process.kill(-(child.pid ?? 0), 'SIGINT')
  await ended
  expect(words).toContain('INTERRUPTED')
  expect(words).not.toMatch(/initdb|unshare|exit code|postgres:/)
  expect(await processesIn(root)).toEqual([])
  const volumes = join(root, '.poststack/native/volumes')
  expect((await promisify(execFile)('find', [volumes, '-name', '.new-*'])).stdout).toBe('')
  return true
}

/** What runs for a project, the command itself apart. */
async function commandLinesIn(root: string, apart: number | undefined): Promise<string> {
  const pids = (await processesIn(root)).filter((pid) => pid !== apart)
  const lines = pids.map((pid) => readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => ''))
  return (await Promise.all(lines)).join('\n').replaceAll('\0', ' ')
}
