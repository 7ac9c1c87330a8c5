import { expect, test } from 'vitest'
import { parseReport, parseTranslations } from '../../../src/config/load/report.ts'

const reads = { variables: [], allVariables: false, files: [], globs: [{ pattern: '*', files: ['a'] }], cwd: false }
const thrown = { name: 'Error', message: 'no', stack: '' }

test('what the process of a config reports is taken as it is', () => {
  const denial = { permission: 'Env', resource: 'A' }
  for (const report of [
    { kind: 'result', plain: {}, issues: [{ path: ['a', 0], message: 'no' }], reads },
    { kind: 'result', issues: [], layers: { stacks: [''], values: {} }, reads },
    { kind: 'threw', error: { ...thrown, code: 'A', denial, hint: 'so' } },
    { kind: 'exited', code: '1', stack: '' },
    { kind: 'unfinished' },
  ])
    expect(parseReport(`${JSON.stringify(report)}\n`)).toEqual(report)
})

test('anything else is what the config wrote itself', () => {
  for (const said of [
    null,
    'x',
    [],
    {},
    { kind: 'result' },
    { kind: 'result', issues: [1], reads },
    { kind: 'result', issues: [], reads: {} },
    { kind: 'result', issues: [], reads: { ...reads, globs: [{}] } },
    { kind: 'result', issues: [], reads: { ...reads, untracked: 'x' } },
    { kind: 'result', issues: [], reads, layers: {} },
    { kind: 'threw' },
    { kind: 'threw', error: { ...thrown, denial: {} } },
    { kind: 'threw', error: { ...thrown, hint: 1 } },
    { kind: 'exited' },
  ])
    expect(parseReport(`${JSON.stringify(said)}\n`)).toBe('foreign')
  expect(parseReport('x\n{"kind":"unfinished"}\n')).toBe('foreign')
})

test('a process that was ended in the middle of its report has reported nothing', () => {
  for (const text of ['', '{"kind":"unfin']) expect(parseReport(text)).toBeUndefined()
})

test('lines that are no translations are left out', () => {
  const line = { file: '/a.ts', map: '' }
  expect(parseTranslations(`null\nx\n{"file":1,"map":""}\n${JSON.stringify(line)}\n`)).toEqual([line])
})
