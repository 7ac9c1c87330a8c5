import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv, promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { errorCodes, ExitCode } from '../src/errors.ts'
import { linesOfSvg } from './support/terminal-svg.ts'
import {
  comparable,
  configReference,
  editPage,
  generatedPart,
  page,
  pages,
  undocumented,
  withGeneratedPart,
} from './support/readme.ts'

// What README.md and docs/ show beside commands, which readme.test.ts runs: programs, data, references, links.
// `POSTSTACK_README=write npm test -- tests/docs.test.ts` writes the generated parts.

const root = fileURLToPath(new URL('..', import.meta.url))
const writes = process.env['POSTSTACK_README'] === 'write'
const run = promisify(execFile)

/** The part of a page under one heading of the second level. */
function section(path: string, heading: string): string {
  const [, text = ''] = page(path).text.split(`\n## ${heading}\n`)
  return text.split(/^## /m)[0] ?? ''
}

describe('what the pages show', () => {
  test('TypeScript compiles', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-docs-')))
    try {
      for (const { path, blocks } of pages) {
        for (const { line, text } of blocks.filter(({ language }) => language === 'ts'))
          await writeFile(join(folder, `${path.replaceAll(/\W/g, '-')}-${line}.ts`), text)
      }
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
    const reference = configReference()
    if (writes) editPage('docs/config.md', (text) => withGeneratedPart(text, 'config reference', reference))
    else expect(generatedPart(page('docs/config.md').text, 'config reference')).toBe(reference)
  })

  test('error codes and their exit codes are those of the program', () => {
    const table = section('docs/troubleshooting.md', 'Error codes')
    const rows = [...table.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, code = '', exit]) => [code, Number(exit)])
    expect(Object.fromEntries(rows)).toEqual(errorCodes)
    const atLength = [...section('docs/troubleshooting.md', 'Some codes at length').matchAll(/^### (.+)$/gm)]
    const named = atLength.flatMap(([, heading = '']) => heading.replaceAll('`', '').split(', '))
    expect(named.filter((code) => !(code in errorCodes))).toEqual([])
  })

  test('exit codes are those of the program', () => {
    const table = section('docs/troubleshooting.md', 'Exit codes')
    const shown = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cells = '']) => cells.split(', ').map(Number))
    expect(shown).toEqual(Object.values(ExitCode))
  })

  test('every command is explained', () => {
    const help = page('docs/commands.md').blocks.find(({ text }) => text.startsWith('USAGE'))?.text ?? ''
    const prose = pages.map(({ text }) => withoutBlocks(text)).join('\n')
    const [, commands = ''] = help.split('\nCOMMANDS\n')
    const top = [...commands.matchAll(/^ +(\S+)/gm)].map(([, name = '']) => name)
    const groups = [...help.matchAll(/^ +poststack \w+ (\S+\|\S+) \.\.\.$/gm)].flatMap(([, all = '']) => all.split('|'))
    expect([top.length > 10, groups.length > 20]).toEqual([true, true])
    const isExplained = (name: string): boolean => new RegExp(`poststack ${name}\\b|^\\| \`${name}\\b`, 'm').test(prose)
    expect([...top, ...groups].filter((name) => !isExplained(name))).toEqual([])
  })

  test('every npm script is explained', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const ownOnly = ['postprepare', 'prepack']
    const names = Object.keys(manifest.scripts).filter((name) => !ownOnly.includes(name))
    const shown = names.filter((name) =>
      page('docs/CONTRIBUTING.md').text.includes(name === 'test' ? '`npm test`' : `\`npm run ${name}\``),
    )
    expect(shown).toEqual(names)
  })

  test('data can be read', () => {
    const readers: Readonly<Record<string, (text: string) => unknown>> = {
      json: JSON.parse,
      yaml: parse,
      ini: parseEnv,
    }
    const languages = new Set(['sh', 'prepared', 'text', 'ts', 'sql', ...Object.keys(readers)])
    for (const { path, blocks } of pages) {
      for (const { language, line, text } of blocks) {
        expect(languages, `${path}:${line}`).toContain(language)
        expect(() => readers[language]?.(text), `${path}:${line}`).not.toThrow()
      }
    }
  })

  test('what a pipeline is told to run is run as a command, too', () => {
    for (const { path, blocks } of pages) {
      const typed = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n'))
      for (const { language, line, text } of blocks.filter((block) => block.language === 'yaml')) {
        const commands = [...text.matchAll(/(?:run: |- )(npx poststack .+)$/gm)].map(([, command = '']) => command)
        for (const command of commands) expect(typed, `${path}:${line}, ${language}`).toContain(command)
      }
    }
  })

  test('links lead to what is there', () => {
    const broken = pages.flatMap(({ path, text }) =>
      [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !target.startsWith('https:') && !leads(path, target))
        .map((target) => `${path}: ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('pictures show what the tour shows', async () => {
    const { blocks, text } = page('README.md')
    for (const name of ['up', 'plan']) {
      const svg = await readFile(join(root, 'docs', 'pictures', `${name}.svg`), 'utf8')
      const [command = '', ...lines] = linesOfSvg(svg)
      const typed = blocks.filter((block) => `$ ${block.text}` === command)
      const shown = typed.map((block) => essence(blocks[blocks.indexOf(block) + 1]?.text ?? ''))
      expect(shown, `${name}.svg; npx tsx tests/support/pictures.ts makes it anew`).toContain(essence(lines.join('\n')))
    }
    for (const name of await readdir(join(root, 'docs', 'pictures'))) expect(text).toContain(`(docs/pictures/${name})`)
  })

  test('README leads to every page', () => {
    const others = pages.map(({ path }) => path).filter((path) => path !== 'README.md')
    expect(others.filter((path) => !page('README.md').text.includes(`](${path})`))).toEqual([])
  })

  test('README is read in five minutes', () => {
    expect(page('README.md').text.split('\n').length).toBeLessThanOrEqual(450)
  })
})

/** Without what differs from one run to the next, and without blanks. */
function essence(output: string): string {
  return comparable(output.replaceAll(/^ *ok +/gm, '  ok ')).replaceAll(/\s/g, '')
}

function leads(from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? from : relative(root, join(root, dirname(from), file))
  if (!existsSync(join(root, path))) return false
  return anchor === undefined || headings(page(path).text).includes(anchor)
}

/** Anchors as forges make them. */
function headings(text: string): readonly string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}
