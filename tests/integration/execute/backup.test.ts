import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeBackup } from '../../../src/execute/backup/backup.ts'
import { startPostgres, type TestDatabase, type TestServer } from '../../support/postgres.ts'

let server: TestServer
let database: TestDatabase
let folder: string

beforeAll(async () => {
  server = await startPostgres()
  database = await server.createDatabase()
  folder = await mkdtemp(join(tmpdir(), 'poststack-backup-'))
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const sessions = async (act = 'count(*)'): Promise<unknown> => {
  const session = await database.session()
  const { rows } = await session.query(
    `SELECT ${act} AS what FROM pg_stat_activity WHERE application_name = 'poststack backup'`,
  )
  return rows[0]?.['what']
}

/** With a program in the place of pg_dump. */
const request = (code: string) => ({
  connect: database.connect,
  program: () => Promise.resolve({ program: process.execPath, args: ['-e', code], env: {} }),
  database: { host: '127.0.0.1', port: server.port, name: database.target.database },
  file: join(folder, 'shop.dump'),
  format: 'custom' as const,
  schemaOnly: false,
  toolVersion: '1',
  signal: new AbortController().signal,
  onProgress: () => undefined,
})

test('a dump is not waited for when the database cannot be read beside it', async () => {
  const endless = request('setInterval(() => undefined, 1000)')
  const program = async () => {
    await sessions('pg_terminate_backend(pid)')
    return await endless.program()
  }
  await expect(makeBackup({ ...endless, program })).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  expect(await readdir(folder)).toEqual([])
})

test('what is verified holds back nothing in the database', async () => {
  let open: unknown
  const verify = async (): Promise<void> => {
    open = await sessions()
  }
  await makeBackup({ ...request("process.stdout.write('all of it')"), verify })
  expect(open).toBe('0')
})
