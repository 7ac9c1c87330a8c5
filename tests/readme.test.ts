import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { cliFile } from './support/cli.ts'
import { comparable, editPage, pages, pathOf, withoutImages, type Block, type Page } from './support/readme.ts'
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
  const names = await namesFor(mine)
  const project = join(folder, names.forward('bookshop'))
  try {
    await install(folder)
    await mkdir(project)
    await writeFile(join(project, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }\n')
    let cwd = project
    for (const [index, block] of mine.entries()) {
      const path = pathOf(block)
      const next = mine[index + 1]
      if (path !== undefined) {
        await mkdir(dirname(join(project, path)), { recursive: true })
        await writeFile(join(project, path), `${names.forward(block.text)}\n`)
      } else if (block.language === 'prepared') {
        await follow(block, undefined, { page, cwd, names })
      } else if (block.language === 'sh') {
        cwd = await follow(block, next?.language === 'text' ? next : undefined, { page, cwd, names })
      }
    }
  } finally {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const down = [cliFile, 'down', '--volumes', '--yes']
      const cwd = join(folder, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules')
        await run(process.execPath, down, { cwd }).catch(() => undefined)
    }
    await rm(folder, { recursive: true, force: true })
  }
}

/** As `npm install` would, for every project in the folder. */
async function install(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules', '.bin'), { recursive: true })
  await symlink(root, join(folder, 'node_modules', 'poststack'))
  await symlink('../poststack/dist/cli.js', join(folder, 'node_modules', '.bin', 'poststack'))
}

interface Names {
  readonly forward: (text: string) => string
  readonly back: (text: string) => string
}

/** What a reader may use may be taken on this machine: other ports and another stack stand in for those shown. */
async function namesFor(mine: readonly Block[]): Promise<Names> {
  const config = mine.map(({ text }) => text).join('\n')
  const ports = [...new Set([...config.matchAll(/(?:\b(?:port|host): |PORT=)(\d+)/g)].map(([, port = '']) => port))]
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
  /** Where the reader is. */
  readonly cwd: string
  readonly names: Names
}

/** Returns where the reader is then. */
async function follow(block: Block, shown: Block | undefined, { page, cwd, names }: Reader): Promise<string> {
  const expected = Number(/# exits with (\d+)$/.exec(block.text)?.[1] ?? 0)
  const env = { ...process.env, NO_COLOR: '1', CI: '1', npm_config_loglevel: 'error', NODE_OPTIONS: '' }
  const mark = '\u0001at '
  // npx itself takes longer than most commands. README shows that it works.
  const npx = page === 'README.md' ? '' : `npx() { "${cliFile}" "\${@:2}"; }\n`
  // Each command counts, and not only the last.
  const script = `${npx}set -e\nexec 2>&1\ntrap 'printf "\\n${mark}%s" "$PWD"' EXIT\n${names.forward(block.text)}`
  const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
    execFile('bash', ['-c', script], { cwd, env }, (error, output) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout: output })
    })
  })
  const [output = '', then = cwd] = stdout.split(`\n${mark}`)
  const where = `${page}:${block.line}: ${block.text}`
  const text = names.back(output).trimEnd()
  expect({ where, code, output: code === expected ? '' : text }).toEqual({ where, code: expected, output: '' })
  if (shown !== undefined) {
    if (writes && comparable(text) !== comparable(shown.text)) seen.set(shown, withoutImages(text))
    if (!writes) expect(`${where}\n${comparable(text)}`).toBe(`${where}\n${comparable(shown.text)}`)
  }
  return then
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
