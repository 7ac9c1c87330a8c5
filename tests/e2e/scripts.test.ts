/**
 * `poststack run`: scripts in the environment of the stack, guarded and trusted. What runs the server makes no difference to them.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cleanEnvironment, type Ended } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { tempProject, type Project } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'

const execute = promisify(execFile)

/** Says what it found: arguments, the stack in both forms, and that modules, top-level await and enums work. */
const teller = `
import { createHash } from 'node:crypto'
import { stack } from 'poststack/run'
import { double, Kind } from './part'
const [row] = await stack.sql<{ n: number; who: string }>\`SELECT \${20}::int + 1 AS n, current_user AS who\`
await stack.sql.begin(async (sql) => { await sql\`INSERT INTO items (body) VALUES (\${"it's"})\` })
const names = await stack.sql\`SELECT body FROM items WHERE body = \${"it's"}\`
const web = stack.services['web']
console.log(JSON.stringify({
  args: process.argv.slice(2), script: process.argv[1], doubled: double(Number(row?.n)), kind: Kind.Right, who: row?.who,
  stored: names.length > 0, same: stack.db.url === process.env['DATABASE_URL'], name: stack.name, web: web?.url,
  job: process.env['POSTSTACK_SCRIPT'] ?? 'gone', hash: createHash('md5').update('a').digest('hex').length,
}))
process.exitCode = 7
`

