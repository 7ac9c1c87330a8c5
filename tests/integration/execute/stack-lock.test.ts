import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ownIdentity } from '../../../src/runtime/process-identity.ts'
import { withStackLock } from '../../../src/execute/stack-lock.ts'
import type { StackLockOptions } from '../../../src/execute/stack-lock.ts'
import { compiled } from '../../support/compiled.ts'

const worker = await compiled(fileURLToPath(new URL('lock-worker.ts', import.meta.url)))
let root: string
let children: ChildProcess[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'poststack-lock-'))
  children = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
})

function options(changes: Partial<StackLockOptions> = {}): StackLockOptions {
  const signal = new AbortController().signal
  return { root, stack: 'shop', command: 'poststack up', signal, onWaiting: () => undefined, ...changes }
}

function startWorker(times: number, insideMs: number): ChildProcess {
  const child = spawn(process.execPath, [worker, root, String(times), String(insideMs)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  children.push(child)
  return child
}

async function text(name: string): Promise<string> {
  return readFile(join(root, name), 'utf8').catch(() => '')
}

async function lockFiles(): Promise<string[]> {
  return (await readdir(join(root, '.poststack/locks'))).toSorted()
}

async function leave(generation: number, content: string): Promise<void> {
  await mkdir(join(root, '.poststack/locks'), { recursive: true })
  await writeFile(join(root, `.poststack/locks/shop.${generation}.json`), content)
}

async function owner(changes: Record<string, unknown>): Promise<string> {
  const since = new Date(Date.now() - 12_000).toISOString()
  return JSON.stringify({ ...(await ownIdentity()), token: 't', command: 'poststack up', since, ...changes })
}

describe('between processes', () => {
  test('eight processes must never be inside together, and none of 1600 additions may be lost', async () => {
    const exits = Array.from({ length: 8 }, () => once(startWorker(200, 1), 'exit'))
    for (const [code] of await Promise.all(exits)) expect(code).toBe(0)
    expect(await text('violations')).toBe('')
    expect(await text('counter')).toBe('1600')
    // One released generation is left, and no draft.
    expect(await lockFiles()).toHaveLength(1)
  })

  test('holders killed at any moment must neither let two in nor leave the lock taken', async () => {
    // On a busy machine a worker takes long to begin, and one that is killed before proves nothing.
    const began = Date.now()
    await once(startWorker(1, 1), 'exit')
    const paceMs = Math.max(250, Date.now() - began)
    const running = new Set<ChildProcess>()
    const deadline = Date.now() + 12_000
    let killed = 0
    // By count where the machine is slow, by time where it is not.
    while (killed < 25 || (await text('rounds')).length <= 20 || Date.now() < deadline) {
      while (running.size < 5) {
        const child = startWorker(1_000_000, 3)
        running.add(child)
        child.once('exit', () => running.delete(child))
      }
      await sleep(Math.random() * paceMs)
      // The one inside most of the time, any one otherwise.
      const inside = Number(await text('inside'))
      const victim = [...running].find(({ pid }) => pid === inside && Math.random() < 0.7) ?? [...running].at(0)
      if (victim?.kill('SIGKILL') === true) killed += 1
    }
    for (const child of running) child.kill('SIGKILL')
    expect(await text('violations')).toBe('')
    expect(killed).toBeGreaterThan(20)
    expect((await text('rounds')).length).toBeGreaterThan(20)
    expect(await withStackLock(options({ waitMs: 5000 }), () => Promise.resolve('in'))).toBe('in')
    expect((await lockFiles()).filter((name) => name.endsWith('.json'))).toHaveLength(1)
  }, 120_000)

  test('the lock must be free at once when its holder is killed', async () => {
    const child = startWorker(1, 1_000_000)
    while ((await text('inside')) === '') await sleep(20)
    const waiting = withStackLock(options(), () => Promise.resolve(performance.now()))
    await sleep(200)
    const before = performance.now()
    child.kill('SIGKILL')
    expect((await waiting) - before).toBeLessThan(500)
  })
})

describe('whose lock it is', () => {
  test('a recycled process id must not keep the lock', async () => {
    await leave(7, await owner({ started: '1' }))
    expect(await withStackLock(options({ waitMs: 0 }), lockFiles)).toEqual(['shop.8.json'])
  })

  test('a lock from before the last boot of this machine must not count', async () => {
    await leave(1, await owner({ boot: 'another' }))
    expect(await withStackLock(options({ waitMs: 0 }), lockFiles)).toEqual(['shop.2.json'])
  })

  test.each([
    ['another machine', { boot: 'another', host: 'build-7' }, 'poststack up (pid PID on build-7, for 12 s)'],
    ['another container on this machine', { space: 'pid:[1]', pid: 999_999_999 }, 'poststack up (pid PID, for 12 s)'],
  ])('a holder in %s must count as alive, and the way out be said', async (_where, changes, holder) => {
    await leave(1, await owner(changes))
    const pid = 'pid' in changes ? changes.pid : process.pid
    await expect(withStackLock(options({ waitMs: 0 }), lockFiles)).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
      message: `Stack shop is in use by ${holder.replace('PID', String(pid))}; waited 0 s.`,
      hint: expect.stringContaining(`If it is gone, delete ${join(root, '.poststack/locks/shop.1.json')}.`),
    })
  })

  test.each(['', '\0\0\0\0', '{"pid": 1', 'null', '[]', '"text"'])(
    'a lock file damaged by a power cut (%j) must not stand in the way',
    async (content) => {
      await leave(3, content)
      expect(await withStackLock(options({ waitMs: 0 }), lockFiles)).toEqual(['shop.4.json'])
    },
  )

  test('other stacks, also one whose name begins alike, must not be touched', async () => {
    await leave(1, await owner({}))
    const other = options({ stack: 'shop-test', waitMs: 0 })
    expect(await withStackLock(other, lockFiles)).toEqual(['shop-test.1.json', 'shop.1.json'])
  })
})

