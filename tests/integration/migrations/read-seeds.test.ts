import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSeeds } from '../../../src/migrations/seeds/read.ts'
import { pendingSeeds } from '../../../src/migrations/seeds/resolve.ts'
import type { Seed } from '../../../src/migrations/types.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poststack-seeds-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('every file whose name begins with a number is a seed, in the order of these; others are theirs to use', async () => {
  for (const name of ['10.sql', '9_rows.sql', '2more.ts', '010-last.sql', 'names.sql', 'data.json', '3_types.d.ts'])
    writeFileSync(join(folder, name), '')
  const seeds = await readSeeds(folder, folder)
  expect(seeds.map(({ file }) => file)).toEqual(['2more.ts', '9_rows.sql', '010-last.sql', '10.sql'])
})

test('a folder of which nothing would be run must be told, and an empty one not', async () => {
  expect(await readSeeds(folder, folder)).toEqual([])
  writeFileSync(join(folder, 'users.sql'), 'SELECT 1;\n')
  await expect(readSeeds(folder, folder)).rejects.toMatchObject({
    code: 'SEED_INVALID',
    hint: expect.stringContaining('001_users.sql'),
  })
})

async function readScript(text: string): Promise<Seed | undefined> {
  writeFileSync(join(folder, 'lib.ts'), text)
  writeFileSync(join(folder, '1.ts'), `import './lib.ts'\n${text}`)
  return (await readSeeds(folder, folder))[0]
}

test('a script whose line ends a checkout has changed must be the same, also to a ledger that has it as it was written', async () => {
  const unix = await readScript('export {}\n// é\n')
  const windows = await readScript('export {}\r\n// é\r\n')
  expect([windows?.checksum, unix?.asWritten]).toEqual([unix?.checksum, undefined])
  expect(windows?.asWritten).toMatch(/^[0-9a-f]{64}$/)
  const seeded = [{ file: '1.ts', checksum: windows?.asWritten ?? '' }]
  expect(pendingSeeds(windows === undefined ? [] : [windows], seeded)).toEqual([])
})
