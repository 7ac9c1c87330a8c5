import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { readServerLog } from '../../../src/runtime/native/follow.ts'
import { lastLines } from '../../../src/runtime/native/log.ts'

const { signal } = new AbortController()
let path: string

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'poststack-log-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  path = join(folder, 'server.log')
})

/** What is read while these happen one after the other and the server runs; then it has ended. */
async function read(tail: number | undefined, ...events: readonly (() => Promise<void>)[]): Promise<string[]> {
  const lines: string[] = []
  const left = [...events]
  const isRunning = async (): Promise<boolean> => {
    const next = left.shift()
    await next?.()
    return next !== undefined
  }
  const onLine = ({ text }: { readonly text: string }): void => void lines.push(text)
  const request = { tail, since: undefined, follow: events.length > 0, onLine }
  await readServerLog({ path, request, signal, isRunning })
  return lines
}

test('all of a log is all of it, however long it is', async () => {
  const all = Array.from({ length: 100_000 }, (_, index) => `${String(index)} ${'x'.repeat(100)}`)
  await writeFile(path, `${all.join('\n')}\n`)
  expect(await read(undefined)).toEqual(all)
  expect(await read(2)).toEqual(all.slice(-2))
  expect(await lastLines(path, 1_000)).toEqual(all.slice(-1_000))
  expect(await read(0)).toEqual([])
})

test('a log that is not there yet, or is set aside for a new one, must be followed through, each line once', async () => {
  const lines = await read(
    1,
    () => writeFile(path, 'first\nhal'),
    () => appendFile(path, 'f\n'),
    async () => {
      await appendFile(path, 'last of the old\n')
      await rename(path, `${path}.old`)
    },
    () => writeFile(path, 'new\n'),
    () => writeFile(path, 'n\n'),
  )
  expect(lines).toEqual(['first', 'half', 'last of the old', 'new', 'n'])
})
