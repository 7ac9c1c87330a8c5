import { spawnSync } from 'node:child_process'
import { mkdir, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'

import { temporaryFolder } from '../../src/config/temporary.ts'

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

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
