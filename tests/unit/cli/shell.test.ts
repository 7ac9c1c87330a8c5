import { expect, test } from 'vitest'
import { createReporter } from '../../../src/cli/report/create.ts'
import { quietIo, runWords as run } from '../../support/run-words.ts'

test.each([
  [['u'], ['up']],
  [
    ['db', 'mig'],
    ['migrate', 'migration-status'],
  ],
  [['--json', 'db', '--verbose', 'rollb'], ['rollback']],
  [['up', '--run'], ['--runtime']],
  [['up', '--runtime', 'p'], ['podman']],
  [['up', '--runtime=p'], ['--runtime=podman']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['nonsense', ''], []],
])('a shell that asks what may come after %j is told, without a word of error', async (words, proposals) => {
  const { exitCode, stdout, stderr } = await run('__complete', ...words)
  expect([exitCode, stderr]).toEqual([0, ''])
  const lines = stdout.split('\n').slice(0, -1)
  expect(lines.map((line) => line.split('\t')[0])).toEqual(proposals)
})

test('--quiet leaves what is not as it should be, and the answer', () => {
  const output = { stdout: '', stderr: '' }
  const report = createReporter(quietIo(output), { json: false, color: false, verbose: false, quiet: true })
  const step = { step: 1, subject: 'service:db', kind: 'start' } as const
  report.event({ type: 'notice', message: 'a notice' })
  report.event({ type: 'step-done', ...step, durationMs: 1, cause: { text: 'not found', changes: [] } })
  report.event({ type: 'warning', message: 'a warning' })
  report.event({
    type: 'step-failed',
    ...step,
    durationMs: 1,
    error: { code: 'NOT_READY', message: 'it is not ready' },
  })
  report.result({ type: 'variables', variables: {} }, 'the answer\n')
  report.error({ code: 'USAGE', message: 'an error' })
  report.close()
  expect(output.stdout).toBe('the answer\n')
  expect(output.stderr).toMatch(/^warning +a warning\n +failed +db .*it is not ready.*an error/s)
})
