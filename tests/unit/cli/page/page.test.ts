import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Gap, gapsOf, type Report } from '../../../../src/cli/page/document.ts'
import { exitCodeOfReport } from '../../../../src/cli/page/gather.ts'
import { anchor, html, markupText } from '../../../../src/cli/page/html.ts'
import { reportPage } from '../../../../src/cli/page/page.ts'
import { runsOf } from '../../../../src/cli/page/runs-read.ts'
import { reportText } from '../../../../src/cli/report/report-words.ts'
import type { LogEntry } from '../../../../src/execute/log/lines.ts'
import { brokenDocument, largeDocument, wellDocument } from '../../../support/report-documents.ts'

const matches = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

/** Every text of the document but those that we choose ourselves. */
function withMore(more: string, value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => withMore(more, one, key))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withMore(more, one, name)]))
  const ours = ['state', 'kind', 'risk', 'code', 'madeAt', 'startedAt', 'endedAt', 'appliedAt', 'onDelete']
  return typeof value === 'string' && !ours.includes(key) ? `${value}${more}` : value
}

const tags = (text: string): number => text.split('<').length
const line = (fields: object): LogEntry => fields as LogEntry

const samples: readonly (readonly [string, Report])[] = [
  ['that is well', wellDocument()],
  ['in trouble', brokenDocument()],
  ['with 300 tables and 1000 migrations', largeDocument({ migrations: 1000, tables: 300 })],
]

