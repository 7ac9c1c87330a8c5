/**
 * The page of `report` in a browser: it must fit, be legible in light and in dark, be walked through by keyboard, and be printed as a
 * whole.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Report } from '../../src/cli/page/document.ts'
import { reportPage } from '../../src/cli/page/page.ts'
import { chromiumMissing, openChromium } from '../support/chromium.ts'
import { brokenDocument, largeDocument, wellDocument } from '../support/report-documents.ts'

let browser: Browser | undefined
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poststack-page-'))
  if (chromiumMissing() === undefined) browser = await openChromium()
})

afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

beforeEach((context) => {
  const missing = chromiumMissing()
  if (missing !== undefined) context.skip(missing)
})

interface Shown {
  readonly page: Page
  /** What the browser had to complain about, and what it asked for besides the page itself. */
  readonly complaints: readonly string[]
}

async function show(document: Report, width: number, scheme: 'light' | 'dark' = 'light'): Promise<Shown> {
  if (browser === undefined) throw new Error('there is no browser')
  const file = join(folder, 'report.html')
  await writeFile(file, reportPage(document))
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height: 800 } })
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) complaints.push(request.url())
  })
  await page.goto(pathToFileURL(file).href)
  return { page, complaints }
}

const documents: readonly (readonly [string, Report])[] = [
  ['that is well', wellDocument()],
  ['in trouble', brokenDocument()],
  ['with 300 tables', largeDocument({ migrations: 1000, tables: 300 })],
]

test.for(documents)('a stack %s must fit, wide and narrow, open and closed', async ([, document]) => {
  for (const width of [375, 1280]) {
    const { page, complaints } = await show(document, width)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    expect(complaints).toEqual([])
    await page.close()
  }
})

/** The lowest contrast of a text with what it stands on, by the formula of WCAG; what is not seen is left out. */
const lowestContrast = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number)
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const below = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      if (at.tagName === 'a' && at.classList.contains('box')) return parse(getComputedStyle(at.querySelector('.frame')).fill)
      const color = parse(getComputedStyle(at).backgroundColor)
      if (color.length === 3) return color
    }
    return [255, 255, 255]
  }
  const found = []
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!own || element.closest('.unseen, .skip, defs, title, desc, details:not([open]) > :not(summary)') !== null) continue
    const style = getComputedStyle(element)
    const text = parse(element instanceof SVGElement ? style.fill : style.color)
    const [one, other] = [light(text), light(below(element))].sort((a, b) => b - a)
    found.push([(one + 0.05) / (other + 0.05), element.textContent.trim().slice(0, 40)])
  }
  return found.sort((a, b) => a[0] - b[0])[0]
})()`

test.for(['light', 'dark'] as const)('every text must be legible in %s', async (scheme) => {
  const { page } = await show(brokenDocument(), 1280, scheme)
  const background = await page.evaluate('getComputedStyle(document.body).backgroundColor')
  expect(background).toBe(scheme === 'light' ? 'rgb(247, 247, 245)' : 'rgb(18, 21, 24)')
  const [contrast, text] = (await page.evaluate(lowestContrast)) as [number, string]
  expect(contrast, text).toBeGreaterThanOrEqual(4.5)
  await page.close()
})

test('the keyboard must reach every link in its order, and where it is must be seen', async () => {
  const { page } = await show(wellDocument(), 1280)
  const focused = "(document.activeElement?.textContent ?? '').trim().split('\\n')[0]"
  await page.keyboard.press('Tab')
  expect(await page.evaluate(focused)).toBe('Skip to the report')
  expect(await page.evaluate('document.activeElement.getBoundingClientRect().top')).toBeGreaterThan(0)
  await page.keyboard.press('Enter')
  expect(await page.evaluate('location.hash')).toBe('#main')
  await page.evaluate("document.querySelector('.skip').focus()")
  const reached: string[] = []
  for (;;) {
    await page.keyboard.press('Tab')
    const [name, outline] = (await page.evaluate(`(() => {
      const at = document.activeElement
      const isBox = at.classList.contains('box')
      const style = getComputedStyle(isBox ? at.querySelector('.frame') : at)
      const name = at === document.body ? '' : (at.getAttribute('aria-label') ?? at.textContent.trim())
      return [name, isBox ? style.strokeWidth : style.outlineStyle]
    })()`)) as [string, string]
    if (name === '' || reached.length > 200) break
    expect(outline, name).toMatch(/^(?:solid|3px)$/)
    reached.push(name)
  }
  const all = (await page.evaluate(
    "[...document.querySelectorAll('nav a, .picture, .picture a, main a:not(.box)')].map((one) => one.getAttribute('aria-label') ?? one.textContent.trim())",
  )) as string[]
  expect(reached).toEqual(all)
  expect(reached.slice(0, 7)).toEqual([
    'Services',
    'Plan',
    'Migrations',
    'Schema',
    'Last runs',
    'The stack as a graph',
    'api: ready, built from containers/api/Dockerfile, 8081 → 3000',
  ])
  await page.close()
})

test('a link to a table that is folded must open it', async () => {
  const { page } = await show(largeDocument({ migrations: 3, tables: 40 }), 1280)
  expect(await page.locator('details[open]').count()).toBe(0)
  await page.locator('.picture a', { hasText: 'loan_37' }).click()
  expect(await page.locator('details[open] summary').allInnerTexts()).toEqual([expect.stringContaining('loan_37')])
  await page.close()
})

test('print must have all of it, what is folded too, and be light', async () => {
  const { page } = await show(largeDocument({ migrations: 60, tables: 20 }), 700, 'dark')
  const allShown = "[...document.querySelectorAll('.version, tbody th')].every((one) => one.checkVisibility())"
  expect(await page.evaluate(allShown)).toBe(false)
  await page.emulateMedia({ media: 'print' })
  expect(await page.evaluate(allShown)).toBe(true)
  expect(await page.locator('nav').isVisible()).toBe(false)
  expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)')
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(700)
  const pdf = await page.pdf({ format: 'A4' })
  expect(pdf.toString('latin1', 0, 5)).toBe('%PDF-')
  // The time line alone fills a page and more.
  expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length).toBeGreaterThan(2)
  await page.close()
})
