/**
 * From a change on disk to the list of what has changed: real files, and the real chokidar.
 */
import { spawn } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StackEvent } from '../../../src/events.ts'
import type { Inputs } from '../../../src/watch/inputs.ts'
import { createInputWatch, type InputWatch } from '../../../src/watch/input-watch.ts'

let root: string
let controller: AbortController
let watch: InputWatch
let changes: (readonly string[])[]
let events: StackEvent[]

const isSql = (path: string): boolean => path.endsWith('.sql')

function inputs(more: Partial<Inputs> = {}): Inputs {
  return {
    root,
    configFiles: new Set([join(root, 'poststack.config.ts'), join(root, 'later/preset.ts')]),
    files: new Set(),
    folders: [{ path: join(root, 'migrations'), counts: isSql, isConfig: false }],
    ...more,
  }
}

/** The paths of the next change, relative to the project. */
async function nextChange(): Promise<readonly string[]> {
  for (let left = 300; left > 0 && changes.length === 0; left -= 1) await sleep(10)
  return (changes.shift() ?? []).map((path) => path.slice(root.length + 1))
}

/** Longer than any pause that the watch makes. */
async function expectNothing(): Promise<void> {
  await sleep(700)
  expect(changes).toEqual([])
}

const put = (path: string, text: string): Promise<void> => writeFile(join(root, path), text)

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'ps-watch-')))
  await mkdir(join(root, 'migrations'))
  await put('poststack.config.ts', 'one')
  await put('migrations/001_a.sql', 'one')
  controller = new AbortController()
  changes = []
  events = []
  watch = createInputWatch({
    signal: controller.signal,
    onChanged: (paths) => changes.push(paths),
    emit: (event) => {
      if (event.type === 'warning' && event.message.startsWith('some files cannot')) throw new Error(event.message)
      events.push(event)
    },
  })
  await sleep(30)
  await watch.follow(inputs(), { since: Date.now(), anew: true })
})

afterEach(async () => {
  controller.abort()
  await watch.close()
  await rm(root, { recursive: true, force: true })
})

test('a change must be told once, and a touch, a save without change or a change and back must be nothing', async () => {
  expect(watch.count).toBe(2)
  await put('migrations/001_a.sql', 'two')
  expect(await nextChange()).toEqual(['migrations/001_a.sql'])
  await utimes(join(root, 'migrations/001_a.sql'), new Date(), new Date())
  await put('migrations/001_a.sql', 'two')
  await put('poststack.config.ts', 'other')
  await put('poststack.config.ts', 'one')
  await put('unrelated.txt', 'x')
  await put('migrations/.001_a.sql.swp', 'x')
  await put('migrations/README.md', 'x')
  await expectNothing()
})

test('a file in a folder that did not exist must be told, and one that is put back at once must not', async () => {
  await mkdir(join(root, 'later'))
  await put('later/preset.ts', 'x')
  expect(await nextChange()).toEqual(['later/preset.ts'])
  await rm(join(root, 'later'), { recursive: true })
  await mkdir(join(root, 'later'))
  await put('later/preset.ts', 'x')
  await expectNothing()
})

test('an atomic save must be a change, and several of them in a row, too', async () => {
  for (const text of ['two', 'three', 'four']) {
    await put('migrations/4913', text)
    await rename(join(root, 'migrations/4913'), join(root, 'migrations/001_a.sql'))
    expect(await nextChange()).toEqual(['migrations/001_a.sql'])
  }
  // As some editors do it: the old one goes aside first.
  await rename(join(root, 'migrations/001_a.sql'), join(root, 'migrations/001_a.sql~'))
  await put('migrations/001_a.sql', 'five')
  expect(await nextChange()).toEqual(['migrations/001_a.sql'])
})

test('a file that is emptied and filled again, however slowly, must be one change, and none if it is as before', async () => {
  await put('migrations/001_a.sql', '')
  await sleep(100)
  await put('migrations/001_a.sql', 'one')
  await expectNothing()
  await put('migrations/001_a.sql', '')
  await sleep(100)
  await put('migrations/001_a.sql', 'two')
  expect(await nextChange()).toEqual(['migrations/001_a.sql'])
  await expectNothing()
  await put('migrations/001_a.sql', '')
  expect(await nextChange()).toEqual(['migrations/001_a.sql'])
})

