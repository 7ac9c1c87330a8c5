import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packFiles, unpackFiles } from '../../../src/runtime/folder-archive.ts'

let folder: string
const from = (): string => join(folder, 'from')
const to = (): string => join(folder, 'to')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poststack-archive-'))
  for (const path of [from(), to()]) await mkdir(path)
  for (const name of ['1.dat', '2.dat', 'toc.dat']) await writeFile(join(from(), name), Buffer.alloc(1_000_000, name))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** As a program's stdout brings it. */
async function archived(): Promise<Readable> {
  const whole = await buffer(await packFiles(from()))
  const chunks = Array.from({ length: Math.ceil(whole.length / 1024) }, (_, index) =>
    whole.subarray(index * 1024, (index + 1) * 1024),
  )
  return Readable.from(chunks)
}

test('a folder must come out of its archive as it was, and nothing be warned of', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error): void => {
    warnings.push(warning)
  }
  process.on('warning', warned)
  try {
    await unpackFiles(await archived(), to())
    await setImmediate()
  } finally {
    process.removeListener('warning', warned)
  }
  expect(await readdir(to())).toEqual(await readdir(from()))
  for (const name of await readdir(from()))
    expect((await readFile(join(to(), name))).equals(await readFile(join(from(), name)))).toBe(true)
  expect(warnings).toEqual([])
})

test.for(['1.dat', '2.dat', 'toc.dat'])(
  'what cannot be written must end it, when it is %s',
  { timeout: 10_000 },
  async (name) => {
    await writeFile(join(to(), name), 'somebody has it')
    const archive = await archived()
    await expect(unpackFiles(archive, to())).rejects.toMatchObject({ code: 'EEXIST' })
    expect(archive.destroyed).toBe(true)
  },
)
