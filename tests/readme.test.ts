import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { editPage, pages, pathOf, type Block, type Page } from './support/readme.ts'
import { freePort } from './support/ports.ts'

// README.md and docs/ are held to what the program does: what they tell the reader to type is typed, and what they show is
// compared. `POSTSTACK_README=write npm test -- tests/readme.test.ts` writes the outputs instead. What else they show is
// looked at in docs.test.ts.

const root = fileURLToPath(new URL('..', import.meta.url))
const writes = process.env['POSTSTACK_README'] === 'write'
const run = promisify(execFile)

describe.each(pages)('what $path tells to type', ({ path, blocks }) => {
  const numbers = [...new Set(blocks.map(({ projectNumber }) => projectNumber))]
  for (const number of numbers) {
    const mine = blocks.filter(({ projectNumber, notRun }) => projectNumber === number && notRun === undefined)
    if (!mine.some(({ language }) => language === 'sh')) continue
    const runtime = mine[0]?.project ?? 'native'
    test(
      `project ${number}, on ${runtime}: every command does what is shown`,
      { timeout: 400_000 },
      async (context) => {
        const missing = await whyMissing(runtime)
        if (missing !== undefined) context.skip(`${runtime}: ${missing}`)
        await followAll(path, mine)
      },
    )
  }

  test('an output stands under a command', () => {
    const alone = blocks.filter(({ language }, index) => language === 'text' && blocks[index - 1]?.language !== 'sh')
    expect(alone.map(({ line }) => line)).toEqual([])
  })
})

test('few commands are not run, each for a reason', () => {
  const left = pages.flatMap(({ blocks }) => blocks).filter(({ language, notRun }) => language === 'sh' && notRun)
  expect(left.length).toBeLessThanOrEqual(3)
})

async function whyMissing(runtime: string): Promise<string | undefined> {
  if (runtime === 'native') return undefined
  const answer = run(runtime, ['info'], { timeout: 20_000 })
  return answer.then(
    () => undefined,
    () => 'it does not answer',
  )
}

/** Walks through the blocks of one project as a reader would. */
async function followAll(page: Page['path'], mine: readonly Block[]): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-readme-')))
  const project = join(folder, 'shop')
  const names = await namesFor(mine)
  try {
    await mkdir(join(project, 'node_modules', '.bin'), { recursive: true })
    await writeFile(join(project, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }\n')
    await symlink(root, join(project, 'node_modules', 'poststack'))
    await symlink('../poststack/dist/cli.js', join(project, 'node_modules', '.bin', 'poststack'))
    for (const [index, block] of mine.entries()) {
      const path = pathOf(block)
      if (path !== undefined) {
        await mkdir(dirname(join(project, path)), { recursive: true })
        await writeFile(join(project, path), `${names.forward(block.text)}\n`)
      } else if (block.language === 'sh') {
        const next = mine[index + 1]
        await follow(block, next?.language === 'text' ? next : undefined, { page, project, names })
      }
    }
  } finally {
    const all = ['down', '--volumes', '--yes']
    await run(process.execPath, [join(root, 'dist', 'cli.js'), ...all], { cwd: project }).catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
}

interface Names {
  readonly forward: (text: string) => string
  readonly back: (text: string) => string
}

/** What a reader may use may be taken on this machine: other ports and another stack stand in for those shown. */
async function namesFor(mine: readonly Block[]): Promise<Names> {
  const config = mine.map(({ text }) => text).join('\n')
  const ports = [...new Set([...config.matchAll(/(?:port|host): (\d+)/g)].map(([, port = '']) => port))]
  // As long as the name it stands for, so that columns keep their widths.
  const pairs: (readonly [string, string])[] = [['bookshop', `b${process.pid.toString(36).padStart(7, '0')}`]]
  for (const port of ports) pairs.push([port, String(await freePort())])
  return {
    forward: (text) => pairs.reduce((changed, [shown, used]) => changed.replaceAll(shown, used), text),
    back: (text) => pairs.reduce((changed, [shown, used]) => changed.replaceAll(used, shown), text),
  }
}

interface Reader {
  readonly page: Page['path']
  readonly project: string
  readonly names: Names
}

async function follow(block: Block, shown: Block | undefined, { page, project, names }: Reader): Promise<void> {
  const expected = Number(/# exits with (\d+)$/.exec(block.text)?.[1] ?? 0)
  const env = { ...process.env, NO_COLOR: '1', CI: '1', npm_config_loglevel: 'error', NODE_OPTIONS: '' }
  const script = `exec 2>&1\n${names.forward(block.text)}`
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    execFile('bash', ['-c', script], { cwd: project, env }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout })
    })
  })
  const where = `${page}:${block.line}: ${block.text}`
  const text = names.back(output).trimEnd()
  expect({ where, code, output: code === expected ? '' : text }).toEqual({ where, code: expected, output: '' })
  if (shown === undefined) return
  if (writes && comparable(text) !== comparable(shown.text)) seen.set(shown, withoutImages(text))
  if (!writes) expect(`${where}\n${comparable(text)}`).toBe(`${where}\n${comparable(shown.text)}`)
}

/** Images are built on one machine and there already on the next, so no page shows either. */
function withoutImages(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^  ok +image /.test(line))
    .join('\n')
}

/** Without what differs between two runs: images, times, widths of columns, and the order of what runs side by side. */
function comparable(text: string): string {
  const lines = withoutImages(text)
    .replaceAll(/\(\d+ steps?, /g, '(<steps>, ')
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, '<time>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, '<when>')
    .replaceAll(/ by \S+@\S+/g, ' by <whom>')
    .split('\n')
    .map((line) => line.trimEnd().replaceAll(/(?<=\S) {2,}/g, '  '))
  const steps = lines.filter((line) => line.startsWith('  ok ')).toSorted()
  return lines.map((line) => (line.startsWith('  ok ') ? steps.shift() : line)).join('\n')
}

/** With `POSTSTACK_README=write`: what was seen where. */
const seen = new Map<Block, string>()

afterAll(() => {
  if (!writes) return
  for (const { path, text, blocks } of pages) {
    const lines = text.split('\n')
    // From the end, so that the lines before stay where they are.
    for (const block of blocks.toReversed()) {
      const output = seen.get(block)
      if (output === undefined) continue
      lines.splice(block.line, lines.indexOf('```', block.line) - block.line, ...output.split('\n'))
    }
    if (lines.join('\n') !== text) editPage(path, () => lines.join('\n'))
  }
})