describe.each(samples)('the page of a stack %s', (_name, document) => {
  const page = reportPage(document)

  test('must have each id once, and every link of it must lead somewhere', () => {
    const ids = matches(page, / id="([^"]*)"/g)
    expect(new Set(ids).size).toBe(ids.length)
    const known = new Set(ids)
    const targets = [...matches(page, / href="#([^"]*)"/g), ...matches(page, / aria-labelledby="([^" ]*)/g)]
    expect(targets.filter((target) => !known.has(target))).toEqual([])
  })

  test('must leave out no level of its headings', () => {
    const levels = matches(page, /<h([1-6])/g).map(Number)
    expect(levels[0]).toBe(1)
    expect(levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1)).toEqual([])
  })

  test('must run no script, and ask for nothing', () => {
    expect(page).not.toMatch(/<script|<img|<link|<iframe|<form|\son[a-z]+=| style="|@import|url\(/i)
    const [style = ''] = matches(page, /<style>([\s\S]*?)<\/style>/g)
    const digest = createHash('sha256').update(style).digest('base64')
    expect(page).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${digest}&#39;`)
  })
})

test('the same document must give the same page', () => {
  expect(reportPage(brokenDocument())).toBe(reportPage(brokenDocument()))
})

test('a large stack must be folded: what stands open can be read', () => {
  const page = reportPage(largeDocument({ migrations: 1000, tables: 300 }))
  const open = page.replaceAll(/<details[\s\S]*?<\/details>/g, '')
  expect(open.match(/class="version"/g)).toHaveLength(40)
  expect(open).not.toContain('<tbody>')
  expect(page.match(/class="version"/g)).toHaveLength(1003)
  expect(page.length).toBeLessThan(1_500_000)
})

describe('what others have written', () => {
  const hostile = '</script></title><img src=x onerror="a()">\'&amp;\u202E\0'

  test('must stay text, wherever it stands', () => {
    const page = reportPage(withMore(hostile, brokenDocument()) as Report)
    expect(page).not.toMatch(/<img|<\/script|\u202E|\0/)
    expect(page).toContain(
      'customers&lt;/script&gt;&lt;/title&gt;&lt;img src=x onerror=&quot;a()&quot;&gt;&#39;&amp;amp;\\u202e\\u0000',
    )
    // No tag is there that a harmless text would not have.
    expect(tags(page)).toBe(tags(reportPage(withMore('x', brokenDocument()) as Report)))
    const ids = matches(page, / id="([^"]*)"/g)
    expect(ids.filter((id) => !/^[\w.~-]+$/.test(id))).toEqual([])
  })

  test('must never become an address that runs something', () => {
    const { status } = wellDocument()
    if (!('value' in status)) throw new Error('it has a state')
    const services = status.value.services.map((one) => ({ ...one, addresses: ['javascript:alert(1)'] }))
    const page = reportPage({ ...wellDocument(), status: { value: { ...status.value, services } } })
    expect(page).toContain('javascript:alert(1)')
    expect(page).not.toMatch(/href="javascript/)
  })

  test('must be markup only when our templates made it', () => {
    expect(markupText(html`<p>${'<b>'}${html`<i>${'"'}</i>`}${[html`<u></u>`, '<']}${undefined}${false}${0}</p>`)).toBe(
      '<p>&lt;b&gt;<i>&quot;</i><u></u>&lt;0</p>',
    )
    expect(anchor('a.b', 'c')).not.toBe(anchor('a', 'b.c'))
    expect(anchor('ä', '~e4~')).toBe('~e4~.~7e~e4~7e~')
  })
})

describe('a part that is not there', () => {
  const refused: Gap = {
    code: 'RUNTIME_UNREACHABLE',
    message: 'podman does not answer',
    hint: 'start it: podman machine start',
  }
  const down: Gap = { message: 'db is not running.', hint: 'Start it: poststack up db' }
  const [database] = wellDocument().databases
  if (database === undefined) throw new Error('it has a database')

  test('must be named with its reason, and the rest must be shown', () => {
    const document: Report = {
      ...wellDocument(),
      status: { missing: refused },
      plan: { missing: refused },
      databases: [{ ...database, migrations: { missing: down }, schema: { missing: down } }],
    }
    expect(gapsOf(document).map(({ what }) => what)).toEqual(['states, plan', 'migrations of db, schema of db'])
    expect(exitCodeOfReport(document)).toBe(4)
    const page = reportPage(document)
    expect(page).toContain('This report is not complete')
    expect(page.match(/podman does not answer/g)).toHaveLength(3)
    expect(page).toContain('PostgreSQL 17')
    expect(page).toContain('state unknown')
    expect(page).toContain('010_product_details.sql')
    expect(reportText({ type: 'report', ...document }, undefined)).toBe(
      [
        'shop: state unknown',
        '',
        '  plan      plan unknown',
        '  db        not read',
        '  last run  up: done in 4.2 s, 2026-03-20 09:12 UTC',
        '',
        'not in it: states, plan',
        '  podman does not answer',
        '  try: start it: podman machine start',
        '',
        'not in it: migrations of db, schema of db',
        '  db is not running.',
        '  try: Start it: poststack up db',
        '',
      ].join('\n'),
    )
  })

  test('must be no failure where a service is down', () => {
    const document: Report = { ...wellDocument(), databases: [{ ...database, schema: { missing: down } }] }
    expect(exitCodeOfReport(document)).toBe(0)
    expect(reportPage(document)).not.toContain('not complete')
    expect(reportPage(document)).toContain('db is not running.')
  })
})

test('lines of the log must become runs, whatever stands in them', () => {
  const common = { level: 'info', category: 'main', command: 'up', run: 'a' }
  const runs = runsOf(
    [
      line({ ...common, time: '2026-01-01T00:00:00Z', event: 'run-started' }),
      line({
        ...common,
        time: '2026-01-01T00:00:01Z',
        event: 'step-failed',
        subject: 'service:db',
        error: { code: 'NOT_READY', message: 'no' },
      }),
      line({
        ...common,
        time: '2026-01-01T00:00:02Z',
        event: 'outcome',
        ok: false,
        done: 1,
        failed: 1,
        skipped: 2,
        durationMs: 2000,
      }),
      line({
        ...common,
        run: 'b',
        time: '2026-01-02T00:00:00Z',
        command: 'database migrate',
        event: 'migration-applied',
        file: '001.sql',
      }),
      line({
        ...common,
        run: 'd',
        time: '2026-01-03T00:00:00Z',
        command: 'database restore',
        event: 'restore-result',
        durationMs: 5,
      }),
      line({ ...common, run: 'e', time: '2026-01-04T00:00:00Z', command: 'database migrate', event: 'migrate-result' }),
      line({ run: 'c', level: 7, time: 9, error: 'text', event: { not: 'a text' } }),
    ],
    10,
  )
  expect(runs).toEqual([
    {
      id: 'e',
      command: 'database migrate',
      startedAt: '2026-01-04T00:00:00Z',
      endedAt: '2026-01-04T00:00:00Z',
      state: 'done',
      applied: [],
      rolledBack: [],
      errors: [],
    },
    {
      id: 'd',
      command: 'database restore',
      startedAt: '2026-01-03T00:00:00Z',
      endedAt: '2026-01-03T00:00:00Z',
      state: 'done',
      durationMs: 5,
      applied: [],
      rolledBack: [],
      errors: [],
    },
    {
      id: 'b',
      command: 'database migrate',
      startedAt: '2026-01-02T00:00:00Z',
      endedAt: '2026-01-02T00:00:00Z',
      state: 'unfinished',
      applied: ['001.sql'],
      rolledBack: [],
      errors: [],
    },
    {
      id: 'a',
      command: 'up',
      startedAt: '2026-01-01T00:00:00Z',
      endedAt: '2026-01-01T00:00:02Z',
      state: 'failed',
      durationMs: 2000,
      steps: { done: 1, failed: 1, skipped: 2 },
      applied: [],
      rolledBack: [],
      errors: [{ subject: 'service:db', code: 'NOT_READY', message: 'no' }],
    },
    { id: 'c', command: '', startedAt: '', endedAt: '', state: 'unfinished', applied: [], rolledBack: [], errors: [] },
  ])
})
