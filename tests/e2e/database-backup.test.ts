/**
 * Backups by the programs of this machine, on a server that somebody else runs: what is written, what comes back, and what is left when
 * something breaks. On the engines a walk through database-engines.test.ts is enough, as only the program is another.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../src/execute/backup/manifest.ts'
import { cleanEnvironment, cliFile, runCli } from '../support/cli.ts'
import { hostile } from '../support/hostile.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { shopMigrations, urlProject, type UrlProject } from '../support/url-project.ts'

const execute = promisify(execFile)
// npm's programs have no pg_dump.
const programs = '/usr/lib/postgresql/15'
const here = existsSync(`${programs}/bin/pg_dump`)
const patient = { timeout: 20_000 }

const users = async ({ database }: UrlProject): Promise<unknown> =>
  (await database.rows('SELECT count(*)::int AS n FROM public.users'))[0]?.['n']
const filesOf = async ({ root }: UrlProject): Promise<readonly string[]> =>
  (await readdir(join(root, 'backups')).catch(() => [])).filter((name) => name !== '.gitignore').toSorted()
const scratch = async ({ database }: UrlProject): Promise<readonly unknown[]> =>
  await database.rows(`SELECT datname FROM pg_database WHERE datname LIKE 'poststack_verify_%'`)
/** Sessions of pg_dump, and what they wait for. */
const dumping = `SELECT wait_event_type AS waits FROM pg_stat_activity WHERE application_name LIKE 'poststack backup ________'`

