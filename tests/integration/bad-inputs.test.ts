/**
 * Five hundred inputs that nobody means well with. Whatever stands in words, variables and files: an answer with an honest exit code, and
 * nothing else.
 */
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asProgram, faultsOf } from '../support/attempts.ts'
import { cleanEnvironment, cliFile } from '../support/cli.ts'
import {
  envFileAttempts,
  jsonAttempts,
  typescriptAttempts,
  variableAttempts,
  yamlAttempts,
} from '../support/hostile-configs.ts'
import {
  flagAttempts,
  migrationAttempts,
  nameAttempts,
  urlAttempts,
  type Attempt,
} from '../support/hostile-attempts.ts'
import { processesIn } from '../support/native-project.ts'
import { chooseSeed } from '../support/random.ts'

const seed = chooseSeed()

const kinds: readonly (readonly [kind: string, count: number, attempts: fc.Arbitrary<Attempt>])[] = [
  ['flags and commands', 90, flagAttempts],
  ['variables', 50, variableAttempts],
  ['.env files', 50, envFileAttempts],
  ['YAML configs', 80, yamlAttempts],
  ['JSON configs', 50, jsonAttempts],
  ['TypeScript configs', 24, typescriptAttempts],
  ['migrations', 60, migrationAttempts],
  ['names of services and scripts', 60, nameAttempts],
  ['URLs', 50, urlAttempts],
]

test.each(kinds)('%s: %i bad ones must be answered, and change nothing', async (_kind, count, attempts) => {
  const faults: string[] = []
  for (const attempt of fc.sample(attempts, { numRuns: count, seed })) faults.push(...(await faultsOf(attempt)))
  expect(faults, `POSTSTACK_SEED=${String(seed)} brings these back`).toEqual([])
  expect(await processesIn(join(tmpdir(), 'poststack-hostile-'))).toEqual([])
})

test('some of each kind must be answered so by the program itself', async () => {
  const some = kinds.flatMap(([, , attempts]) => fc.sample(attempts, { numRuns: 2, seed: seed + 1 }))
  const short = some.filter(({ words }) => words.join('').length < 100_000)
  const faults = await Promise.all(short.map((attempt) => faultsOf(attempt, asProgram)))
  expect(faults.flat(), `POSTSTACK_SEED=${String(seed)} brings these back`).toEqual([])
})

/** What has been wrong once. */
const mended: readonly (readonly [what: string, attempt: Attempt])[] = [
  ['a word that clears the screen', { words: ['up\u001b[2J'] }],
  ['a word that turns the text around, as JSON', { words: ['\u202epu', '--json'] }],
  ['a variable with the beginning of a sequence', { words: ['plan'], env: { POSTSTACK_LOG_LEVEL: '\u009b31m' } }],
  ['a script that is not there', { words: ['run', 'none.ts'] }],
  [
    'a key that is no name, but a file',
    {
      words: ['plan'],
      files: { 'config.yaml': `services:\n  db:\n    kind: postgres\n    ? ${'x'.repeat(70_000)}\n    : 1\n` },
    },
  ],
  [
    'a pattern that is too large to be compiled',
    {
      words: ['plan'],
      files: {
        'config.yaml': `services:\n  a:\n    kind: container\n    image: a\n    ready: { log: '${'x'.repeat(70_000)}' }\n`,
      },
    },
  ],
  ['brackets without an end', { words: ['plan'], files: { 'config.yaml': '['.repeat(5000) + ']'.repeat(5000) } }],
  ['a service that is not there, in watch', { words: ['watch', 'none'] }],
]

test.each(mended)('%s must be answered', async (_what, attempt) => {
  expect(await faultsOf(attempt)).toEqual([])
})

test('a folder that is gone must be told as such', async () => {
  const command = `mkdir "$0" && cd "$0" && rmdir "$0" && exec '${process.execPath}' '${cliFile}' plan`
  const folder = join(tmpdir(), `poststack-gone-${String(process.pid)}`)
  const ended: unknown = await promisify(execFile)('bash', ['-c', command, folder], { env: cleanEnvironment() }).catch(
    (error: unknown) => error,
  )
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect((ended as { readonly stderr: string }).stderr).toBe(
    'error  The folder that this was started in is gone.  [USAGE]\n\n       try: Go to a folder that is there: cd\n',
  )
})
