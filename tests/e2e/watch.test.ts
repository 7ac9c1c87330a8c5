/**
 * `poststack watch`, driven by saving files and ending servers; each case looks at the ledger and the servers first.
 */
import { rename, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appliedMigrations, secretsOf, tempProject, type Project } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'
import { openScreen, tmuxMissing } from '../support/tmux.ts'
import { startWatch, type WatchedEvent, type WatchRun } from '../support/watching.ts'

const file = (name: string): string => `migrations/${name}`
const notes = (columns: string): Record<string, string> => ({
  [file('002_notes.sql')]: `CREATE TABLE notes (${columns});\n`,
  [file('002_notes.rollback.sql')]: 'DROP TABLE notes;\n',
})
const tableFiles = (version: string, name: string): Record<string, string> => ({
  [file(`${version}_${name}.sql`)]: `CREATE TABLE ${name} ();\n`,
  [file(`${version}_${name}.rollback.sql`)]: `DROP TABLE ${name};\n`,
})
const columnsOf = `SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'notes'`

const errorOf = (events: readonly WatchedEvent[]): unknown =>
  events.find(({ type }) => type === 'watch-failed')?.['error']

/** What the next run ends with. A change may be told of in two strokes: then one more may come, for what it finds. */
async function nextCode(watch: WatchRun, before: string | undefined): Promise<string | undefined> {
  const code = async (): Promise<string | undefined> =>
    (errorOf(await watch.run()) as { readonly code: string } | undefined)?.code
  const first = await code()
  return first === before ? await code() : first
}

async function ledger(project: Project): Promise<readonly unknown[]> {
  return (await project.sql(appliedMigrations)).flat()
}

/** Longer than the watch waits before it acts. */
const aWhile = (): Promise<void> => sleep(1_200)