test('a deleted folder must be told as one change, and so must its return', async () => {
  await put('migrations/002_b.sql', 'b')
  await nextChange()
  await rename(join(root, 'migrations'), join(root, 'away'))
  expect(await nextChange()).toEqual(['migrations/001_a.sql', 'migrations/002_b.sql'])
  await rename(join(root, 'away'), join(root, 'migrations'))
  expect(await nextChange()).toEqual(['migrations/001_a.sql', 'migrations/002_b.sql'])
  await put('migrations/002_b.sql', 'c')
  expect(await nextChange()).toEqual(['migrations/002_b.sql'])
})

test('a thousand saves and a storm of renames must end with what is there, and not be told a thousand times', async () => {
  const [one, other] = [join(root, 'migrations/001_a.sql'), join(root, 'migrations/002_b.sql')]
  for (let save = 0; save < 1_000; save += 1) {
    writeFileSync(one, `save ${String(save)}`)
    if (save % 20 === 0) await sleep(1)
  }
  for (let turn = 0; turn < 100; turn += 1) {
    renameSync(one, other)
    renameSync(other, one)
    if (turn % 10 === 0) await sleep(1)
  }
  await sleep(1_000)
  expect(changes.length).toBeGreaterThan(0)
  expect(changes.length).toBeLessThan(20)
  changes.length = 0
  await put('migrations/001_a.sql', 'the end')
  expect(await nextChange()).toEqual(['migrations/001_a.sql'])
})

test('other inputs must be watched from then on, those written meanwhile told, and the old ones forgotten', async () => {
  await put('extra.sql', 'x')
  await symlink(join(root, 'migrations/001_a.sql'), join(root, 'link.sql'))
  const files = new Set([join(root, 'extra.sql'), join(root, 'link.sql')])
  await watch.follow(inputs({ files, folders: [] }), { since: Date.now() - 10_000, anew: false })
  expect(await nextChange()).toContain('extra.sql')
  await put('migrations/001_a.sql', 'two')
  expect(await nextChange()).toEqual(['link.sql'])
  await put('extra.sql', 'y')
  expect(await nextChange()).toEqual(['extra.sql'])
})

test('files outside of the project must be watched, too, whether they exist or not, and their neighbours not', async () => {
  const inner = join(root, 'apps/shop')
  await mkdir(join(inner, 'migrations'), { recursive: true })
  await put('package.json', '{}')
  const configFiles = new Set([join(root, 'package.json'), join(root, 'presets/base.ts'), join(inner, 'a.ts')])
  const folders = [{ path: join(inner, 'migrations'), counts: isSql, isConfig: false }]
  await watch.follow(inputs({ root: inner, configFiles, folders }), { since: Date.now(), anew: false })
  changes.length = 0
  await put('package.json', '{ "private": true }')
  expect(await nextChange()).toEqual(['package.json'])
  await mkdir(join(root, 'presets'))
  await put('presets/base.ts', 'x')
  expect(await nextChange()).toEqual(['presets/base.ts'])
  await put('apps/shop/migrations/001_b.sql', 'x')
  expect(await nextChange()).toEqual(['apps/shop/migrations/001_b.sql'])
  await put('migrations/001_a.sql', 'another')
  await put('poststack.config.ts', 'another')
  await expectNothing()
})

test.each([
  ['from the start', 4],
  ['later on', 20],
])('where the system can watch no more files %s, it must look again and again, and say so once', async (_, most) => {
  for (let file = 2; file < 9; file += 1) await put(`migrations/00${String(file)}_x.sql`, 'x')
  // A namespace of its own has a limit of its own, and nobody else notices.
  const limited = `echo ${String(most)} > /proc/sys/user/max_inotify_watches && exec "$0" "$@"`
  const program = fileURLToPath(new URL('../../support/watch-folder.ts', import.meta.url))
  const words = [process.execPath, '--import', 'tsx', program, root]
  const apart = { program: 'unshare', args: ['--user', '--map-root-user', 'sh', '-c', limited, ...words] }
  const child = spawn(apart.program, apart.args)
  let said = ''
  const heard = async (text: string): Promise<void> => {
    for (let left = 1_000; left > 0 && !said.includes(text); left -= 1) await sleep(10)
    expect(said).toContain(text)
  }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
  try {
    await heard('ready 8')
    // Each file takes a watch.
    if (most > 10) for (let file = 10; file < 40; file += 1) await put(`migrations/0${String(file)}_x.sql`, 'x')
    await heard('looked at again')
    // What is under way by then has been told.
    await sleep(most > 10 ? 1000 : 0)
    said = said.replaceAll(/changed \d+/g, '')
    await put('migrations/001_a.sql', 'two')
    await heard('changed 1')
    expect(said.match(/max_user_watches is reached; files are looked at again/g)).toHaveLength(1)
  } finally {
    child.kill()
  }
})
