/**
 * A backup where no program of PostgreSQL is on the machine: by pg_dump in WebAssembly, restored by our own session.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCli } from '../support/cli.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { shopMigrations, urlProject, type UrlProject } from '../support/url-project.ts'

const execute = promisify(execFile)
const programs = [17, 18, 19, 20, 21, 22].some((major) =>
  existsSync(`/usr/lib/postgresql/${String(major)}/bin/pg_dump`),
)
/** As the error says it. */
const install = /npm (install .*@electric-sql\/pglite-tools@[\d.]+)$/m

// More columns than a piece of a message holds the names of, more bytes than one piece of an answer, and what is easily written wrong.
const columns = Array.from(
  { length: 300 },
  (_, index) => `"a column with a long and ""quoted"" name ${String(index)}" int`,
)
const data = `
CREATE TABLE public.wide (${columns.join(', ')});
INSERT INTO public.wide DEFAULT VALUES;
CREATE TABLE public.odd (id int GENERATED ALWAYS AS IDENTITY, t text, b bytea, j jsonb, d timestamptz, a text[], n numeric);
INSERT INTO public.odd (t, b, j, d, a, n) SELECT E'it''s \\\\ \\n\\t ä € 😀 ; $$ ' || i, '\\x00ff5c', '{"a": "\\\\n"}', now(), '{NULL, "a,b"}', 1.10
  FROM generate_series(1, 3000) i;
INSERT INTO public.odd (t) VALUES (repeat('x', 3000000)), (NULL);
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$ SELECT 'a;b' $$;
INSERT INTO public.users SELECT i, 'user ' || i FROM generate_series(1, 1000) i;
SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex'));`
const sums = `SELECT (SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM public.odd o) AS odd, (SELECT count(*)::int FROM public.wide) AS wide,
  (SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM public.users u) AS users, public.f() AS f,
  (SELECT md5(string_agg(data, '' ORDER BY loid, pageno)) FROM pg_largeobject) AS large`

describe.skipIf(programs)('no program of PostgreSQL that fits the server', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    await server.stop()
  })
  const env = (): Readonly<Record<string, string>> => ({ PATH: '/nowhere', PGPASSWORD: server.password })

  async function shop(): Promise<UrlProject> {
    const project = await urlProject(server)
    await project.write({ ...shopMigrations, 'package.json': '{ "private": true }' })
    await project.succeed('migrate')
    await project.database.rows(data)
    return project
  }

  test(
    'the package that the error names must write a backup, and the copy must have each byte',
    { timeout: 120_000 },
    async () => {
      const project = await shop()
      const refused = await project.runWith(['backup'], { env: env() })
      expect(refused.code).toBe(4)
      const [, words = ''] = install.exec(refused.stderr) ?? []
      await execute('npm', [...words.split(' '), '--prefer-offline', '--no-audit', '--no-fund'], { cwd: project.root })
      expect(await readdir(join(project.root, 'node_modules/@electric-sql'))).toEqual(['pglite-tools'])

      const made = await project.runWith(['backup', '--verify', '--json'], { env: env() })
      expect(made.stderr).toBe('')
      const lines = made.stdout.trimEnd().split('\n')
      const result = JSON.parse(lines.at(-1) ?? '') as Readonly<Record<string, unknown>>
      expect(result).toMatchObject({ format: 'plain', verified: true, migrations: 2 })
      const file = String(result['file'])
      expect(file).toMatch(/\.dump\.sql$/)
      const [before] = await project.database.rows(sums)
      await project.database.rows(`DELETE FROM public.odd; DELETE FROM public.users`)
      const restored = await project.runWith(['restore', file, '--yes'], { env: env() })
      expect(restored.stderr.replace(/This will[^]*/, '')).toBe('')
      expect(restored.code).toBe(0)
      expect(await project.database.rows(sums)).toEqual([before])
      expect((await project.json('migration-status', '--check')).code).toBe(0)

      // One that another pg_dump wrote, with COPY and psql's words around it, and one that breaks in the middle.
      const copy = 'COPY public.c (id, t) FROM stdin;\n1\ta;b\n2\t\\N\n\\.\n'
      await project.write({ 'c.sql': `\\restrict x\nCREATE TABLE public.c (id int, t text);\n${copy}\\unrestrict x\n` })
      const name = `${project.database.target.database}_copied`
      expect((await project.runWith(['restore', 'c.sql', '--into', name], { env: env() })).code).toBe(0)
      const copied = await project.database.session({ database: name })
      expect((await copied.query('SELECT id, t FROM public.c ORDER BY id')).rows).toEqual([
        { id: 1, t: 'a;b' },
        { id: 2, t: null },
      ])
      await writeFile(join(project.root, 'd.sql'), 'CREATE TABLE public.here ();\n\nSELECT nothing;\n')
      const broken = await project.runWith(['restore', 'd.sql', '--yes'], { env: env() })
      expect(broken.code).toBe(1)
      expect(broken.stderr).toContain('d.sql:3 cannot be run: column "nothing" does not exist.')
      await writeFile(join(project.root, 'd.sql'), 'CREATE TABLE public.here ();\n/* db/*.sql */\nSELECT 1;\n')
      const open = await project.runWith(['restore', 'd.sql', '--yes'], { env: env() })
      expect(open.stderr).toContain('d.sql:2 cannot be run: the comment that begins there is never closed.')
      expect(await project.database.rows(sums)).toEqual([before])
      const damaged = (await readFile(file, 'utf8')).replace("'user 500'", "'user 5OO'")
      await writeFile(file, damaged)
      expect((await project.runWith(['restore', file, '--yes'], { env: env() })).stderr).toContain(
        'its checksum is not',
      )

      // Stopped while it waits for a table.
      const holder = await project.database.session()
      await holder.query('BEGIN')
      await holder.query('LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE')
      const options = { cwd: project.root, env: env() }
      const stopped = startCli(
        ['database', 'backup', '--schema-only', '--output', 'never.sql', '--url', project.url],
        options,
      )
      const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'poststack backup ________'`
      await expect
        .poll(() => project.database.rows(`${waiting} AND wait_event_type = 'Lock'`), { timeout: 20_000 })
        .toEqual([{ n: 1 }])
      stopped.process.kill('SIGINT')
      expect((await stopped.ended).code).toBe(130)
      await expect.poll(() => project.database.rows(waiting), { timeout: 20_000 }).toEqual([{ n: 0 }])
      expect((await readdir(project.root)).filter((one) => one.startsWith('never'))).toEqual([])
    },
  )
})
