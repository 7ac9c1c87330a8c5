import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startProgram } from '../../../src/runtime/background-program.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poststack-background-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('its last words must be told when it has ended', async () => {
  const args = ['-c', 'for n in 1 2 3 4 5 6 7; do echo "word $n" >&2; done']
  const { ended } = startProgram({ program: 'sh', args, env: process.env, words: join(folder, 'words') })
  expect(await ended).toBe('word 3\nword 4\nword 5\nword 6\nword 7')
})

test('one that is missing must be told as such', async () => {
  const request = { program: 'no-such-program', args: [], env: process.env, words: join(folder, 'words') }
  await expect(startProgram(request).ended).rejects.toMatchObject({ code: 'RUNTIME_MISSING' })
})

const openFiles = async (): Promise<number> => (await readdir('/dev/fd')).length

test('one that cannot be started must leave no file open', async () => {
  const request = { program: 'true', args: ['\0'], env: process.env, words: join(folder, 'words') }
  const before = await openFiles()
  for (let n = 0; n < 20; n += 1) expect(() => startProgram(request)).toThrow(/null bytes/)
  expect(await openFiles()).toBeLessThan(before + 10)
})

test('what it does must go on when we are killed, whatever it says then', async () => {
  const module = new URL('../../../src/runtime/background-program.ts', import.meta.url).pathname
  const done = join(folder, 'done')
  const args = ['-c', `sleep 0.5; trap 'exit 9' PIPE; echo word >&2 || exit 9; echo done > '${done}'`]
  const request = { program: 'sh', args, env: {}, words: join(folder, 'words') }
  const program = `
    const { startProgram } = await import(${JSON.stringify(module)})
    startProgram(${JSON.stringify(request)})
    process.kill(process.pid, 'SIGKILL')
  `
  const us = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])
  await expect(us).rejects.toMatchObject({ signal: 'SIGKILL' })
  await expect.poll(() => readFile(done, 'utf8').catch(() => ''), { timeout: 10_000 }).toBe('done\n')
})
