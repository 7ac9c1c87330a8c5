import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeBackup } from '../../../src/execute/backup/backup.ts'
import type { Manifest } from '../../../src/execute/backup/manifest.ts'
import { listBackups } from '../../../src/execute/backup/files.ts'
import { openPartial, openPartialFolder } from '../../../src/execute/backup/partial.ts'

const manifest: Manifest = {
  format: 1,
  tool: 'poststack 1',
  time: '2026-11-26T01:12:48.500Z',
  database: { host: '127.0.0.1', port: 5432, name: 'shop' },
  dump: 'custom',
  schemaOnly: false,
  verified: false,
  bytes: 0,
  sha256: '',
  state: { serverVersion: 170_010, schema: { fingerprint: '', snapshot: {} }, rows: {}, settings: [] },
}
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poststack-backup-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

function nobody(): never {
  throw new Error('nobody may be asked')
}

test('a manifest whose backup is not there is told, and is no backup', async () => {
  await writeFile(join(folder, 'shop.dump.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'package.json'), '{}')
  const { backups, others } = await listBackups(folder)
  expect(backups).toEqual([])
  expect(others).toMatchObject([{ file: join(folder, 'shop.dump.json'), reason: 'its backup is not here' }])
})

test('what has the name of the manifest is refused before the database is asked, and stays', async () => {
  await writeFile(join(folder, 'package.json'), 'mine')
  const request = {
    connect: nobody,
    program: nobody,
    database: manifest.database,
    file: join(folder, 'package'),
    format: 'custom',
    schemaOnly: false,
    toolVersion: '1',
    signal: new AbortController().signal,
    onProgress: nobody,
  } as const
  await expect(makeBackup(request)).rejects.toMatchObject({
    code: 'USAGE',
    details: { file: join(folder, 'package.json') },
  })
  expect(await readFile(join(folder, 'package.json'), 'utf8')).toBe('mine')
})

test.each([
  ['manifest', openPartial],
  ['manifest', openPartialFolder],
  ['backup', openPartial],
  ['backup', openPartialFolder],
])('what has the name of the %s by the time it is whole stays, and nothing is left beside it', async (what, begin) => {
  const file = join(folder, 'shop')
  const taken = what === 'manifest' ? `${file}.json` : file
  const partial = await begin(file)
  await writeFile(taken, 'mine')
  await expect(partial.complete(manifest)).rejects.toMatchObject({ code: 'USAGE', details: { file: taken } })
  await partial.close()
  expect(await readFile(taken, 'utf8')).toBe('mine')
  expect(await readdir(folder)).toHaveLength(1)
})

test('a whole backup has its manifest beside it, and nothing else', async () => {
  const partial = await openPartial(join(folder, 'shop'))
  await partial.complete(manifest)
  await partial.close()
  expect((await readdir(folder)).toSorted()).toEqual(['shop', 'shop.json'])
})

test('what a killed run has left goes with the next backup, whatever its name; what another one is at work on stays', async () => {
  const killed = await openPartial(join(folder, 'mine'))
  const { pid } = spawnSync('true')
  await rename(killed.path, killed.path.replace(`-${String(process.pid)}-`, `-${String(pid)}-`))
  await killed.handle.close()
  await writeFile(join(folder, 'mine.partial-notes'), '')
  const working = await openPartialFolder(join(folder, 'yours'))
  const next = await openPartial(join(folder, 'mine'))
  const left = [basename(next.path), 'mine.partial-notes', basename(working.path)]
  expect((await readdir(folder)).toSorted()).toEqual(left.toSorted())
  for (const one of [working, next]) await one.close()
})
