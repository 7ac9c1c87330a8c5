import { describe, expect, test } from 'vitest'

import { runApp } from '../../../src/cli/app.ts'
import { hoistGlobalFlags, permissionsOf, permissionWords } from '../../../src/cli/flags.ts'
import { containerCommands } from '../../../src/cli/routes/container.ts'
import { databaseCommands } from '../../../src/cli/routes/database.ts'
import { logsCommands } from '../../../src/cli/routes/logs.ts'
import { planDown } from '../../../src/plan/down.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { quietIo, runWords as run } from '../../support/run-words.ts'
import { duration, errorLines, outcomeText, statusText, table } from '../../../src/cli/report/words.ts'

describe('the command line', () => {
  test('without words shows the help', async () => {
    const { exitCode, stdout } = await run()
    expect(exitCode).toBe(0)
    expect(stdout).toContain('EXIT CODES')
  })

  test('shows in its help what may be left out, its own flags first, and no flag as off', async () => {
    const { stdout } = await run('up', '--help')
    expect(stdout).toContain('  poststack up [<service>...]\n')
    expect(stdout.indexOf('--backup')).toBeLessThan(stdout.indexOf('[--config]'))
    expect(stdout).not.toContain('= false')
    expect((await run('exec', '--help')).stdout).toContain('  poststack exec -- <command>...\n')
  })

  test.each([
    [['upp'], 'there is no command `upp`: did you mean `up`?'],
    [['help', 'upp'], 'there is no command `upp`: did you mean `up`?'],
    [['migrate'], 'did you mean `database migrate`?'],
    [['migrat'], 'did you mean `database migrate`?'],
    [['schema'], '`database create-schema` or `database show-schema` or `database drop-schema`?'],
    [['databse', 'migrate'], 'there is no command `databse`: did you mean `database`?'],
    [['db', 'up'], 'there is no command `database up`: did you mean `up`?'],
    [['db', 'status'], 'did you mean `database migration-status`'],
    [['foo'], 'there is no command `foo`  ['],
    [['--wait-timeout', '5', 'up'], '`--wait-timeout` stands where a command is expected: flags come behind it'],
    [['completion', 'tcsh'], 'error  "tcsh" is none of bash, zsh, fish'],
    [['up', '--forc'], 'there is no flag `--forc`'],
    [['up', '--frobnicate'], 'there is no flag `--frobnicate`  ['],
    [['up', '-x'], 'there is no flag `-x`  ['],
    [['up', '--runtime', 'dokcer'], '--runtime cannot be "dokcer": did you mean `docker`?'],
    [['up', '--runtime', 'kubernetes'], '"kubernetes": possible are auto, podman, docker, native'],
    [['up', '--config', 'a.ts', '--config', 'b.ts'], '--config is there twice: "a.ts" and "b.ts"'],
    [['up', '--config'], '--config is missing: it needs a value  ['],
    [['up', '--no-color=red'], '--no-color takes no value: "red" is one too many'],
    [['up', '--wait-timeout', 'abc'], '--wait-timeout: "abc" is not a number of seconds from 1 to 3600'],
    [['up', '--wait-timeout', '0'], 'seconds from 1 to 3600'],
    [['down', 'db'], '"db" is one word too many: the command takes no word besides its flags'],
    [['db', 'query', 'SELECT 1', 'x'], '"x" is one word too many: the command takes one word besides its flags'],
    [['database', 'migrat'], 'did you mean `database migrate`'],
    [['db', 'rolback'], 'did you mean `database rollback`'],
    [['up', '--allow-net=http://a.example'], 'is not a host, or a host and its port'],
    [['up', '--allow-env=A,B=1'], '"B=1" is not the name of a variable, without its value'],
    [['up', '--allow-raed=/x'], 'there is no flag `--allow-raed`: did you mean `--allow-read`'],
    [['db', 'migrate', '--target-verison', '1'], 'did you mean `--target-version`?'],
    [['db', 'migrate', '--lock-wait', 'long'], 'seconds from 0 to 86400'],
    [['db', 'rollback', '--steps', '-1'], 'whole number from 1 on'],
    [['db', 'verify-migrations', '--format', 'xml'], 'sarif'],
    [['db', 'baseline'], 'version'],
    [['container', 'strat'], 'did you mean `container start`'],
    [['container', 'start', '--postgres-port', '70000'], '"70000" is not a port from 1 to 65535'],
    [['container', 'logs', '--since', 'yesterday'], 'how long ago (30s, 10m, 2h, 1d)'],
    [['container', 'logs', '--tail', '-1'], '"-1" is not a number of lines'],
    [['container', 'build', '--image', 'postgre'], 'postgres'],
    [['container', 'remove'], 'the command needs one more word: name'],
    [['container', 'exec', 'web'], 'command'],
    [['exec'], 'command'],
    [['run'], 'script'],
    [['run', '--json-lines', 'script.ts'], '--json-lines'],
    [['db', 'query'], 'sql'],
    [['db', 'new'], 'name'],
    [['db', 'repair', '--choose', 'mark-aplied'], 'mark-applied'],
    [['db', 'repair', '--version', 'two'], '"two" is not the number of a migration'],
    [['db', 'repair', '--statement', '0'], 'whole number from 1 on'],
  ])('refuses %j with exit code 2 and the word in question', async (words, said) => {
    const { exitCode, stdout, stderr } = await run(...words)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(said)
    expect(stdout).toBe('')
  })

  test('tells a mistake as a document when --json is asked for', async () => {
    const { exitCode, stdout, stderr } = await run('--json', 'up', '--runtime', 'dokcer')
    expect(exitCode).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      type: 'error',
      error: { code: 'USAGE', hint: 'poststack up --help' },
    })
    expect(stderr).toBe('')
  })

  test.each(['up', 'plan', 'down', 'status', 'env', 'exec', 'run', 'psql', 'version'])(
    '%s --help teaches with examples and exit codes',
    async (command) => {
      const { exitCode, stdout } = await run(command, '--help')
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`EXAMPLES\n  poststack ${command}`)
      expect(stdout).toContain('EXIT CODES')
    },
  )

  test.each(Object.keys(databaseCommands))(
    'database %s --help teaches with two examples and exit codes',
    async (command) => {
      const { exitCode, stdout } = await run('db', command, '--help')
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`EXAMPLES\n  poststack database ${command}`)
      expect(stdout.match(/^ {2}poststack database /gm)).toHaveLength(2)
      expect(stdout).toContain('EXIT CODES')
    },
  )

  test.each([
    ...Object.keys(containerCommands).map((command) => ['container', command] as const),
    ...Object.keys(logsCommands).map((command) => ['logs', command] as const),
  ])('%s %s --help teaches with two examples and exit codes', async (group, command) => {
    const { exitCode, stdout } = await run(group, command, '--help')
    expect(exitCode).toBe(0)
    expect(stdout.match(new RegExp(`^ {2}poststack ${group} ${command}( |$)`, 'gm'))?.length).toBeGreaterThan(1)
    expect(stdout).toContain('EXIT CODES')
  })

  test.each([
    ['plan', '0 1 2 3 4 70 130'],
    ['db migration-status', '0 1 2 3 4 70 130'],
    ['down', '0 1 2 4 70 130'],
    ['container exec', '1 2 4 70'],
  ])('%s --help tells those exit codes that it has', async (words, codes) => {
    const { stdout } = await run(...words.split(' '), '--help')
    const [, told = ''] = /EXIT CODES\n(.*?)\n\n/s.exec(stdout) ?? []
    expect([...told.matchAll(/^ +(\d+)/gm)].map(([, code]) => code).join(' ')).toBe(codes)
    expect(told.includes('what is run has its own')).toBe(!codes.startsWith('0'))
  })

  test.each([[['db']], [['database']], [['db', '--help']]])('%j shows what the group has', async (words) => {
    const { exitCode, stdout } = await run(...words)
    expect(exitCode).toBe(0)
    for (const command of Object.keys(databaseCommands)) expect(stdout).toContain(`  ${command} `)
    expect(stdout).toContain('EXAMPLES\n  poststack database migrate')
  })

  test.each([
    [['db', 'migrate', '--nonsense'], 'poststack database migrate --help'],
    [['database', 'nonsense'], 'poststack database --help'],
    [['--json', 'db', '--verbose', 'migrate', '--nonsense'], 'poststack database migrate --help'],
    [['container', 'start', '--nonsense'], 'poststack container start --help'],
    [['nonsense'], 'poststack --help'],
  ])('%j leads to %s', async (words, hint) => {
    const { stdout, stderr } = await run(...words)
    expect(`${stdout}${stderr}`).toContain(hint)
  })

  test('answers version --json with a document', async () => {
    const { stdout } = await run('version', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, type: 'version', node: process.versions.node })
  })
})

