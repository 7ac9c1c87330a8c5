import { describe, expect, test } from 'vitest'

import type { VerificationDocument } from '../../../src/cli/report/documents.ts'
import { githubText, sarifText } from '../../../src/cli/report/verify-formats.ts'
import type { Finding } from '../../../src/migrations/verify/files.ts'

const places = { folder: '/checkout/db/my migrations', base: '/checkout' }

const finding: Finding = {
  severity: 'error',
  rule: 'changed',
  version: '002',
  file: '002_a,b:c%.sql',
  line: 7,
  message: 'changed by 100%',
  hint: 'undo it',
  lines: ['-old', '+new\r'],
}

function documentWith(...findings: readonly Finding[]): VerificationDocument {
  const database = { host: 'h', port: 1, user: 'u', database: 'd' }
  return { type: 'verification', database, ok: false, files: 1, applied: 1, proofs: [], findings }
}

describe('annotations for GitHub', () => {
  test('one line each, with everything escaped that would end a property or the line', () => {
    expect(githubText(documentWith(finding), places)).toBe(
      '::error file=db/my migrations/002_a%2Cb%3Ac%25.sql,line=7,title=A migration was edited after it was applied (changed)' +
        '::changed by 100%25%0A-old%0A+new%0D%0Aundo it\n',
    )
  })

  test('no file and no line where there is none', () => {
    const text = githubText(documentWith({ ...finding, file: undefined, line: undefined }), places)
    expect(text).toMatch(/^::error title=/)
  })

  test('the column where one is known', () => {
    expect(githubText(documentWith({ ...finding, column: 3 }), places)).toContain(',line=7,col=3,title=')
  })

  test('nothing at all when nothing is wrong', () => {
    expect(githubText(documentWith(), places)).toBe('')
  })
})

describe('a SARIF document', () => {
  test('tells several findings of one file apart, and has their columns', () => {
    const bad: Finding = { ...finding, rule: 'invalid', column: 3 }
    const nameless: Finding = { ...bad, version: '', file: 'x.sql', line: undefined, column: undefined }
    const log = JSON.parse(sarifText(documentWith(bad, bad, nameless), places)) as {
      readonly runs: readonly { readonly results: readonly unknown[] }[]
    }
    expect(log.runs[0]?.results).toMatchObject([
      { ...identity('invalid/002'), locations: [{ physicalLocation: { region: { startLine: 7, startColumn: 3 } } }] },
      identity('invalid/002/1'),
      identity('invalid/x.sql'),
    ])
  })

  test('names each rule once, and encodes paths as URIs', () => {
    const warning: Finding = { ...finding, severity: 'warning', rule: 'late', file: '003_x.sql', line: undefined }
    const log = JSON.parse(sarifText(documentWith(finding, warning, finding), places)) as {
      readonly runs: readonly [
        {
          readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }
          readonly results: readonly unknown[]
        },
      ]
    }
    const [run] = log.runs
    expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(['changed', 'late'])
    expect(run.results).toMatchObject([
      { ruleId: 'changed', ruleIndex: 0, level: 'error', locations: [place('db/my%20migrations/002_a,b:c%25.sql', 7)] },
      { ruleId: 'late', ruleIndex: 1, level: 'warning', locations: [place('db/my%20migrations/003_x.sql', 1)] },
      { ruleId: 'changed', ruleIndex: 0 },
    ])
  })
})

function identity(text: string): object {
  return { partialFingerprints: { 'poststackFinding/v1': text } }
}

function place(uri: string, startLine: number): object {
  return { physicalLocation: { artifactLocation: { uri, uriBaseId: '%SRCROOT%' }, region: { startLine } } }
}
