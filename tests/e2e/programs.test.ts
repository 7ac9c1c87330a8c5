/**
 * Commands that lead other programs to the stack: env, exec, psql, and a query without psql. One stack a runtime serves all.
 */
import { execFile } from 'node:child_process'
import { parseEnv, promisify } from 'node:util'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cleanEnvironment } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { tempProject, type Project } from '../support/project.ts'
import { database } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)
const patient = { timeout: 20_000 }

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  let project: Project

  beforeAll(async () => {
    if (missing !== undefined) return
    project = await tempProject({ runtime, shared: true })
    await project.declare({ db: database(project, { fields: '' }) })
  })

  afterAll(async () => {
    if (missing === undefined) await project.destroy()
  })

  const obligation = (text: string, body: () => Promise<void>): void => {
    // What a program of this machine gets does not depend on what runs the server.
    if (/^(?:exec|a query|where)/.test(text) && runtime !== 'native') return
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }

  const selectPlace = 'SELECT current_user, current_database()'

  obligation(
    'before the first up, psql must say how to start the server, and env must give what will hold',
    async () => {
      const early = await project.succeed('env')
      if (runtime !== 'native') {
        const refused = await project.run('psql')
        expect(refused.code).toBe(1)
        expect(refused.stderr).toContain('db does not run: there is no container of it.  [NOT_RUNNING]')
        expect(refused.stderr).toContain(`try: Start it: poststack --runtime ${runtime} container start db`)
      }
      await project.succeed('up')
      expect((await project.succeed('env')).stdout).toBe(early.stdout)
      const variables = parseEnv(early.stdout)
      const client = new Client({ connectionString: variables['DATABASE_URL'] })
      await client.connect()
      onTestFinished(() => client.end())
      expect((await client.query({ text: selectPlace, rowMode: 'array' })).rows).toEqual([['poststack', 'poststack']])
      expect(variables).toMatchObject({ PGPORT: String(project.port), PGUSER: 'poststack', PGDATABASE: 'poststack' })
      const document = JSON.parse((await project.succeed('env', '--json')).stdout) as object
      expect(document).toEqual({ version: 1, type: 'variables', variables })
    },
  )

  obligation('exec must lead a program to the database, and give its exit code', async () => {
    const elsewhere = { PGHOST: 'elsewhere.invalid', PGSERVICE: 'nothing', PGSSLMODE: 'verify-full' }
    const words = ['--runtime', runtime, 'exec', '--', 'psql', '-XAtc', selectPlace]
    const psql = await project.runWith(words, { bare: true, env: elsewhere })
    expect(psql).toMatchObject({ code: 0, stdout: 'poststack|poststack\n' })
    const run = (...command: readonly string[]) => project.runWith(['exec', '--', ...command], { bare: true })
    expect(await run('sh', '-c', 'echo out; echo err >&2; exit 7')).toMatchObject({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect((await run('sh', '-c', 'kill -KILL $$')).code).toBe(137)
    expect((await run('printf', '%s ', 'a', '--', '--json')).stdout).toBe('a -- --json ')
    const nothing = await run('no-such-program')
    expect(nothing.code).toBe(4)
    expect(nothing.stderr).toContain('The program "no-such-program" was not found.  [PROGRAM_MISSING]')
  })

  obligation('exec must give signals to its program, and wait for what it makes of them', async () => {
    const script = `trap 'echo got TERM; exit 9' TERM; echo waiting; while :; do sleep 0.1; done`
    const running = project.start(['--runtime', runtime, 'exec', '--', 'sh', '-c', script, '_'])
    await running.said('waiting')
    running.process.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 9, stdout: 'waiting\ngot TERM\n', stderr: '' })
  })

  obligation('psql must open the declared database, or another one of the server', async () => {
    const run = (...words: readonly string[]) =>
      project.runWith(['--runtime', runtime, 'psql', ...words], { bare: true })
    expect(await run('--', '-XAtc', selectPlace)).toMatchObject({ code: 0, stdout: 'poststack|poststack\n' })
    expect((await run('--database', 'template1', '--', '-XAtc', selectPlace)).stdout).toBe('poststack|template1\n')
    // psql's own exit code for a refused statement
    expect((await run('--', '-v', 'ON_ERROR_STOP=1', '-Xc', 'SELECT nothing', '-c', 'SELECT 1')).code).toBe(1)
    const typed = await project.runWith(['--runtime', runtime, 'psql', '--', '-X'], {
      bare: true,
      typed: [
        ['=#', 'SELECT 6 * 7;\n'],
        ['42', String.raw`\q` + '\n'],
      ],
    })
    expect(typed.code).toBe(0)
    expect(typed.stdout).toContain('poststack=#')
  })

  obligation('a query must show each answer, as a table and as values, and where it is wrong', async () => {
    const shown = await project.succeed('db', 'query', "CREATE TEMP TABLE t AS SELECT 1 AS id, 'ä' AS name; TABLE t")
    expect(shown.stdout).toBe('SELECT 1\n\nid | name\n---+-----\n 1 | ä\n(1 row)\n')
    const { stdout } = await project.succeed('db', 'query', 'SELECT 1 AS id, NULL AS nothing', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'query-result',
      results: [{ command: 'SELECT', count: 1, columns: ['id', 'nothing'], rows: [{ id: 1, nothing: null }] }],
    })
    const wrong = await project.run('db', 'query', 'SELECT 1;\nSELEC 2')
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain('syntax error at or near "SELEC" (SQLSTATE 42601)  [QUERY_FAILED]')
    expect(wrong.stderr).toMatch(/> 2 \| SELEC 2\n +\| \^/)
    const command = await project.run('db', 'query', String.raw`\d`)
    expect(command.stderr).toContain(String.raw`poststack --runtime ${runtime} psql -- -c '\d'`)
    const copy = await project.run('db', 'query', 'CREATE TEMP TABLE c (id int); COPY c FROM stdin')
    expect(copy.stderr).toContain('COPY … FROM stdin waits for rows, and a query brings none.  [QUERY_FAILED]')
    const slow = project.start(['db', 'query', 'SELECT pg_sleep(60)'])
    await expect.poll(async () => (await project.sql(sleeping)).length, patient).toBe(1)
    slow.process.kill('SIGINT')
    expect((await slow.ended).code).toBe(130)
    await expect.poll(() => project.sql(sleeping), patient).toEqual([])
  })

  const sleeping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"

  obligation('where there is no psql, the way out must be named', async () => {
    const refused = await project.runWith(['psql', '--runtime', runtime], { bare: true, env: { PATH: '/nowhere' } })
    expect(refused.code).toBe(4)
    expect(refused.stderr).toContain('[PROGRAM_MISSING]')
    expect(refused.stderr).toContain(`poststack --runtime ${runtime} database query`)
  })

  obligation('no password must stand in what other users see', async () => {
    const { PGPASSWORD: password = '' } = parseEnv((await project.succeed('env')).stdout)
    const words = ['--runtime', runtime, 'psql', '--', '-Xc', 'SELECT pg_sleep(3)']
    const running = project.runWith(words, { bare: true })
    await expect.poll(async () => (await project.sql(napping)).length, patient).toBe(1)
    const { stdout } = await execute('ps', ['axww', '-o', 'args'], { env: cleanEnvironment() })
    expect(stdout).toContain('pg_sleep(3)')
    expect(stdout).not.toContain(password)
    expect((await running).code).toBe(0)
  })

  const napping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)' AND state = 'active'"
})