describe.skipIf(!here)('PostgreSQL 15, with its own programs', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startPostgres({}, { folder: programs })
  })
  afterAll(async () => {
    await server.stop()
  })

  async function shop(): Promise<UrlProject> {
    const project = await urlProject(server)
    await project.write(shopMigrations)
    await project.succeed('migrate')
    await project.database.rows(`INSERT INTO public.users SELECT i, 'user ' || i FROM generate_series(1, 1000) i`)
    return project
  }

  test('a backup must hold all of the database, and a restore must bring it back and keep what was there', async () => {
    const project = await shop()
    const name = project.database.target.database
    await project.database.rows(`ALTER DATABASE ${name} SET work_mem = '7MB'`)
    await project.database.rows(`ALTER ROLE postgres IN DATABASE ${name} SET search_path = "$user", public, poststack`)
    await project.database.rows(`COMMENT ON DATABASE ${name} IS 'it''s the shop'`)
    await project.database.rows(`ALTER TABLE users ADD kind varchar(10) CHECK (kind IN ('one', 'two'))`)
    const made = await project.json('backup', '--verify')
    expect(made).toMatchObject({
      code: 0,
      last: { type: 'backup-result', verified: true, migrations: 2, newest: '002' },
    })
    const file = String(made.last['file'])
    expect(await filesOf(project)).toEqual([file, `${file}.json`].map((path) => path.slice(project.root.length + 9)))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(`${file}.json`)).mode & 0o777).toBe(0o600)
    const manifest = JSON.parse(await readFile(`${file}.json`, 'utf8')) as Manifest
    expect(manifest).toMatchObject({ bytes: (await stat(file)).size, state: { rows: { 'public.users': 1000 } } })
    const { stdout } = await execute('sha256sum', [file])
    expect(stdout.slice(0, 64)).toBe(manifest.sha256)

    await project.database.rows('DELETE FROM public.users WHERE id > 10')
    await project.database.rows(`ALTER DATABASE ${name} RESET work_mem`)
    const session = await project.database.session()
    const refused = await project.run('restore', file)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('1 session on the database')
    expect(await users(project)).toBe(10)
    const restored = await project.json('restore', file, '--yes')
    expect(restored).toMatchObject({ code: 0, last: { type: 'restore-result', notes: [], newest: '002' } })
    const log = await readFile(join(project.root, 'logs/poststack.log'), 'utf8')
    const lines = log.split('\n').filter((line) => line.includes('-result"'))
    const { bytes } = manifest
    const ended = { level: 'info', database: name, durationMs: expect.any(Number) as number }
    const said = { ...ended, file, bytes }
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { ...ended, command: 'database migrate', event: 'migrate-result' },
      { ...said, command: 'database backup', event: 'backup-result' },
      { ...said, command: 'database restore', event: 'restore-result' },
    ])
    expect(await users(project)).toBe(1000)
    await expect(session.query('SELECT 1')).rejects.toThrow()
    const settings = await project.database
      .rows(`SELECT current_setting('work_mem') AS memory, current_setting('search_path') AS path,
      shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = current_database()`)
    expect(settings).toEqual([{ memory: '7MB', path: '"$user", public, poststack', comment: "it's the shop" }])
    expect((await project.json('migration-status', '--check')).code).toBe(0)
    const kept = await project.database.session({ database: String(restored.last['kept']) })
    expect((await kept.query('SELECT count(*)::int AS n FROM public.users')).rows).toEqual([{ n: 10 }])
    expect(await scratch(project)).toEqual([])
  })

  test('nothing may be overwritten, neither a file nor a database', async () => {
    const project = await shop()
    const output = join(project.root, 'mine.dump')
    await writeFile(output, 'precious')
    const refused = await project.run('backup', '--output', 'mine.dump')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(`There is already a ${output}`)
    expect(await readFile(output, 'utf8')).toBe('precious')
    await project.succeed('backup', '--output', 'good.dump')
    const into = await project.run('restore', 'good.dump', '--into', 'template1')
    expect(into.code).toBe(2)
    expect(into.stderr).toContain('There is already a database template1')
    const name = `${project.database.target.database}_copy`
    await project.succeed('restore', 'good.dump', '--into', name)
    const copy = await project.database.session({ database: name })
    expect((await copy.query('SELECT count(*)::int AS n FROM public.users')).rows).toEqual([{ n: 1000 }])
    expect(await users(project)).toBe(1000)
  })

  test('a damaged, cut or foreign file must change nothing', async () => {
    const project = await shop()
    await project.succeed('backup', '--format', 'plain', '--output', 'a.dump.sql')
    const path = join(project.root, 'a.dump.sql')
    const text = await readFile(path, 'utf8')
    // One letter of a row: the SQL is as good as before.
    await writeFile(path, text.replace('user 500\n', 'user 5OO\n'))
    const changed = await project.run('restore', 'a.dump.sql', '--yes')
    expect(changed.code).toBe(2)
    expect(changed.stderr).toContain('its checksum is not the one in its manifest')
    await truncate(path, 1000)
    const cut = await project.run('restore', 'a.dump.sql', '--yes')
    expect(cut.stderr).toContain('it is not whole')
    // It fails long before all of it was read.
    const long = `CREATE TABLE here (id int);\nSELECT nothing;\n${'-- a line of a comment\n'.repeat(100_000)}`
    await project.write({ 'b.sql': long, 'c.dump': '' })
    const foreign = await project.run('restore', 'b.sql', '--yes')
    expect(foreign).toMatchObject({ code: 1 })
    expect(foreign.stderr).toContain('column "nothing" does not exist')
    expect((await project.run('restore', 'c.dump', '--yes')).stderr).toContain('it is empty')
    const none = await project.run('restore', 'none.dump')
    expect(none).toMatchObject({ code: 2 })
    expect(none.stderr).toContain(join('backups', 'none.dump'))
    // The manifest says more than the file makes.
    await project.succeed('backup', '--output', 'e.dump')
    const beside = join(project.root, 'e.dump.json')
    const claims = (await readFile(beside, 'utf8')).replace('"public.users": 1000', '"public.users": 1001')
    await writeFile(beside, claims)
    const less = await project.run('restore', 'e.dump', '--yes')
    expect(less.code).toBe(2)
    expect(less.stderr).toContain('public.users: 1001 rows in the backup, 1000 in the copy')
    expect(await users(project)).toBe(1000)
    expect(await scratch(project)).toEqual([])
  })

  test('a schema alone must come with its ledger, so that nothing is migrated twice', async () => {
    const project = await shop()
    for (const format of ['custom', 'plain']) {
      await project.succeed('backup', '--schema-only', '--verify', '--format', format, '--output', `${format}.dump`)
      const name = `${project.database.target.database}_${format}`
      await project.succeed('restore', `${format}.dump`, '--into', name)
      const copy = await project.database.session({ database: name })
      expect((await copy.query('SELECT count(*)::int AS n FROM public.users')).rows).toEqual([{ n: 0 }])
      expect((await copy.query('SELECT count(*)::int AS n FROM poststack.schema_migrations')).rows).toEqual([{ n: 2 }])
    }
  })

  test('a folder must hold what a file holds, have its name when it is whole, and be told from one that was changed', async () => {
    const project = await shop()
    await project.database.rows(`SELECT lo_from_bytea(0, 'large')`)
    const made = await project.json('backup', '--format', 'directory', '--jobs', '2', '--verify')
    expect(made).toMatchObject({ code: 0, last: { format: 'directory', verified: true, migrations: 2 } })
    const folder = String(made.last['file'])
    expect(folder).toMatch(/\.dump\.d$/)
    expect(await filesOf(project)).toEqual(
      [folder, `${folder}.json`].map((path) => path.slice(project.root.length + 9)),
    )
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await stat(join(folder, 'toc.dat'))).mode & 0o777).toBe(0o600)
    const manifest = JSON.parse(await readFile(`${folder}.json`, 'utf8')) as Manifest
    const list = await execute('sh', ['-c', 'LC_ALL=C sha256sum * | sha256sum'], { cwd: folder })
    expect(list.stdout.slice(0, 64)).toBe(manifest.sha256)
    const listed = await project.json('list-backups')
    expect(listed.last).toMatchObject({
      backups: [{ file: folder, bytes: manifest.bytes, verified: true }],
      others: [],
    })
    expect((await project.run('backup', '--format', 'directory', '--output', folder)).code).toBe(2)
    expect((await project.run('backup', '--jobs', '2')).stderr).toContain(
      '--jobs is for a backup of --format directory',
    )

    await project.database.rows('DELETE FROM public.users WHERE id > 10')
    await project.succeed('restore', folder, '--yes', '--jobs', '2')
    expect(await users(project)).toBe(1000)
    const names = (await readdir(folder)).filter((name) => name !== 'toc.dat')
    const data = join(folder, names[0] ?? '')
    const text = await readFile(data)
    await writeFile(
      data,
      text.map((byte, index) => (index === 20 ? byte ^ 1 : byte)),
    )
    const changed = await project.run('restore', folder, '--yes')
    expect(changed.stderr).toContain('its checksum is not the one in its manifest')
    await truncate(data, 10)
    expect((await project.run('restore', folder, '--yes')).stderr).toContain('it is not whole')
    expect((await project.json('list-backups')).last['others']).toMatchObject([{ file: folder }])
    await project.write({ 'other/README': '' })
    expect((await project.run('restore', 'other')).stderr).toContain(
      'it is a folder, and none that pg_dump has written',
    )
    expect(await users(project)).toBe(1000)

    await project.write({ 'kept/README': '', 'kept/dead.dump.d.partial-0123/toc.dat': 'half' })
    // What a run that was killed long ago has left goes with the next.
    await utimes(join(project.root, 'kept/dead.dump.d.partial-0123'), 1, 1)
    for (const name of ['a', 'b'])
      await project.succeed('backup', '--format', 'directory', '--output', `kept/${name}.dump.d`, '--keep', '1')
    expect((await readdir(join(project.root, 'kept'))).toSorted()).toEqual(['README', 'b.dump.d', 'b.dump.d.json'])
  })

  test('stopped, killed or out of room, it must leave no file of that name, and no session behind', async () => {
    const project = await shop()
    const holder = await project.database.session()
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE')
    const stopped = project.start(['backup'])
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([{ waits: 'Lock' }])
    const { stdout } = await execute('ps', ['axww', '-o', 'args'], { env: cleanEnvironment() })
    expect(stdout).toMatch(/pg_dump .*--snapshot=/)
    expect(stdout).not.toContain(server.password)
    stopped.process.kill('SIGINT')
    expect((await stopped.ended).code).toBe(130)
    expect(await readFile(join(project.root, 'logs/poststack.log'), 'utf8')).toContain('"code":"INTERRUPTED"')
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([])
    expect(await filesOf(project)).toEqual([])
    const folder = project.start(['backup', '--format', 'directory'])
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([{ waits: 'Lock' }])
    folder.process.kill('SIGINT')
    expect((await folder.ended).code).toBe(130)
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([])
    expect(await filesOf(project)).toEqual([])

    const killed = project.start(['backup', '--output', 'killed.dump'])
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([{ waits: 'Lock' }])
    killed.process.kill('SIGKILL')
    await killed.ended
    await holder.query('ROLLBACK')
    expect(existsSync(join(project.root, 'killed.dump'))).toBe(false)
    await project.succeed('backup', '--output', 'killed.dump')
    expect((await readdir(project.root)).filter((name) => name.includes('.partial-'))).toEqual([])

    // A disk of its own that is full after some pages.
    await project.write({ 'backups/README': '' })
    const words = [process.execPath, cliFile, 'database', 'backup', '--url', project.url, '--format']
    const env = cleanEnvironment({ PGPASSWORD: server.password })
    const own = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
    const script = 'mount -t tmpfs -o size=16k none backups && "$@"; code=$?; ls -A backups; exit $code'
    for (const format of ['plain', 'directory']) {
      const full = execute('unshare', [...own, 'sh', '-c', script, '_', ...words, format], { cwd: project.root, env })
      await expect(full).rejects.toMatchObject({
        code: 1,
        stdout: '.gitignore\n',
        stderr: expect.stringMatching(
          /no space left on (?:the )?device[^]*\[BACKUP_FAILED\]|\[BACKUP_FAILED\][^]*No space left/,
        ),
      })
      await expect(full).rejects.toMatchObject({ stderr: expect.stringMatching(/Make room/i) })
    }
    await expect.poll(() => project.database.rows(dumping), patient).toEqual([])
  })

  test('a restore that is killed must change nothing, and what it left must be cleared by the next', async () => {
    const project = await shop()
    await project.write({ 'slow.sql': 'CREATE TABLE here (id int);\nSELECT pg_sleep(60);\n' })
    const running = project.start(['restore', 'slow.sql', '--yes'])
    const sleeping = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'`
    await expect.poll(async () => (await project.database.rows(sleeping)).length, patient).toBe(1)
    running.process.kill('SIGKILL')
    await running.ended
    expect(await users(project)).toBe(1000)
    expect(await scratch(project)).toHaveLength(1)
    await project.database.rows(`SELECT pg_terminate_backend(pid) FROM (${sleeping}) s`)
    await project.succeed('backup', '--output', 'good.dump')
    await project.succeed('restore', 'good.dump', '--yes')
    expect(await scratch(project)).toEqual([])
    expect(await users(project)).toBe(1000)
  })

  test("a role's path with operators of somebody else must be asked nothing: neither for a backup nor for a restore", async () => {
    const project = await shop()
    await project.database.rows(hostile)
    // Names are exchanged from there.
    const outside = await project.database.session({ database: 'postgres' })
    await outside.query(hostile)
    const name = project.database.target.database
    await project.database.rows(`CREATE ROLE misled SUPERUSER LOGIN PASSWORD 'misled'`)
    await project.database.rows('ALTER ROLE misled SET search_path = public, evil, pg_catalog')
    const url = project.url.replace('postgres@', 'misled@')
    const asMisled = async (...words: readonly string[]): Promise<string> => {
      const env = { PGPASSWORD: 'misled' }
      const { code, stderr, stdout } = await runCli(['database', ...words, '--url', url], { cwd: project.root, env })
      if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
      return stdout
    }
    try {
      await expect(asMisled('query', 'SELECT 1 = 1')).rejects.toThrow('hostile operator =')
      await asMisled('backup', '--verify', '--output', 'a.dump')
      await asMisled('backup', '--verify', '--schema-only', '--format', 'plain', '--output', 'a.sql')
      await asMisled('restore', 'a.dump', '--yes')
      await asMisled('restore', 'a.dump', '--into', `${name}_misled`)
      expect(await users(project)).toBe(1000)
    } finally {
      for (const database of [name, `${name}_misled`])
        await project.database.rows(`ALTER DATABASE ${database} OWNER TO postgres`).catch(() => undefined)
      await outside.query('DROP SCHEMA evil CASCADE')
      await project.database.rows('DROP ROLE misled').catch(() => undefined)
    }
  })

  test('backups must be listed, and older ones deleted only when that was asked for', async () => {
    const project = await shop()
    await project.write({ 'kept/README': '' })
    expect(await project.run('backup', '--output', '-')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot go to stdout'),
    })
    await project.succeed('backup', '--output', 'kept/one.dump')
    await project.succeed('backup', '--output', 'kept/two.dump')
    const deleted = await project.json('backup', '--output', 'kept/three.dump', '--keep', '2')
    expect(deleted.last['deleted']).toEqual([join(project.root, 'kept/one.dump')])
    await project.write({ 'kept/old.dump': 'x', 'kept/four.dump.partial-0123': 'half' })
    const { last } = await project.json('list-backups', '--folder', 'kept')
    expect(last).toMatchObject({
      type: 'backup-list',
      backups: [{ file: join(project.root, 'kept/three.dump') }, { file: join(project.root, 'kept/two.dump') }],
      others: [{ reason: 'not finished' }, { reason: 'without a manifest' }],
    })
    const { stdout } = await project.succeed('list-backups', '--folder', 'kept')
    expect(stdout).toMatch(
      /^2 backups in .*\n\n {2}three\.dump {2}\d{4}-\d\d-\d\d \d\d:\d\d UTC .* 2 migrations up to 002\n/,
    )
    expect((await project.succeed('list-backups')).stdout).toBe(`no backups in ${project.root}/backups\n`)
  })
})

const others = [17, 18, 19, 20, 21, 22].some((major) => existsSync(`/usr/lib/postgresql/${String(major)}/bin/pg_dump`))

test.skipIf(others)('where no program fits the server, it must say which one is needed', async () => {
  const server = await startPostgres()
  try {
    const project = await urlProject(server)
    // Held, so that whoever goes on reading waits for ever.
    await project.database.rows('CREATE TABLE public.held ()')
    const holder = await project.database.session()
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE public.held')
    const refused = await project.runWith(['backup'], { env: { PATH: '/nowhere', PGPASSWORD: server.password } })
    expect(refused.code).toBe(4)
    expect(refused.stderr).toMatch(/There is no pg_dump for PostgreSQL \d+ on this machine/)
    expect(existsSync(join(project.root, 'backups'))).toBe(false)
  } finally {
    await server.stop()
  }
})