function broken(): never {
  throw new TypeError('no such stream')
}

test('a bug outside of what a command looks after must be told as one, with where it comes from', async () => {
  const said = { stdout: '', stderr: '' }
  expect(await runApp(['version'], { ...quietIo(said), stdout: { write: broken } })).toBe(70)
  expect(said.stderr).toMatch(/this is a bug of Poststack.*\nTypeError: no such stream\n +at /)
})

describe('flags before the command', () => {
  test.each([
    [
      ['--json', 'up', 'db'],
      ['up', 'db', '--json'],
    ],
    [
      ['--config', 'a.ts', '--runtime=podman', 'plan'],
      ['plan', '--config', 'a.ts', '--runtime=podman'],
    ],
    [
      ['-v', 'up', '--', 'db'],
      ['up', '-v', '--', 'db'],
    ],
    [
      ['up', '--json'],
      ['up', '--json'],
    ],
    [['--help'], ['--help']],
    [
      ['--json', 'db', '--config', 'a.ts', 'migrate', '--dry-run'],
      ['db', 'migrate', '--dry-run', '--json', '--config', 'a.ts'],
    ],
    [
      ['--allow-net', 'up', '--allow-read', 'db', '--allow-env=A', '--', '--allow-net'],
      ['up', '--allow-read=*', 'db', '--allow-env=A', '--allow-net=*', '--', '--allow-net'],
    ],
    [
      ['--json', '-c', 'a.ts', 'run', '--service', 'db', '-A', 'x.ts', '--json', '--allow-read', '--', 'y'],
      ['run', '--service', 'db', '-A', '--json', '-c', 'a.ts', '--', 'x.ts', '--json', '--allow-read', '--', 'y'],
    ],
    [
      ['run', '--', 'x.ts', '-A'],
      ['run', '--', 'x.ts', '-A'],
    ],
    [
      ['--unknown', 'up'],
      ['--unknown', 'up'],
    ],
  ])('%j is read as %j', (given, read) => {
    expect(hoistGlobalFlags(given, ['database', 'db'])).toEqual(read)
  })
})

