import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { errorCodes, ExitCode } from '../src/errors.ts'
import {
  configReference,
  generatedPart,
  pathOf,
  readBlocks,
  readmeFile,
  undocumented,
  withGeneratedPart,
  type Block,
} from './support/readme.ts'
import { freePort } from './support/ports.ts'

// README.md is held to what the program does: what it tells the reader to type is typed, and what it shows is compared.
// `POSTSTACK_README=write npm test -- tests/readme.test.ts` writes the outputs and the generated parts instead.

const root = fileURLToPath(new URL('..', import.meta.url))
const writes = process.env['POSTSTACK_README'] === 'write'
const readme = await readFile(readmeFile, 'utf8')
const blocks = readBlocks(readme)
const run = promisify(execFile)

describe('what README tells to type', () => {
  const numbers = [...new Set(blocks.map(({ projectNumber }) => projectNumber))]
  for (const number of numbers) {
    const mine = blocks.filter(({ projectNumber, notRun }) => projectNumber === number && notRun === undefined)
    const runtime = mine[0]?.project ?? 'native'
    test(
      `project ${number}, on ${runtime}: every command does what is shown`,
      { timeout: 400_000 },
      async (context) => {
        const missing = await whyMissing(runtime)
        if (missing !== undefined) context.skip(`${runtime}: ${missing}`)
        await followAll(mine)
      },
    )
  }

  test('few commands are not run, each for a reason', () => {
    const left = blocks.filter(({ language, notRun }) => language === 'sh' && notRun !== undefined)
    expect(left.length).toBeLessThanOrEqual(3)
  })

  test('an output stands under a command', () => {
    const alone = blocks.filter(({ language }, index) => language === 'text' && blocks[index - 1]?.language !== 'sh')
    expect(alone.map(({ line }) => line)).toEqual([])
  })
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
async function followAll(mine: readonly Block[]): Promise<void> {
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
        await follow(block, next?.language === 'text' ? next : undefined, { project, names })
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

/** What a reader may use may be taken on this machine: other ports and another stack stand in for those in README. */
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
  readonly project: string
  readonly names: Names
}

async function follow(block: Block, shown: Block | undefined, { project, names }: Reader): Promise<void> {
  const expected = Number(/# exits with (\d+)$/.exec(block.text)?.[1] ?? 0)
  const env = { ...process.env, NO_COLOR: '1', CI: '1', npm_config_loglevel: 'error', NODE_OPTIONS: '' }
  const script = `exec 2>&1\n${names.forward(block.text)}`
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    execFile('bash', ['-c', script], { cwd: project, env }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout })
    })
  })
  const where = `README.md:${block.line}: ${block.text}`
  const text = names.back(output).trimEnd()
  expect({ where, code, output: code === expected ? '' : text }).toEqual({ where, code: expected, output: '' })
  if (shown === undefined) return
  if (writes && comparable(text) !== comparable(shown.text)) seen.set(shown, withoutImages(text))
  if (!writes) expect(`${where}\n${comparable(text)}`).toBe(`${where}\n${comparable(shown.text)}`)
}

/** Images are built on one machine and there already on the next, so README shows neither. */
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
let reference = ''

afterAll(async () => {
  if (!writes) return
  const lines = readme.split('\n')
  // From the end, so that the lines before stay where they are.
  for (const block of blocks.toReversed()) {
    const text = seen.get(block)
    if (text !== undefined) lines.splice(block.line, lines.indexOf('```', block.line) - block.line, ...text.split('\n'))
  }
  await writeFile(readmeFile, withGeneratedPart(lines.join('\n'), 'config reference', reference))
})

describe('what README shows', () => {
  test('TypeScript compiles', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-readme-')))
    try {
      const programs = blocks.filter(({ language }) => language === 'ts')
      expect(programs.length).toBeGreaterThan(2)
      for (const { line, text } of programs) await writeFile(join(folder, `line-${line}.ts`), text)
      const compilerOptions = {
        typeRoots: [join(root, 'node_modules', '@types')],
        paths: {
          poststack: [join(root, 'dist', 'index.d.ts')],
          'poststack/migrations': [join(root, 'dist', 'database.d.ts')],
          'poststack/run': [join(root, 'dist', 'run.d.ts')],
          'poststack/vitest': [join(root, 'dist', 'vitest', 'fixture.d.ts')],
          'poststack/vitest/setup': [join(root, 'dist', 'vitest', 'setup.d.ts')],
          vitest: [join(root, 'node_modules', 'vitest')],
          'vitest/config': [join(root, 'node_modules', 'vitest', 'config')],
          'vitest/node': [join(root, 'node_modules', 'vitest', 'node')],
        },
        noUnusedLocals: false,
        module: 'esnext',
        moduleResolution: 'bundler',
      }
      const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const failed = await run(process.execPath, [tsc, '-p', folder]).then(
        () => '',
        (error: { readonly stdout: string }) => error.stdout,
      )
      expect(failed).toBe('')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('the config reference is the documentation of the types', () => {
    expect(undocumented()).toEqual([])
    reference = configReference()
    if (!writes) expect(generatedPart(readme, 'config reference')).toBe(reference)
  })

  test('error codes and their exit codes are those of the program', () => {
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, code = '', exit]) => [
      code,
      Number(exit),
    ])
    expect(Object.fromEntries(rows)).toEqual(errorCodes)
  })

  test('exit codes are those of the program', () => {
    const [, section = ''] = /## Exit codes\n([\s\S]*?)\n## /.exec(readme) ?? []
    const shown = [...section.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cells = '']) => cells.split(', ').map(Number))
    expect(shown).toEqual(Object.values(ExitCode))
  })

  test('JSON types are those that the program writes', async () => {
    const events = await readFile(join(root, 'src', 'events.ts'), 'utf8')
    const json = await readFile(join(root, 'src', 'cli', 'report', 'json.ts'), 'utf8')
    const documents = await readFile(join(root, 'src', 'cli', 'report', 'documents.ts'), 'utf8')
    const answers = documents.matchAll(/readonly type: '([a-z-]+)'/g)
    const written = [
      ...answers,
      ...events.matchAll(/readonly type: '([a-z-]+)'/g),
      ...json.matchAll(/line\('([a-z-]+)'/g),
    ]
    const [, section = ''] = /## JSON output\n([\s\S]*?)\n## /.exec(readme) ?? []
    const shown = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, type]) => type)
    expect(new Set(shown)).toEqual(new Set([...written.map(([, type]) => type), 'version']))
  })

  test('every npm script is explained', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const ownOnly = ['postprepare', 'prepack']
    const names = Object.keys(manifest.scripts).filter((name) => !ownOnly.includes(name))
    const shown = names.filter((name) => readme.includes(name === 'test' ? '`npm test`' : `\`npm run ${name}\``))
    expect(shown).toEqual(names)
  })
})
