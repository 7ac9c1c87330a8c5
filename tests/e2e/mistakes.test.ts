/**
 * What is asked wrongly, and what a machine lacks: told before anything is made, as text that says what to do.
 */
import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cleanEnvironment, cliFile } from '../support/cli.ts'
import { appliedMigrations, secretsOf, tempProject, type Project } from '../support/project.ts'
import { database, debianImage, itemsMigration } from '../support/services.ts'

const app = `container({ image: '${debianImage}' })`

/** A project that is only asked for things it cannot do. */
async function asked(): Promise<Project> {
  const project = await tempProject({ runtime: 'native' })
  await project.write(itemsMigration)
  await project.declare({ db: database(project) })
  return project
}

test('all mistakes of a config must be told at once, with the nearest right word', async () => {
  const project = await asked()
  await project.write({
    'poststack.config.ts': [
      "import { container, defineConfig, postgres } from 'poststack'",
      '',
      "const db = postgres({ prot: 5432, version: 12, migrations: './migrations' })",
      'export default defineConfig({',
      "  name: 'Shop!',",
      '  services: {',
      '    db,',
      "    web: container({ image: 'debian', ports: { http: { container: 80, host: 99999 } }, dependsOn: ['bd'] }),",
      "    job: container({ image: 'debian', env: {",
      '      A: db.urll,',
      '      B: `${db.host}`.toUpperCase(),',
      '    } }),',
      '  },',
      '})',
      '',
    ].join('\n'),
  })
  const ended = await project.run('up')
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  poststack.config.ts has 7 mistakes:  [CONFIG_INVALID]
             - services.job.env.B: holds \`db.host\` in a changed form; its value is not known yet, so it can only be used whole, or inside a template string, found "{{POSTSTACK-REFERENCE:1:HOST}}" (poststack.config.ts:11)
             - name: expected a name: lower-case letters, digits and \`-\`, beginning with a letter, not ending with \`-\`, at most 40 characters, found "Shop!" (poststack.config.ts:5)
             - services.db.version: expected a whole number from 13 to 18, found 12 (poststack.config.ts:3)
             - services.db.prot: unknown key: did you mean \`port\`? (poststack.config.ts:3)
             - services.web.ports.http.host: expected a whole number from 1 to 65535, found 99999 (poststack.config.ts:8)
             - services.web.dependsOn[0]: there is no service \`bd\`: did you mean \`db\`? (poststack.config.ts:8)
             - services.job.env.A: \`db\` has no \`urll\`: did you mean \`url\`?, found db.urll (poststack.config.ts:10)
    "
  `)
})

test('a config that throws must be shown at the place where it does', async () => {
  const project = await asked()
  await project.write({ 'poststack.config.ts': 'const missing = undefined\nexport default { name: missing.name }\n' })
  const ended = await project.run('up')
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  poststack.config.ts:2:32: the config threw TypeError: Cannot read properties of undefined (reading 'name')  [CONFIG_FAILED]

             1 | const missing = undefined
           > 2 | export default { name: missing.name }
               |                                ^
             3 |
    "
  `)
})

test('a config file that is not there must be named', async () => {
  const project = await asked()
  const ended = await project.run('up', '--config', 'other.config.ts')
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  there is no config file other.config.ts  [CONFIG_NOT_FOUND]

           try: Check the path, or put the file there.
    "
  `)
})

test.each([
  ['a mistyped command', ['upp']],
  ['a mistyped flag', ['up', '--wait-timeot', '5']],
  ['a mistyped grant', ['up', '--allow-runn']],
  ['a value that is none', ['up', '--wait-timeout', 'long']],
  ['a runtime that is none', ['up', '--runtime', 'kubernetes']],
  ['a service that is none', ['up', 'bd', '--runtime', 'native']],
])('%s must be refused with the nearest right word', async (_, words) => {
  const project = await asked()
  const ended = await project.runWith(words, { bare: true })
  expect(await project.world.containers()).toEqual([])
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchSnapshot()
})

test('a backup that is not there must be told before any server is asked', async () => {
  const project = await asked()
  const url = ['--url', 'postgresql://u@127.0.0.1:1/shop']
  for (const words of [[], url]) {
    const { code, stderr } = await project.run('database', 'restore', 'none.dump', ...words)
    expect(code).toBe(2)
    expect(stderr).toContain('backups/none.dump.  [BACKUP_INVALID]')
  }
})

test('an engine that does not run must be told with the address that was tried', async () => {
  const project = await asked()
  const env = { DOCKER_HOST: `unix://${project.root}/dead.sock` }
  const ended = await project.runWith(['up', '--runtime', 'docker'], { bare: true, env })
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  The engine at unix://ROOT/dead.sock does not answer: there is no such socket. (The address comes from DOCKER_HOST.)  [RUNTIME_UNREACHABLE]

           try: Start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to the address it listens on.
    "
  `)
})

test('an engine that is not installed must be told with what to install, or do instead', async () => {
  const project = await asked()
  await mkdir(join(project.root, 'bin'))
  const env = { PATH: join(project.root, 'bin'), DOCKER_HOST: undefined, CONTAINER_HOST: undefined }
  const ended = await project.runWith(['up', '--runtime', 'podman'], { bare: true, env })
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  Podman is not installed: no program "podman" on PATH, and nothing at unix:///run/podman/podman.sock.  [RUNTIME_MISSING]

           try: Install it with \`apt install podman\`, \`dnf install podman\` or \`brew install podman\`, or as https://podman.io says.
           try: Or do without an engine: --runtime RUNTIME
    "
  `)
})

