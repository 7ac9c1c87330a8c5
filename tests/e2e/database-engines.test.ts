/**
 * The commands of group `database` on the engines that run containers: what they change is a database, so one walk through is enough.
 */
import { readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { imageLab } from '../support/image-lab.ts'
import { appliedMigrations, secretsOf, tempProject } from '../support/project.ts'
import { database } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const patient = { timeout: 20_000 }
const engines = (await realRuntimes()).filter(({ name }) => name !== 'native')

describe.each(engines)('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(
    `${runtime}: a declared database must be migrated, taken back and shown by its name`,
    async () => {
      const project = await tempProject({ runtime })
      await project.write({
        'migrations/001_users.sql': 'CREATE TABLE users (id int);\n',
        'migrations/001_users.rollback.sql': 'DROP TABLE users;\n',
      })
      const db = database(project, { fields: "hostAddress: '0.0.0.0'" })
      await project.declare({ db })
      // There is nothing yet that could be backed up.
      await project.succeed('up', '--backup')
      expect(await readdir(project.root)).not.toContain('backups')
      // Not named in the config: the convention finds the folder beside it.
      const migrated = await project.succeed('database', 'migrate')
      expect(await project.sql(appliedMigrations)).toEqual([['001_users applied']])
      expect(migrated.stdout).toMatch(
        /^1 migration applied in .*; database poststack at .* \(service db\) has 1 migration now\n/,
      )
      await project.succeed('db', 'migration-status', '--check')

      // A megabyte and more of rows that no compression makes small: what comes out of the container must be all of it.
      await project.sql(`INSERT INTO users SELECT (random() * 2e9)::int FROM generate_series(1, 300000)`)
      const sum = 'SELECT count(*)::int, sum(id)::text FROM users'
      const before = await project.sql(sum)
      const backup = await project.succeed('db', 'backup', '--verify', '--json')
      const { bytes, file, verified } = JSON.parse(backup.stdout.trimEnd().split('\n').at(-1) ?? '') as {
        readonly bytes: number
        readonly file: string
        readonly verified: boolean
      }
      expect({ verified, large: bytes > 1_000_000 }).toEqual({ verified: true, large: true })
      await project.sql('DELETE FROM users WHERE id % 2 = 0')
      await project.succeed('db', 'restore', basename(file), '--yes')
      expect(await project.sql(sum)).toEqual(before)
      expect(await project.sql('SHOW search_path')).toEqual([['public, poststack']])
      expect(
        await project.sql(`SELECT count(*)::int FROM pg_database WHERE datname LIKE 'poststack\\_before\\_%'`),
      ).toEqual([[1]])
      expect((await project.succeed('db', 'list-backups')).stdout).toContain('verified')

      // A folder is written in the container first and copied, both ways; nothing of it stays there.
      const sessions = (which: string) => project.sql(`SELECT count(*)::int FROM pg_stat_activity WHERE ${which}`)
      const left = async (): Promise<string> =>
        (await project.runWith(['exec', 'db', '--runtime', runtime, '--', 'ls', '/tmp'], { bare: true })).stdout
      const copied = await project.succeed('db', 'backup', '--format', 'directory', '--jobs', '2', '--verify', '--json')
      const folder = JSON.parse(copied.stdout.trimEnd().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>
      expect(folder).toMatchObject({ format: 'directory', verified: true })
      await project.sql('DELETE FROM users')
      await project.succeed('db', 'restore', basename(String(folder['file'])), '--yes')
      expect(await project.sql(sum)).toEqual(before)
      expect(await left()).not.toContain('poststack')
      const held = project.sql('BEGIN; LOCK TABLE users; SELECT pg_sleep(60)').catch(() => undefined)
      await expect.poll(() => sessions(`query LIKE '%pg_sleep(60)' AND wait_event = 'PgSleep'`), patient).toEqual([[1]])
      const stopped = project.start(['db', 'backup', '--format', 'directory', '--output', 'never.dump.d'])
      await expect
        .poll(() => sessions(`application_name LIKE 'poststack backup ________' AND wait_event_type = 'Lock'`), patient)
        .toEqual([[1]])
      stopped.process.kill('SIGINT')
      expect((await stopped.ended).code).toBe(130)
      await project.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'`)
      await held
      expect(await readdir(project.root)).not.toContainEqual(expect.stringContaining('never.dump.d'))
      expect(await left()).not.toContain('poststack')

      // With a migration to come, and a server that does not answer, nothing is begun.
      await project.write({ 'migrations/002_gone.sql': 'DROP TABLE users;\n' })
      await project.declare({ db: db.replace('postgres({', "postgres({ migrations: './migrations',") })
      await project.succeed('container', 'stop', 'db')
      const careful = await project.run('up', '--backup')
      expect(careful.code).not.toBe(0)
      expect(careful.stderr).toContain('db cannot be backed up before it is migrated')
      await project.succeed('container', 'start', 'db')
      const saved = await project.runWith(['up'], { typed: [['Make a backup first? [Y/n/q]', '\n']] })
      const [, last = ''] = /db is backed up in (\S+)/.exec(saved.stdout) ?? []
      expect(await project.sql("SELECT to_regclass('users') IS NULL")).toEqual([[true]])
      await project.succeed('db', 'restore', last, '--yes')
      expect(await project.sql(sum)).toEqual(before)
      await rm(join(project.root, 'migrations/002_gone.sql'))

      await project.succeed('db', 'rollback')
      expect(await project.sql(appliedMigrations)).toEqual([])
      expect((await project.run('db', 'migration-status', '--check')).code).toBe(3)
      expect(await project.sql("SELECT count(*)::int FROM pg_tables WHERE tablename = 'users'")).toEqual([[0]])

      const connection = await project.succeed('--json', 'db', 'test-connection')
      expect(JSON.parse(connection.stdout)).toMatchObject({
        type: 'connection',
        database: { service: 'db', port: project.port },
        server: { user: 'poststack', pooled: false },
      })
      await project.succeed('db', 'drop-schema', '--yes')
      expect(await project.sql("SELECT count(*)::int FROM pg_namespace WHERE nspname = 'poststack'")).toEqual([[0]])

      // The same server as one that somebody else runs on this machine: in a container its address would be the container's own.
      const password = (await secretsOf(project.root)).passwords['db.password'] ?? ''
      const outside = `postgres({ url: 'postgres://poststack:${password}@127.0.0.1:${String(project.port)}/poststack' })`
      const command = JSON.stringify(['sh', '-c', 'psql "$DATABASE_URL" -c "CREATE TABLE reached ()"'])
      const reader = `container({ image: 'postgres:17', command: ${command}, env: { DATABASE_URL: outside.url }, job: true })`
      await project.declare({ db, outside, reader })
      const ended = await project.succeed('up')
      expect(await project.sql("SELECT to_regclass('reached') IS NOT NULL")).toEqual([[true]])
      expect(ended.stderr).toContain(
        `gets host.docker.internal:${String(project.port)} for outside, because 127.0.0.1 would`,
      )
    },
  )

  test.skipIf(missing !== undefined)(
    `${runtime}: no image may hide the data of another one, with the container there or gone`,
    async () => {
      // `up` leaves an image of ours that is there as it is, also one of before.
      if (runtime !== 'native') await imageLab(runtime).build()
      const project = await tempProject({ runtime })
      const ours = { db: database(project, { fields: '' }) }
      const official = { db: database(project, { fields: "image: 'docker.io/library/postgres:17'" }) }
      for (const [before, after, words] of [
        [official, ours, 'a new database beside them would hide them'],
        [ours, official, 'Another image may have written them in its own layout'],
      ] as const) {
        await project.declare(before)
        await project.succeed('up')
        await project.sql('CREATE TABLE kept AS SELECT 42 AS answer')
        await project.declare(after)
        const blocked = await project.run('up')
        expect([blocked.code, blocked.stderr]).toEqual([2, expect.stringContaining('VOLUME_LAYOUT')])
        expect(await project.sql('SELECT answer FROM kept')).toEqual([[42]])

        await project.declare(before)
        await project.succeed('down')
        await project.declare(after)
        const refused = await project.run('up')
        expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(words)])
        await project.declare(before)
        await project.succeed('up')
        expect(await project.sql('SELECT answer FROM kept')).toEqual([[42]])
        await project.succeed('down', '--volumes', '--yes')
      }
    },
  )
})
