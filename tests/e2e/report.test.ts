/**
 * `report` on a real stack: what stands in the page, what it leaves alone, and what it says when parts cannot be had.
 */
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ReportDocument } from '../../src/cli/report/documents.ts'
import { freePort } from '../support/ports.ts'
import { tempProject } from '../support/project.ts'

const hostile = '</title><script>alert(1)</script>'

const migrations = {
  'migrations/001_authors.sql': `CREATE TABLE authors (id int PRIMARY KEY, name text DEFAULT '</script>');\n`,
  'migrations/002_books.sql': `CREATE SCHEMA "a&b";
CREATE TABLE "a&b"."${hostile}" (
  a int, b int, author int NOT NULL REFERENCES authors ON DELETE SET NULL, PRIMARY KEY (a, b));
CREATE TABLE copies (b int, a int, up int, PRIMARY KEY (a, b), FOREIGN KEY (a, b) REFERENCES "a&b"."${hostile}") PARTITION BY LIST (a);
CREATE TABLE copies_1 PARTITION OF copies FOR VALUES IN (1);
CREATE TABLE nodes (id int PRIMARY KEY, up int REFERENCES nodes);\n`,
}

test('a report must have the whole stack on one page, change nothing, and hold no secret', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.write(migrations)
  const password = 'geheim-4711'
  const declared = `postgres({ port: ${String(project.port)}, migrations: './migrations', password: '${password}' })`
  await project.declare({ db: declared })

  // A stack that is down is no failure: it is what there is to see.
  const down = await project.succeed('report')
  expect(down.stdout).toContain('not in it: migrations of db, schema of db\n  db is not running.\n  try: Start it: ')

  await project.succeed('up')
  await project.write({ 'migrations/003_late.sql': 'SELECT 1;\n' })
  const before = await project.files()
  const answer = await project.succeed('report', '--json')
  expect(await project.files()).toEqual(before)
  const document = JSON.parse(answer.stdout) as ReportDocument
  expect(document).toMatchObject({
    type: 'report',
    status: { value: { asDeclared: false } },
    plan: { value: { blocked: false, steps: [{ kind: 'migrate', subject: 'service:db', risk: 'none' }] } },
    databases: [{ migrations: { value: { applied: 2, pending: 1 } } }],
    runs: { value: [{ command: 'up', state: 'done', applied: ['001_authors.sql', '002_books.sql'] }] },
  })
  const [database] = document.databases
  if (database === undefined || !('value' in database.schema)) throw new Error(answer.stdout)
  const { foreignKeys, primaryKeys, tables } = database.schema.value
  expect(tables.map(({ name }) => name)).toEqual(['authors', 'copies', 'copies_1', 'nodes', hostile].toSorted())
  expect(foreignKeys).toEqual([
    expect.objectContaining({ table: hostile, toTable: 'authors', onDelete: 'SET NULL' }),
    expect.objectContaining({ table: 'copies', columns: ['a', 'b'], toColumns: ['a', 'b'], onDelete: 'NO ACTION' }),
    expect.objectContaining({ table: 'nodes', columns: ['up'], toTable: 'nodes' }),
  ])
  expect(primaryKeys).toContainEqual({ schema: 'public', table: 'copies', columns: ['a', 'b'] })

  const written = await project.succeed('report', '--html', 'out.html')
  expect(written.stdout).toMatch(/^wrote .*\/out\.html \(\d+ kB\)\n$/)
  const page = await readFile(join(project.root, 'out.html'), 'utf8')
  expect(page).toContain('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(page).not.toMatch(/<script/)
  for (const text of [page, answer.stdout, written.stdout, down.stdout]) expect(text).not.toContain(password)
  expect((await project.succeed('report', '--html', '-')).stdout.replaceAll(/\d\d:\d\d/g, '')).toContain(
    page.slice(0, 500).replaceAll(/\d\d:\d\d/g, ''),
  )
})

test('a page must replace an older one, and nothing else', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.declare({ db: `postgres({ port: ${String(project.port)} })` })
  const at = (name: string): string => join(project.root, name)
  await project.succeed('report', '--html', 'real.html')
  await symlink('real.html', at('link.html'))
  await project.succeed('report', '--html', 'link.html')
  expect((await readFile(at('real.html'), 'utf8')).startsWith('<!doctype html><!-- poststack report -->')).toBe(true)
  await writeFile(at('mine.html'), '<!doctype html><p>mine</p>')
  for (const [name, code] of [
    ['mine.html', 'USAGE'],
    ['.', 'USAGE'],
    ['none/x.html', 'REPORT_FAILED'],
    ['/dev/null', 'USAGE'],
  ] as const) {
    const refused = await project.run('report', '--html', name)
    expect({ name, code: refused.code, told: refused.stderr.includes(`[${code}]`) }).toEqual({
      name,
      code: code === 'USAGE' ? 2 : 1,
      told: true,
    })
  }
  expect(await readFile(at('mine.html'), 'utf8')).toBe('<!doctype html><p>mine</p>')
  expect((await project.run('report', '--html', '-', '--json')).code).toBe(2)
  // Nothing half-written is left.
  expect((await readdir(project.root)).filter((name) => /html\./.test(name))).toEqual([])
})

test('what cannot be had must be told, with the page and the code of what went wrong', async () => {
  const project = await tempProject({ runtime: 'native' })
  const nobody = await freePort()
  await project.declare({ far: `postgres({ url: 'postgresql://me:secret@127.0.0.1:${String(nobody)}/shop' })` })
  const unreachable = await project.run('report', '--html', 'out.html')
  expect(unreachable.code).toBe(1)
  expect(unreachable.stdout).toContain('not in it: schema of far')
  const page = await readFile(join(project.root, 'out.html'), 'utf8')
  expect(page).toContain('This report is not complete')
  expect(page).toContain('DATABASE_UNREACHABLE')
  expect(page).not.toContain('secret')
  const piped = await project.run('report', '--html', '-')
  expect(piped).toMatchObject({ code: 1, stderr: expect.stringContaining('not in it: schema of far') as string })

  await project.declare({ web: `container({ image: 'nothing:1' })`, db: `postgres({ port: ${String(project.port)} })` })
  const noEngine = await project.runWith(['report', '--html', 'out.html', '--runtime', 'docker'], {
    bare: true,
    env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
  })
  expect(noEngine.code).toBe(4)
  expect(noEngine.stdout).toContain('not in it: states, plan')
  expect(await readFile(join(project.root, 'out.html'), 'utf8')).toContain('image nothing:1')

  // Without a config there is no stack to tell of.
  await project.write({ 'poststack.config.ts': 'export default 1\n' })
  expect((await project.run('report', '--html', 'out.html')).code).toBe(2)
})