test('containers on the native runtime must be refused, with what can still be started', async () => {
  const project = await asked()
  await project.declare({ db: database(project), app })
  const ended = await project.run('up')
  expect(await project.world.containers()).toEqual([])
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  The RUNTIME runtime runs PostgreSQL only, and "app" is a container.  [RUNTIME_MISSING]

           try: Start what needs no container engine: poststack --runtime RUNTIME up db
           try: Or use an engine: --runtime podman, or --runtime docker.
    "
  `)

  await project.succeed('up', 'db')
  expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
  // What was started by that advice can be looked at, and stopped.
  expect((await project.succeed('status')).stdout).toMatch(/^ {2}db +ready/m)
  await project.succeed('down')
  expect(await project.world.containers()).toEqual([])
})

test('a database of somebody else must be migrated, and never made, stopped or deleted', async () => {
  const server = await tempProject({ runtime: 'native' })
  await server.declare({ db: database(server, { fields: '' }) })
  await server.succeed('up')
  const before = await server.world.only('db')
  const password = (await secretsOf(server.root)).passwords['db.password'] ?? ''
  const project = await tempProject({ runtime: 'native' })
  await project.write(itemsMigration)
  const url = `postgres://poststack:${password}@127.0.0.1:${String(server.port)}/poststack`
  await project.declare({ db: `postgres({ url: '${url}', migrations: './migrations' })` })

  await project.succeed('up')
  expect(await server.sql(appliedMigrations)).toEqual([['001_items applied']])
  await project.succeed('plan', '--check')
  await project.succeed('down', '--volumes', '--yes')
  expect(await server.world.only('db')).toEqual(before)
  expect(await server.sql('SELECT body FROM items')).toEqual([['first']])

  await project.declare({
    db: `postgres({ url: '${url.replace(/poststack$/, 'nowhere')}', migrations: './migrations' })`,
  })
  const ended = await project.run('up')
  expect(await server.sql("SELECT datname FROM pg_database WHERE datname = 'nowhere'")).toEqual([])
  expect(ended.code).toBe(1)
  expect(`${ended.stdout}${ended.stderr}`).not.toContain(password)
  expect(server.mask(project.mask(ended.stderr))).toMatchInlineSnapshot(`
    "  failed  db  waiting  TIME
    error  Service db runs, but does not let Poststack in: The server at 127.0.0.1:PORT has no database "nowhere".  [DATABASE_MISSING]

           try: Poststack makes nothing on a server that it does not run: create the database and the role there (CREATE DATABASE, CREATE ROLE), or mend the \`url\` of the service.
    "
  `)
})

test('a syntax error in a pending migration must stand in the plan, before anything is done', async () => {
  const project = await asked()
  await project.write({ 'migrations/002_prices.sql': 'SELECT 1;\n\nCREATE TABEL prices ();\n' })
  // The server has the last word, and there is none yet.
  expect((await project.succeed('plan')).stdout).toContain(
    'warning: service:db: 002_prices.sql, line 3, column 8: syntax error at or near "TABEL"',
  )
  await rm(join(project.root, 'migrations/002_prices.sql'))
  await project.succeed('up')
  await project.write({ 'migrations/002_prices.sql': 'SELECT 1;\n\nCREATE TABEL prices ();\n' })
  const planned = await project.run('plan')
  expect(planned.code).toBe(2)
  expect(project.mask(planned.stdout)).toMatchInlineSnapshot(`
    "STACK on RUNTIME: 1 step, 1 blocked: nothing will be done until that is mended

      #1 service:db  blocked  002_prices.sql, line 3, column 8: syntax error at or near "TABEL" (SQLSTATE 42601)

             1 | SELECT 1;
             2 |
           > 3 | CREATE TABEL prices ();
               |        ^

           - Correct it and run again.
    "
  `)
  const ended = await project.run('up')
  expect(ended.code).toBe(2)
  expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
    "error  nothing was done. db: 002_prices.sql, line 3, column 8: syntax error at or near "TABEL" (SQLSTATE 42601)  [MIGRATION_INVALID]

             1 | SELECT 1;
             2 |
           > 3 | CREATE TABEL prices ();
               |        ^

           try: Correct it and run again.
    "
  `)
  expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
})

test('a reader that goes away must not leave the stack half-made', async () => {
  const project = await asked()
  // The reader ends after the first line; the program goes on unheard.
  const command = `'${process.execPath}' '${cliFile}' up --json --runtime native | head -n 1; exit "\${PIPESTATUS[0]}"`
  const ended = await promisify(execFile)('bash', ['-c', command], { cwd: project.root, env: cleanEnvironment() })
  expect(ended.stderr).toBe('')
  expect(await project.world.only('db')).toMatchObject({ running: true })
  expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
})
