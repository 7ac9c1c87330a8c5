import kleur from 'kleur'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Paint, paintDoctor, paintPlan, paintStatus } from '../../../src/cli/report/paint.ts'

const before = kleur.enabled
beforeEach(() => {
  kleur.enabled = true
})
afterEach(() => {
  kleur.enabled = before
})

const codes: Readonly<Record<string, string>> = { '31': 'red', '32': 'green', '33': 'yellow', '2': 'dim' }

/** What is coloured, and how. */
function coloured(paint: Paint, text: string): readonly string[] {
  const pattern = new RegExp(String.raw`\u{1B}\[(\d+)m([^\u{1B}]*)`, 'gu')
  return [...paint(text).matchAll(pattern)].flatMap(([, code = '', word = '']) =>
    codes[code] === undefined ? [] : [`${codes[code]} ${word}`],
  )
}

test.each<[Paint, string, readonly string[]]>([
  [paintPlan, 'shop on podman: everything is as declared', ['green everything is as declared']],
  [paintPlan, '  #3 volume:shop-db  remove-volume  not declared  [data-loss]', ['red [data-loss]']],
  [
    paintPlan,
    '  #3  service:web  stop    the old container; the new one takes over  [downtime]  after #2 #11',
    ['yellow [downtime]', 'dim   after #2 #11'],
  ],
  [paintPlan, '  #1 service:db  blocked  port 5432 is taken', ['red blocked']],
  [
    paintPlan,
    'shop on docker: 2 steps, 1 blocked: nothing will be done until that is mended',
    ['red 1 blocked: nothing will be done until that is mended'],
  ],
  [paintPlan, 'warning: db: it is open', ['yellow warning']],
  [paintPlan, '  #1 service:blocked  create  not found', []],
  [paintStatus, 'shop on native: not as declared', ['yellow not as declared']],
  [paintStatus, '  db  ready  3 applied, 1 pending  127.0.0.1:5432', ['green ready', 'yellow 1 pending']],
  [paintStatus, '  web  failed', ['red failed']],
  [paintDoctor, '  problem  the disk is full', ['red problem']],
  [paintDoctor, '  ok       Node 20', ['green ok']],
  [paintDoctor, 'up can work here', ['green up can work here']],
])('%o must colour of "%s" what matters', (paint, line, words) => {
  expect(coloured(paint, line)).toEqual(words)
  kleur.enabled = false
  expect(paint(line)).toBe(line)
})