test('grants are handed on as they were given, and typed again for the next command', () => {
  const flags = { allowAll: false, allowRun: true, json: false, verbose: false, quiet: false, color: true, pager: true }
  const given = { ...flags, allowRead: ['*'], allowNet: ['a.example', 'b.example:80'] }
  expect(permissionsOf(flags)).toEqual({ run: true })
  expect(permissionsOf(given)).toEqual({ read: true, net: given.allowNet, run: true })
  expect(permissionWords(given)).toEqual(['--allow-read', '--allow-net=a.example,b.example:80', '--allow-run'])
})

describe('words', () => {
  test.each([
    [3, '3 ms'],
    [999.6, '1000 ms'],
    [1234, '1.2 s'],
    [59_940, '59.9 s'],
    [59_980, '1 min 0 s'],
    [61_000, '1 min 1 s'],
    [119_600, '2 min 0 s'],
  ])('%d ms reads %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })

  test('an error shows its log and every way out', () => {
    const error = {
      code: 'NOT_READY',
      message: 'db is not ready',
      hint: 'look\nor wait',
      details: { logs: ['a', 'b'] },
    } as const
    expect(errorLines(error).join('\n')).toMatchInlineSnapshot(`
      "db is not ready

      its last lines:
        | a
        | b

      try: look
      try: or wait"
    `)
  })

  test('empty and indented lines of a hint belong to the way out above them', () => {
    const error = { code: 'CONFIG_FAILED', message: 'is empty', hint: 'write this:\n\n  a\n  b\nor that' } as const
    expect(errorLines(error).slice(2)).toEqual(['try: write this:', '', '       a', '       b', 'try: or that'])
  })

  test('each of several problems has its way out below it', () => {
    const problems = [
      { message: 'no COMMIT', hint: 'take it out' },
      { message: 'b.sql is no name', hint: 'rename it\nor move it' },
      { message: 'c.sql is no name', hint: 'rename it' },
    ]
    const message = 'a.sql: no COMMIT\n\nAnd:\n- b.sql is no name\n- c.sql is no name\n\nNothing was applied.'
    const error = { code: 'MIGRATION_INVALID', message, hint: 'all of them', details: { problems } } as const
    expect(errorLines(error).join('\n')).toMatchInlineSnapshot(`
      "a.sql: no COMMIT

      And:
      - b.sql is no name
        try: rename it
        try: or move it
      - c.sql is no name
        try: rename it

      Nothing was applied.

      try: take it out"
    `)
    const same = problems.map((problem) => ({ ...problem, hint: 'rename it' }))
    expect(errorLines({ ...error, hint: 'rename it', details: { problems: same } })).toEqual([
      ...message.split('\n'),
      '',
      'try: rename it',
    ])
  })

  test('a way out that several files share is told once, with the files', () => {
    const end = { message: 'no COMMIT', hint: 'take it out' }
    const problems = [
      { ...end, file: 'a.sql' },
      { ...end, file: 'a.sql' },
      { message: 'no psql', hint: 'write SQL\nor leave it', file: 'b.sql' },
      { ...end, file: 'c.sql' },
    ]
    const message =
      'a.sql: no COMMIT\n\nAnd:\n- a.sql, line 2: no COMMIT\n- b.sql, line 1: no psql\n- c.sql, line 1: no COMMIT'
    const error = { code: 'MIGRATION_INVALID', message, hint: 'all of them', details: { problems } } as const
    expect(errorLines(error)).toEqual([
      ...message.split('\n'),
      '',
      'try: in a.sql, c.sql: take it out',
      'try: in b.sql: write SQL',
      'try: in b.sql: or leave it',
    ])
  })

  test('columns line up', () => {
    expect(
      table([
        ['a', 'long', ''],
        ['bcd', 'e', 'f'],
      ]),
    ).toEqual(['  a    long', '  bcd  e     f'])
  })
})

describe('the last line of a run', () => {
  const desired = {
    stack: 'shop',
    project: '0123456789ab',
    root: '/shop',
    network: undefined,
    digests: {},
    unkept: [],
    images: [],
    volumes: [],
    services: [],
  }
  const world = { runtime: 'memory', containers: [], volumes: [], networks: [], images: [] } as const
  const observed = {
    ...world,
    containersPossible: true,
    changesInPlace: false,
    probes: {},
    databases: {},
    busyPorts: [],
    missingPaths: [],
  }
  const owner = { stack: 'shop', project: '0123456789ab', root: '/shop' }
  const volume = { name: 'shop-db-data', owner, key: 'db-data', postgres: 17 }
  const result = { step: 1, subject: 'service:db', kind: 'remove', status: 'done', durationMs: 1 } as const
  const ended = { ok: true, results: [result], durationMs: 1, services: [], remaining: [] }

  test.each([
    [[], 'shop is as declared on memory (1 step, 1 ms)'],
    [['db2'], 'db2 of shop is as declared on memory (1 step, 1 ms)'],
    [['web', 'db'], 'db, web of shop are as declared on memory (1 step, 1 ms)'],
  ])('of an up of %j speaks of what was asked for', (services, line) => {
    const running = [{ service: 'db', addresses: [] }]
    const plan = reconcile(desired, observed, { services })
    expect(outcomeText({ ...ended, services: running, plan })).toBe(line)
  })

  test('of a config without services does not call that "as declared"', () => {
    const plan = reconcile(desired, observed)
    const said = 'shop: there is no service to run (nothing to do, 1 ms)'
    expect(outcomeText({ ...ended, results: [], plan })).toBe(said)
    expect(formatPlan(plan)).toBe('shop on memory: there is no service to run\n')
    expect(statusText(stackStatus(desired, observed, plan)).trim()).toBe('shop on memory: there is no service to run')
  })

  test('of an interrupted up counts what was cut off as that, and not as failed', () => {
    const plan = reconcile(desired, observed)
    const stopped = { ...result, status: 'failed', error: { code: 'INTERRUPTED', message: 'interrupted' } } as const
    const failed = { ...result, status: 'failed', error: { code: 'NOT_READY', message: 'no' } } as const
    const results = [result, stopped, { ...result, status: 'skipped' } as const]
    expect(outcomeText({ ...ended, ok: false, plan, results })).toBe(
      'interrupted: shop is not as declared on memory: 1 done, 1 interrupted, 1 not begun (1 ms)',
    )
    expect(outcomeText({ ...ended, ok: false, plan, results: [...results, failed] })).toContain(
      '1 done, 1 failed, 1 interrupted, 1 not begun',
    )
  })

  test.each([
    [true, [], ''],
    [false, [], ''],
    [true, [volume], '; its data is deleted'],
    [false, [volume], '; its volumes are kept'],
  ])('of a down with --volumes %j speaks of data only where there are some', (volumes, there, words) => {
    const plan = planDown(desired, { ...world, volumes: there }, { volumes })
    expect(outcomeText({ ...ended, plan })).toBe(`shop is down on memory (1 step, 1 ms)${words}`)
  })
})