describe('a script', () => {
  let project: Project
  let outside: string

  beforeAll(async () => {
    project = await tempProject({ runtime: 'native', shared: true })
    outside = await mkdtemp(join(tmpdir(), 'ps-outside-'))
    await writeFile(join(outside, 'note.txt'), 'from outside')
    await project.write({
      ...itemsMigration,
      'scripts/part.ts': 'export enum Kind { Wrong, Right }\nexport const double = (n: number): number => n * 2\n',
      'scripts/tell.ts': teller,
    })
    await project.declare({ db: database(project) })
    await project.succeed('up')
  })

  afterAll(async () => {
    await rm(outside, { recursive: true, force: true })
    await project.destroy()
  })

  const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    project.runWith(['run', ...words], { bare: true, env })

  const script = async (name: string, text: string): Promise<string> => {
    await project.write({ [name]: text })
    return name
  }

  test.each([
    ['guarded, in a package of modules', [], '{ "type": "module" }'],
    ['guarded, in a package without a type', [], '{}'],
    ['trusted, in a package of modules', ['-A'], '{ "type": "module" }'],
    ['trusted, in a package without a type', ['-A'], '{}'],
  ])('%s, it must find its arguments and the stack, and give its exit code', async (_, flags, manifest) => {
    await project.write({ 'package.json': manifest })
    const told = await run([...flags, 'scripts/tell.ts', 'one', '--json', '--allow-read', '--', '-A'])
    expect(told.stderr).toBe('')
    expect(told.code).toBe(7)
    expect(JSON.parse(told.stdout)).toEqual({
      args: ['one', '--json', '--allow-read', '--', '-A'],
      script: join(project.root, 'scripts/tell.ts'),
      doubled: 42,
      kind: 1,
      who: 'poststack',
      stored: true,
      same: true,
      name: project.stack,
      job: 'gone',
      hash: 32,
    })
    const left = await readdir(join(project.root, '../tmp'))
    expect(left.filter((name) => name.startsWith('poststack-'))).toEqual([])
  })

  test('trusted, it must load TypeScript whose name is only known at run time', async () => {
    const file = await script(
      'late.ts',
      "const part = await import('./scripts/' + 'part.ts')\nconsole.log(part.double(4))\n",
    )
    expect(await run(['-A', file])).toMatchObject({ code: 0, stdout: '8\n', stderr: '' })
  })

  test('signals must be its own, and no password an argument', async () => {
    const file = await script(
      'wait.ts',
      "process.on('SIGTERM', () => { console.log('got TERM'); process.exit(9) })\nsetInterval(() => {}, 1000)\nconsole.log('waiting')\n",
    )
    const password = new URL((await project.succeed('env')).stdout.split('\n')[0]?.replace('DATABASE_URL=', '') ?? '')
      .password
    const running = project.start(['--runtime', 'native', 'run', file])
    await running.said('waiting')
    const { stdout } = await execute('ps', ['axww', '-o', 'args'], { env: cleanEnvironment() })
    expect(stdout).toContain('script-child.js')
    expect(password.length).toBeGreaterThan(8)
    expect(stdout).not.toContain(password)
    running.process.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 9, stdout: 'waiting\ngot TERM\n', stderr: '' })
  })

  test.each([
    [
      'write',
      "import { writeFileSync } from 'node:fs'\nwriteFileSync('made.txt', '')\n",
      'may not write',
      '--allow-all (-A)',
    ],
    [
      'start a program',
      "import { execSync } from 'node:child_process'\nexecSync('true')\n",
      'may not start a program',
      'add --allow-run',
    ],
    [
      'start a worker',
      "import { Worker } from 'node:worker_threads'\nnew Worker('1', { eval: true })\n",
      'may not start a worker',
      '-A',
    ],
    [
      'have V8 write',
      "import { setFlagsFromString } from 'node:v8'\nsetFlagsFromString('--trace-turbo')\n",
      'may not use v8.setFlagsFromString',
      '-A',
    ],
    [
      'import what lies outside of the project',
      "// Text.\nimport name from '/etc/hostname' with { type: 'text' }\nconsole.log(name)\n",
      'the script may not read /etc/hostname',
      'add --allow-read=/etc/hostname',
    ],
  ])('guarded, it must not %s, and be told how it may', async (_, text, what, grant) => {
    const file = await script('denied.ts', text)
    const denied = await run([file])
    expect(denied.code).toBe(1)
    expect(denied.stderr).toContain(what)
    expect(denied.stderr).toMatch(/^error {2}(?:\w+\/)?denied\.ts:2:\d+: the script may not/m)
    expect(denied.stderr).toContain('[SCRIPT_DENIED]')
    expect(denied.stderr).toContain(grant)
    expect(await readdir(project.root)).not.toContain('made.txt')
  })

  test('guarded, it must read outside of the project, and other variables, only where that is granted', async () => {
    const note = join(outside, 'note.txt')
    const text = `import { readFileSync } from 'node:fs'\nconsole.log(readFileSync(${JSON.stringify(note)}, 'utf8'))\n`
    const reader = await script('read.ts', text)
    const denied = await run([reader])
    expect(denied.code).toBe(1)
    expect(denied.stderr).toContain(`--allow-read=${note}`)
    expect(await run([`--allow-read=${outside}`, reader])).toMatchObject({ code: 0, stdout: 'from outside\n' })

    const envTeller = await script(
      'env.ts',
      "import { stack } from 'poststack/run'\nawait stack.sql`SELECT 1`\nconsole.log(process.env['ONE'], process.env['DATABASE_URL'] === stack.db.url)\nconsole.log(process.env['OTHER'])\n",
    )
    const env = { ONE: '1', OTHER: '2' }
    expect(await run([envTeller], env)).toMatchObject({ code: 0, stdout: '1 true\n2\n' })
    const limited = await run(['--allow-env=ONE', envTeller], env)
    expect(limited).toMatchObject({ code: 1, stdout: '1 true\n' })
    expect(limited.stderr).toContain('may not read the environment variable OTHER')
    // The stack's own services need no grant.
    expect(await run(['--allow-net=example.org', envTeller], env)).toMatchObject({ code: 0 })
  })

  test('what is wrong with a script must be said with its place', async () => {
    const wrong = await run([await script('wrong.ts', 'const a = 1\nconst = 2\n')])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('wrong.ts:2:7')
    expect(wrong.stderr).toContain('[SCRIPT_INVALID]')
    const missing = await run(['nothing.ts'])
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('there is no script')
    const thrown = await run([
      await script('throws.ts', "interface A { b: string }\n\nthrow new Error('as it was meant')\n"),
    ])
    expect(thrown.code).toBe(1)
    expect(thrown.stderr).toContain('as it was meant')
    expect(thrown.stderr).toContain('throws.ts:3:7')
    expect(thrown.stderr).not.toContain('[SCRIPT_DENIED]')
  })

  test("an error of the server must be the server's for who catches it, and else be shown with its statement", async () => {
    const refused = await run([
      await script(
        'refused.ts',
        `import { stack } from 'poststack/run'
await stack.sql\`SELECT 1 / \${0}::int\`.catch((error: { code: string }) => { console.log(error.code) })
await stack.sql\`
  SELECT body
  FROM itmes\`
`,
      ),
    ])
    expect(refused).toMatchObject({ code: 1, stdout: '22012\n' })
    const frame = [
      '         1 |',
      '         2 |   SELECT body',
      '       > 3 |   FROM itmes',
      '           |        ^',
      '',
      '',
    ]
    expect(refused.stderr).toBe(
      `error  refused.ts:3:1: relation "itmes" does not exist (SQLSTATE 42P01)  [QUERY_FAILED]\n\n${frame.join('\n')}` +
        '       try: Correct the statement, or what it works on, and run the script again.\n',
    )
  })

  test('of several databases one must be named, and without a server the reason must be told', async () => {
    const other = await tempProject({ runtime: 'native' })
    const [one, two] = [other.port, await freePort()]
    await other.declare({ app: `postgres({ port: ${String(one)} })`, stats: `postgres({ port: ${String(two)} })` })
    await other.write({
      'port.ts':
        "import { stack } from 'poststack/run'\nconsole.log(stack.services['app']?.kind)\nconsole.log(stack.db.port)\n",
      'ask.ts': "import { stack } from 'poststack/run'\nawait stack.sql`SELECT 1`\n",
    })
    onTestFinished(() => other.destroy())
    const go = (...words: readonly string[]) => other.runWith(['run', ...words], { bare: true })
    const unnamed = await go('port.ts')
    expect(unnamed).toMatchObject({ code: 1, stdout: 'postgres\n' })
    expect(unnamed.stderr).toContain('The stack has several databases: app, stats.')
    expect(await go('--service', 'stats', 'port.ts')).toMatchObject({ code: 0, stdout: `postgres\n${String(two)}\n` })
    const down = await go('--service', 'app', 'ask.ts')
    expect(down).toMatchObject({ code: 1, stdout: '' })
    expect(down.stderr).toBe(
      `error  ask.ts:2:1: The server at 127.0.0.1:${String(one)} cannot be reached: nothing listens there.  [DATABASE_UNREACHABLE]\n\n` +
        '       try: Start it: poststack up app\n',
    )
  })

  test.each([[[]], [['-A']]])('before up, with %j, it must be told to bring the stack up', async (flags) => {
    const other = await tempProject({ runtime: 'native' })
    await other.declare({ db: `postgres({ port: ${String(other.port)} })` })
    await other.write({
      'lib/ask.ts':
        "import { stack } from 'poststack/run'\nexport async function ask(): Promise<void> {\n  await stack.sql`SELECT 1`\n}\n",
      'ask.ts': "import { ask } from './lib/ask'\nconsole.log('begun')\nawait ask()\n",
      // As drivers and `fetch` do it, without `stack.sql`.
      'driver.ts':
        "import { connect } from 'node:net'\nimport { stack } from 'poststack/run'\nconst { hostname, port } = new URL(stack.db.url)\n" +
        "await new Promise((resolve, reject) => connect(Number(port), hostname).on('error', reject).on('connect', resolve))\n",
      'own.ts':
        "import { stack } from 'poststack/run'\nprocess.on('uncaughtException', () => { process.exitCode = 5 })\nawait stack.sql`SELECT 1`\n",
    })
    const up = flags.length === 0 ? 'poststack up db' : 'poststack --allow-all up db'
    const go = (file: string) => other.runWith(['run', ...flags, file], { bare: true })
    const asked = await go('ask.ts')
    expect(asked).toMatchObject({ code: 1, stdout: 'begun\n' })
    expect(other.mask(asked.stderr)).toBe(
      'error  lib/ask.ts:3:3: The server at 127.0.0.1:PORT cannot be reached: nothing listens there.  [DATABASE_UNREACHABLE]\n\n' +
        `       try: Start it: ${up}\n`,
    )
    // The error is the script's own, and so is its stack; what it means is ours.
    const driven = await go('driver.ts')
    expect(driven.code).toBe(1)
    expect(driven.stderr).toContain('ECONNREFUSED')
    expect(driven.stderr).toContain('Service db does not answer')
    expect(driven.stderr).toContain('[NOT_RUNNING]')
    expect(driven.stderr).toContain(`try: Start it: ${up}`)
    expect(driven.stderr).not.toContain('/dist/')
    expect(await go('own.ts')).toMatchObject({ code: 5, stdout: '', stderr: '' })
  })
})