describe('on the native runtime', () => {
  let project: Project

  beforeAll(async () => {
    project = await tempProject({ runtime: 'native', shared: true })
    await project.write(itemsMigration)
    await project.declare({ db: database(project) })
  })

  afterAll(async () => {
    await project.destroy()
  })

  test('new and edited migrations must be applied, broken ones shown, and everything else be nothing', async () => {
    const watch = await startWatch(project)
    const server = await project.world.only('db')
    await project.write(notes('a int'))
    const applied = await watch.run()
    expect(await ledger(project)).toEqual(['001_items applied', '002_notes applied'])
    expect(applied[0]).toMatchObject({ type: 'watch-changed', services: [] })
    expect(applied.at(-2)).toMatchObject({ type: 'schema-changed', lines: ['+ table public.notes (1 column)'] })
    expect(applied.map(({ type }) => type)).toContain('outcome')

    // The newest one is taken back by its proved rollback, and applied anew.
    await project.write({ [file('002_notes.sql')]: 'CREATE TABLE notes (a int, b text);\n' })
    const edited = await watch.run()
    expect(await project.sql(columnsOf)).toEqual([['a b']])
    expect(edited.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['rollback-proved', 'migration-rolled-back', 'migration-applied', 'schema-changed']),
    )

    // A mistake is shown with its place, and mended by the next save.
    await project.write({ [file('003_more.sql')]: 'CREATE TABLE more (\n  a inte\n);\n' })
    const broken = await watch.run()
    expect(JSON.stringify(broken)).toContain('003_more.sql, line 2, column 5')
    expect(await ledger(project)).toHaveLength(2)
    await project.write({ [file('003_more.sql')]: 'CREATE TABLE more (a int);\n' })
    await watch.run()
    expect(await ledger(project)).toContain('003_more applied')

    // An older one is refused.
    await project.write({ [file('001_items.sql')]: 'CREATE TABLE other ();\n' })
    expect(errorOf(await watch.run())).toMatchObject({
      code: 'MIGRATION_CHANGED',
      message: expect.stringContaining('only the newest can be taken back') as string,
    })
    await project.write(itemsMigration)
    await watch.run()

    const now = new Date()
    await utimes(join(project.root, file('003_more.sql')), now, now)
    await rename(join(project.root, 'migrations'), join(project.root, 'away'))
    await rename(join(project.root, 'away'), join(project.root, 'migrations'))
    await aWhile()
    expect(watch.unheard()).toEqual([])
    expect(await project.world.only('db')).toEqual(server)
    expect(await watch.end()).toMatchObject({ code: 0, stderr: '' })
    expect(await project.world.only('db')).toEqual(server)
  })

  test('a branch with other migrations must be one run, and only after consent', async () => {
    const other = { [file('002_other.sql')]: 'CREATE TABLE other ();\n', [file('003_last.sql')]: 'SELECT 1;\n' }
    const leave = async (): Promise<void> => {
      await rm(join(project.root, 'migrations'), { recursive: true })
      await project.write({ ...itemsMigration, ...other })
    }
    const asking = await startWatch(project)
    await project.write({ [file('003_more.rollback.sql')]: 'DROP TABLE more;\n' })
    await project.succeed('database', 'rollback', '--use-file')
    await asking.run()
    await project.write({ [file('003_more.sql')]: 'CREATE TABLE more (b int);\n' })
    await asking.run()
    const before = await ledger(project)
    expect(before).toEqual(['001_items applied', '002_notes applied', '003_more applied'])
    await leave()
    const refused = errorOf(await asking.run())
    expect(await ledger(project)).toEqual(before)
    expect(refused).toMatchObject({ code: 'CONSENT_NEEDED', hint: expect.stringContaining('--yes') as string })
    await asking.end()

    const agreeing = await startWatch(project, '--yes')
    expect(await ledger(project)).toEqual(['001_items applied', '002_other applied', '003_last applied'])
    expect(await project.sql("SELECT to_regclass('notes'), to_regclass('more')")).toEqual([[null, null]])
    await agreeing.end()
  })

  test('--on-edit=ask must ask before it takes back, and a database of somebody else must never be touched', async () => {
    const columns =
      "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'ask'"
    const edit = (text: string): Promise<void> =>
      project.write({ [file('004_ask.sql')]: `CREATE TABLE ask (${text});\n` })
    await project.write({ [file('004_ask.rollback.sql')]: 'DROP TABLE ask;\n' })
    await edit('a int')
    const asking = await startWatch(project, '--on-edit=ask')
    await edit('a int, b int')
    expect(errorOf(await asking.run())).toMatchObject({ code: 'CONSENT_NEEDED' })
    expect(await project.sql(columns)).toEqual([['a']])
    await asking.end()
    const agreeing = await startWatch(project, '--on-edit=ask', '--yes')
    expect(await project.sql(columns)).toEqual([['a b']])
    await agreeing.end()

    const { passwords } = await secretsOf(project.root)
    const url = `postgres://poststack:${passwords['db.password'] ?? ''}@127.0.0.1:${String(project.port)}/poststack`
    await project.write({
      'external.config.ts': `import { defineConfig, postgres } from 'poststack'
export default defineConfig({ name: '${project.stack}-external', services: { db: postgres({ url: '${url}', migrations: './migrations' }) } })
`,
    })
    const outside = await startWatch(project, '--config', 'external.config.ts', '--yes')
    await edit('a int')
    expect(errorOf(await outside.run())).toMatchObject({ code: 'MIGRATION_CHANGED' })
    expect(await project.sql(columns)).toEqual([['a b']])
    await edit('a int, b int')
    await outside.run()
    await outside.end()
    await project.succeed('database', 'rollback')
    for (const name of ['004_ask.sql', '004_ask.rollback.sql']) await rm(join(project.root, file(name)))
    await rm(join(project.root, 'external.config.ts'))
  })

  test('what --on-edit=refuse, a rollback that does not restore, and one that is missing say must change nothing', async () => {
    const refusing = await startWatch(project, '--on-edit=refuse')
    await project.write({ [file('003_last.sql')]: 'SELECT 2;\n' })
    expect(errorOf(await refusing.run())).toMatchObject({ code: 'MIGRATION_CHANGED' })
    await refusing.end()

    const rolling = await startWatch(project)
    await project.write({ [file('003_last.sql')]: 'SELECT 3;\n' })
    expect(errorOf(await rolling.run())).toMatchObject({
      message: expect.stringContaining('it has no rollback file') as string,
    })
    await project.write({
      [file('003_last.sql')]: 'SELECT 1;\n',
      [file('004_bad.sql')]: 'CREATE TABLE bad ();\n',
      [file('004_bad.rollback.sql')]: 'SELECT 1;\n',
    })
    await rolling.run()
    await project.write({ [file('004_bad.sql')]: 'CREATE TABLE worse ();\n' })
    expect(errorOf(await rolling.run())).toMatchObject({
      message: expect.stringMatching(/does not restore the schema:\n[^]*bad[^]*\nNothing was done\.$/) as string,
    })
    expect((await ledger(project)).at(-1)).toBe('004_bad applied')
    expect(await project.sql("SELECT to_regclass('bad') IS NULL")).toEqual([[false]])
    await project.write({ [file('004_bad.sql')]: 'CREATE TABLE bad ();\n' })
    await rolling.run()
    expect((await rolling.end()).code).toBe(0)
  })

  test('the config must be read again when what it imports changes, and its mistakes keep the last good state', async () => {
    await project.write({
      'port.ts': `export const port = ${String(project.port)}\n`,
      'poststack.config.ts': [
        "import { defineConfig, postgres } from 'poststack'",
        "import { port } from './port.ts'",
        `export default defineConfig({ name: '${project.stack}', services: { db: postgres({ port, migrations: './migrations' }) } })`,
      ].join('\n'),
    })
    const watch = await startWatch(project)
    const server = await project.world.only('db')
    await project.write({ 'port.ts': "export { port } from './elsewhere/port.ts'\n" })
    expect(errorOf(await watch.run())).toMatchObject({ code: 'CONFIG_FAILED' })
    // Migrations go on with the state from before.
    await project.write({ [file('005_still.sql')]: 'CREATE TABLE still ();\n' })
    await watch.run()
    expect((await ledger(project)).at(-1)).toBe('005_still applied')
    // What it lacks did not exist, nor did its folder.
    await project.write({ 'elsewhere/port.ts': `export const port = ${String(project.port)}\n` })
    expect(await nextCode(watch, 'CONFIG_FAILED')).toBeUndefined()
    expect(await project.world.only('db')).toEqual(server)
    // Variables decide, too, and their file was not there.
    await project.write({ '.env': 'POSTSTACK_POSTGRES_HOST_PORT=0\n' })
    expect(await nextCode(watch, undefined)).toBe('ENV_INVALID')
    await rm(join(project.root, '.env'))
    expect(await nextCode(watch, 'ENV_INVALID')).toBeUndefined()
    expect(await project.world.only('db')).toEqual(server)
    await rename(join(project.root, 'poststack.config.ts'), join(project.root, 'moved.ts'))
    expect(await nextCode(watch, undefined)).toBe('CONFIG_NOT_FOUND')
    await rename(join(project.root, 'moved.ts'), join(project.root, 'poststack.config.ts'))
    expect(await nextCode(watch, 'CONFIG_NOT_FOUND')).toBeUndefined()
    expect((await watch.end()).code).toBe(0)
  })

  test('on a terminal single keys must run again, show plan and logs, ask before a rollback, and quit', async () => {
    const [keys, later] = [tableFiles('006', 'keys'), tableFiles('007', 'later')]
    await project.write(keys)
    const write = async (files: Record<string, string>): Promise<string> => {
      await project.write(files)
      return ''
    }
    const leave = async (files: Record<string, string>): Promise<string> => {
      for (const path of Object.keys(files)) await rm(join(project.root, path))
      return ''
    }
    const ended = await project.runWith(['watch'], {
      typed: [
        ['q quit', 'p'],
        ['everything is as declared', 'l'],
        ['db |', 'r'],
        ['nothing to do', () => leave(keys)],
        // What is put back while it is asked about stays, and so does the watch.
        ['006_keys  (its file is gone)', () => write(keys)],
        ['files have changed meanwhile', () => write(later)],
        ['+ table public.later', () => leave({ ...keys, ...later })],
        // One key answers, and other keys do not.
        ['007_later  (its file is gone)', 'ry'],
        ['- table public.keys', 'Q'],
      ],
    })
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(/006_keys {2}\(its file is gone\)/)
    expect(ended.stdout).toMatch(/is down on native/)
    await project.succeed('up')
    expect(await ledger(project)).not.toContain('006_keys applied')
  })

  test('a server that is killed must be started again, and what is stopped in a run must end with 130', async () => {
    const watch = await startWatch(project)
    const { id } = await project.world.only('db')
    process.kill(Number(id), 'SIGKILL')
    const events = await watch.run()
    expect(JSON.stringify(events)).toContain('"ok":true')
    expect(events[0]).toMatchObject({ type: 'watch-changed', services: ['db'] })
    expect((await project.world.only('db')).running).toBe(true)
    expect(await ledger(project)).toContain('005_still applied')
    await aWhile()
    expect(watch.unheard()).toEqual([])

    // Restarted by hand: whatever the watch sees of it, there is one server at the end, and files are followed as before.
    await project.succeed('container', 'restart', 'db')
    await project.write({ [file('006_restarted.sql')]: 'CREATE TABLE restarted ();\n' })
    await watch.next('migration-applied')
    await watch.run()
    expect((await project.world.only('db')).running).toBe(true)
    expect((await ledger(project)).at(-1)).toBe('006_restarted applied')

    await project.write({ [file('007_slow.sql')]: 'SELECT pg_sleep(60);\n' })
    await watch.next('migration-started')
    const ended = await watch.end()
    expect(ended.code).toBe(130)
    expect(ended.stdout).toContain('"type":"outcome"')
    expect(await ledger(project)).not.toContain('007_slow applied')
    await rm(join(project.root, file('007_slow.sql')))
    await project.succeed('up')
  })

  test('with --on-edit=replay the database must be made anew up to the new text, or stay if that fails', async () => {
    const watch = await startWatch(project, '--on-edit=replay')
    const before = await ledger(project)
    await project.sql("INSERT INTO items (body) VALUES ('second'); ALTER DATABASE poststack SET work_mem TO '5MB'")
    const rows = 'SELECT count(*)::int FROM items'
    const [kept] = await project.sql(rows)
    // There is no rollback of it.
    await project.write({ [file('006_restarted.sql')]: 'CREATE TABLE restarted (a inte);\n' })
    expect(JSON.stringify(await watch.run())).toContain('006_restarted.sql, line 1, column 27')
    expect(await project.sql(rows)).toEqual([kept])
    await project.write({ [file('006_restarted.sql')]: 'CREATE TABLE restarted (a int);\n' })
    const events = await watch.run()
    expect(events.find(({ type }) => type === 'warning')?.['message']).toContain('without its rows')
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['migration-applied', 'schema-changed']))
    expect(
      await project.sql("SELECT attname::text FROM pg_attribute WHERE attrelid = 'restarted'::regclass AND attnum > 0"),
    ).toEqual([['a']])
    expect(await project.sql(rows)).not.toEqual([kept])
    expect(await project.sql('SHOW work_mem')).toEqual([['5MB']])
    expect(await ledger(project)).toEqual(before)
    expect(await project.sql("SELECT datname FROM pg_database WHERE datname LIKE 'poststack_%'")).toEqual([])
    expect((await project.succeed('plan')).stdout).toContain('everything is as declared')
    expect((await watch.end()).code).toBe(0)
  })

  test('on a screen each key must show what it is for, and q leave the stack up', async (context) => {
    const missing = await tmuxMissing()
    if (missing !== undefined) context.skip(missing)
    const screen = await openScreen(project, ['watch'])
    const waiting = /^ {2}watching \d+ files · r re-run, p plan, l logs, q quit, Q quit and down$/
    expect((await screen.shows('q quit')).at(-1)).toMatch(waiting)
    await screen.press('p')
    await screen.shows('everything is as declared')
    await screen.press('l')
    await screen.shows('db |')
    await screen.press('r')
    await screen.shows('nothing to do')
    await project.write({ [file('007_seen.sql')]: 'CREATE TABLE seen (a int);\n' })
    await screen.shows('+ table public.seen (1 column)')
    const lines = await screen.shows('q quit')
    // One block, at the end, and nothing left of those before.
    expect(lines.filter((line) => line.includes('q quit'))).toHaveLength(1)
    expect(lines.slice(-3)).toEqual([
      expect.stringMatching(new RegExp(`^ {2}db {8}postgresql://\\S+:${String(project.port)}/`)),
      expect.stringMatching(/^ {2}last run {2}\d\d:\d\d:\d\d {2}[\d.]+ m?s {2}changed: migrations\/007_seen\.sql$/),
      expect.stringMatching(waiting),
    ])
    expect(lines).toContainEqual(expect.stringMatching(/^changed: migrations\/007_seen\.sql$/))
    await screen.press('q')
    const ended = await screen.shows('ended with 0')
    expect(ended.some((line) => line.includes('q quit'))).toBe(false)
    expect((await project.world.only('db')).running).toBe(true)
    expect((await ledger(project)).at(-1)).toBe('007_seen applied')
  })
})
