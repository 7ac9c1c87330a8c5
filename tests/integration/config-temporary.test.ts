import { spawnSync } from 'node:child_process'
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import { replaceFile } from '../../src/config/state-folder.ts'
import { temporaryFolder } from '../../src/config/temporary.ts'

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

test('a file that is replaced takes with it what a killed run left of it long ago', async () => {
  const folder = await temporaryFolder('test')
  onTestFinished(() => rm(folder, { recursive: true }))
  const [old, young, other] = ['a.json.0123456789ab', 'a.json.ba9876543210', 'b.json.0123456789ab'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  await Promise.all([old, young, other].map((path) => writeFile(path, 'key')))
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000)
  await Promise.all([old, other].map((path) => utimes(path, longAgo, longAgo)))
  await replaceFile(join(folder, 'a.json'), 'new', 0o600)
  expect((await readdir(folder)).toSorted()).toEqual(['a.json', basename(young), basename(other)])
})

test('a temporary folder is private, and what a killed process left long ago is removed', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const old = join(tmpdir(), `poststack-test-${String(dead)}-old`)
  const young = join(tmpdir(), `poststack-test-${String(dead)}-young`)
  const living = join(tmpdir(), `poststack-test-${String(process.pid)}-old`)
  await Promise.all([old, young, living].map((path) => mkdir(path)))
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000)
  await Promise.all([old, living].map((path) => utimes(path, longAgo, longAgo)))

  const folder = await temporaryFolder('test')
  expect(basename(folder)).toMatch(new RegExp(`^poststack-test-${String(process.pid)}-`))
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect(await Promise.all([old, young, living].map(exists))).toEqual([false, true, true])
  await Promise.all([young, living, folder].map((path) => rm(path, { recursive: true })))
})