test('of several databases each must have its URL, and what leads to one is left out until it is named', async () => {
  const project = await tempProject({ runtime: 'native' })
  const [one, two] = [project.port, await freePort()]
  await project.declare({
    app: `postgres({ port: ${String(one)}, password: 'first secret' })`,
    stats: `postgres({ port: ${String(two)}, password: "it's" })`,
  })
  const outer = { env: { PGHOST: 'elsewhere.invalid', DATABASE_URL: 'postgresql://elsewhere.invalid/x' }, bare: true }
  const all = await project.runWith(['env'], outer)
  expect(all.code).toBe(0)
  expect(parseEnv(all.stdout)).toEqual({
    APP_URL: `postgresql://poststack:first%20secret@127.0.0.1:${String(one)}/poststack`,
    STATS_URL: `postgresql://poststack:it's@127.0.0.1:${String(two)}/poststack`,
  })
  expect(all.stderr).toBe(
    'several PostgreSQL services are declared (app, stats): DATABASE_URL and PG… are left out; name one with --service\n',
  )
  const named = await project.runWith(['env', '--service', 'stats', '--format', 'json'], outer)
  expect(JSON.parse(named.stdout)).toMatchObject({
    PGPORT: String(two),
    PGPASSWORD: "it's",
    APP_URL: expect.anything(),
  })
  // What the shell says of another database must not be what a program finds.
  const without = await project.runWith(['exec', '--', 'sh', '-c', 'echo "${PGHOST-none} ${DATABASE_URL-none}"'], outer)
  expect(without.stdout).toBe('none none\n')
  expect((await project.runWith(['env', '--service', 'sttas'], outer)).code).toBe(2)
  expect((await project.runWith(['psql'], outer)).code).toBe(2)
})
