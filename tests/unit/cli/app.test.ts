import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'

import { runApp } from '../../../src/cli/app.ts'
import { hoistGlobalFlags } from '../../../src/cli/flags.ts'
import { duration, errorLines, table } from '../../../src/cli/report/words.ts'

async function run(...words: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' }
  const exitCode = await runApp(words, {
    cwd: '/nowhere',
    env: {},
    stdin: new PassThrough(),
    stdout: { write: (text) => (output.stdout += text) },
    stderr: { write: (text) => (output.stderr += text) },
    signal: new AbortController().signal,
  })
  return { exitCode, ...output }
}

describe('the command line', () => {
  test('without words shows the help', async () => {
    const { exitCode, stdout } = await run()
    expect(exitCode).toBe(0)
    expect(stdout).toContain('EXIT CODES')
  })

  test.each([
    [['upp'], 'did you mean `up`'],
    [['up', '--forc'], '--forc'],
    [['up', '--runtime', 'dokcer'], 'docker'],
    [['up', '--wait-timeout', 'abc'], 'seconds from 1 to 3600'],
    [['up', '--wait-timeout', '0'], 'seconds from 1 to 3600'],
    [['down', 'db'], 'db'],
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

  test.each(['up', 'plan', 'down', 'status', 'version'])(
    '%s --help teaches with examples and exit codes',
    async (command) => {
      const { exitCode, stdout } = await run(command, '--help')
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`EXAMPLES\n  poststack ${command}`)
      expect(stdout).toContain('EXIT CODES')
    },
  )

  test('answers version --json with a document', async () => {
    const { stdout } = await run('version', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, type: 'version', node: process.versions.node })
  })
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
      ['--unknown', 'up'],
      ['--unknown', 'up'],
    ],
  ])('%j is read as %j', (given, read) => {
    expect(hoistGlobalFlags(given)).toEqual(read)
  })
})

describe('words', () => {
  test.each([
    [3, '3 ms'],
    [999.6, '1000 ms'],
    [1234, '1.2 s'],
    [61_000, '1 min 1 s'],
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

  test('columns line up', () => {
    expect(
      table([
        ['a', 'long', ''],
        ['bcd', 'e', 'f'],
      ]),
    ).toEqual(['  a    long', '  bcd  e     f'])
  })
})