describe('waiting', () => {
  test('must say who holds the lock at once and every second, and give up in time', async () => {
    const said: [string, number][] = []
    await withStackLock(options({ command: 'poststack migrate' }), async () => {
      const second = options({ waitMs: 1300, onWaiting: (...call) => said.push(call) })
      await expect(withStackLock(second, lockFiles)).rejects.toMatchObject({
        code: 'LOCK_TIMEOUT',
        hint: 'Wait until it is done, or stop it, and run the command again.',
      })
    })
    expect(said.map(([holder]) => holder.replace(/\d+/, 'PID'))).toEqual([
      'poststack migrate (pid PID, for 0 s)',
      'poststack migrate (pid PID, for 1 s)',
    ])
    expect(said[0]?.[1]).toBeLessThan(500)
    expect(said[1]?.[1]).toBeGreaterThanOrEqual(1000)
  })

  test('must end when it is told to stop, and change nothing', async () => {
    const stop = new AbortController()
    await withStackLock(options(), async () => {
      const before = await lockFiles()
      const waiting = withStackLock(options({ signal: stop.signal }), lockFiles)
      setTimeout(() => stop.abort(), 100)
      await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
      expect(await lockFiles()).toEqual(before)
    })
  })

  test('calls of one process must take turns too', async () => {
    const order: string[] = []
    const turn = (name: string) => async () => {
      order.push(`${name} in`)
      await sleep(120)
      order.push(`${name} out`)
    }
    await Promise.all([withStackLock(options(), turn('a')), withStackLock(options(), turn('b'))])
    expect(order.filter((_, index) => index % 2 === 0).map((entry) => entry.replace('in', 'out'))).toEqual(
      order.filter((_, index) => index % 2 === 1),
    )
  })
})

describe('giving back', () => {
  test('must happen also when the work fails, whose error is kept', async () => {
    const failure = new Error('work failed')
    await expect(withStackLock(options(), () => Promise.reject(failure))).rejects.toBe(failure)
    expect(await withStackLock(options({ waitMs: 0 }), () => Promise.resolve('in'))).toBe('in')
  })

  test('what a process left that died before it had the lock must be cleared away, and what may be of another only when it is old', async () => {
    await leave(1, '')
    await leave(2, '')
    const { pid: dead } = spawnSync('true')
    for (const draft of ['young', `${String(dead)}.ab-1`, `${String(process.pid)}.ab-2`])
      await writeFile(join(root, `.poststack/locks/shop.${draft}.draft`), '')
    await withStackLock(options(), () => Promise.resolve())
    const left = ['shop.3.json', 'shop.young.draft', `shop.${String(process.pid)}.ab-2.draft`]
    expect((await lockFiles()).toSorted()).toEqual(left.toSorted())
  })
})

describe('the folder', () => {
  test('must be private, and invisible to git', async () => {
    await withStackLock(options(), () => Promise.resolve())
    for (const folder of ['.poststack', '.poststack/locks']) {
      expect((await stat(join(root, folder))).mode & 0o777).toBe(0o700)
    }
    expect(await text('.poststack/.gitignore')).toBe('*\n')
    const [file = ''] = await lockFiles()
    expect((await stat(join(root, '.poststack/locks', file))).mode & 0o777).toBe(0o600)
    expect(await text('.poststack/locks/shop.1.json')).not.toContain(hostname())
  })

  test('that is a file must be said with the way out', async () => {
    await writeFile(join(root, '.poststack'), '')
    await expect(withStackLock(options(), lockFiles)).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      message: expect.stringContaining('a file stands where a folder is needed'),
      hint: 'Move the file away, then run the command again.',
    })
  })

  test.skipIf(process.platform === 'win32')('that is read-only must be said with the way out', async () => {
    await withStackLock(options(), () => Promise.resolve())
    await chmod(root, 0o755)
    await chmod(join(root, '.poststack'), 0o555)
    await chmod(join(root, '.poststack/locks'), 0o555)
    await expect(asOrdinaryUser(() => withStackLock(options(), lockFiles))).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      message: `Cannot write ${join(root, '.poststack/locks')}: permission denied.`,
      hint: expect.stringContaining("give the project's .poststack folder to this user"),
    })
  })
})

/** Root may write everywhere, so a test that runs as root lays that power down for a moment. */
async function asOrdinaryUser<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return action()
  // The file calls run in threads, which take the new id over with the process.
  process.seteuid?.(65_534)
  try {
    return await action()
  } finally {
    process.seteuid?.(0)
  }
}
