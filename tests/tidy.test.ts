import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

// The repository checks itself: what no type and no lint rule can see.

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
const files = tracked.split('\0').filter((file) => file !== '')
const source = files.filter((file) => file.startsWith('src/') && file.endsWith('.ts'))

/** Every file that Node runs when `code` runs in a fresh process, as Node's own coverage lists them. */
function filesRunBy(code: string): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'poststack-loaded-'))
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder, NODE_OPTIONS: '' }
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, env })
    const reports = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Coverage)
    const urls = reports.flatMap(({ result }) => result.map(({ url }) => url))
    return urls.filter((url) => url.startsWith('file:') && !url.includes('[eval')).map((url) => fileURLToPath(url))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Coverage {
  readonly result: readonly { readonly url: string }[]
}

/** The packages whose code stands in a built file: esbuild writes the path of each source above its part. */
const packagesIn = (file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^\s*\/\/ .*node_modules\/((?:@[^/]+\/)?[^/\n]+)/gm)].map(
    ([, name = '']) => name,
  )

/** The built files that a built file imports, now or later, itself among them. */
function reachedFrom(entry: string): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = [entry]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:\bfrom |\bimport\(|^import )"(\.[^"]*)"/gm))
      waiting.push(join(file, '..', path))
  }
  return reached
}

describe('start-up', () => {
  test('importing the package root runs no third-party code', () => {
    const loaded = filesRunBy("await import('poststack')")
    expect(loaded).toContain(join(root, 'dist', 'index.js'))
    expect(loaded.filter((file) => file.includes('node_modules'))).toEqual([])
    expect(loaded.flatMap(packagesIn)).toEqual([])
  })

  test('importing the library for one database runs no third-party code, and none of the stack', () => {
    const loaded = filesRunBy("await import('poststack/migrations')")
    expect(loaded).toContain(join(root, 'dist', 'migrations.js'))
    expect(loaded.filter((file) => file.includes('node_modules'))).toEqual([])
    expect(loaded.flatMap(packagesIn)).toEqual([])
    const parts = loaded.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^\/\/ src\/([^\n]+)/gm)].map(([, path = '']) => path),
    )
    expect(parts).toContain('migrations/run/migrate.ts')
    expect(parts.filter((path) => /^(?:runtime|plan|watch|cli)\/|^(?:stack|events)\.ts$/.test(path))).toEqual([])
  })

  test('whatever the library for one database does, it reaches no program that runs containers', () => {
    const reached = reachedFrom(join(root, 'dist', 'migrations.js'))
    const packages = [...reached].flatMap((file) => packagesIn(file))
    expect(packages).toContain('pg')
    const foreign = /^(?:execa|zod|esbuild|tsx|chokidar|consola|kleur|@stricli\/core|tar-stream)$/
    expect(packages.filter((name) => foreign.test(name))).toEqual([])
    const outside = [...reached].flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom |\bimport\(|^import )"([^".][^"]*)"/gm)].map(
        ([, name = '']) => name,
      ),
    )
    expect([...new Set(outside.filter((name) => !/^(?:node:)|^[a-z_]+(?:\/[a-z]+)?$/.test(name)))]).toEqual([
      'libpg-query',
    ])
    expect(outside.filter((name) => foreign.test(name))).toEqual([])
  })

  test.each(['up', 'plan'])('what %s loads to find nothing to do comes in a few files', (command) => {
    const chunks = join(root, 'dist', 'chunks')
    const [entry = ''] = readdirSync(chunks).filter((file) => file.startsWith(`${command}-`))
    const loaded = filesRunBy(`await import('./dist/chunks/${entry}')`)
    expect(loaded.length).toBeLessThan(10)
    const heavy = /^(?:execa|zod|esbuild|tsx|chokidar|tar-stream|pg)$/
    expect(loaded.flatMap(packagesIn).filter((name) => heavy.test(name))).toEqual([])
    // See src/runtime/http.ts: an import would load all of Node's `fetch`.
    expect(loaded.filter((file) => readFileSync(file, 'utf8').includes('from "node:http"'))).toEqual([])
  })

  test('the check above can see third-party code', () => {
    expect(filesRunBy("await import('esbuild')").some((file) => file.includes('node_modules/esbuild/'))).toBe(true)
    const chunks = readdirSync(join(root, 'dist', 'chunks')).map((file) => join(root, 'dist', 'chunks', file))
    expect(chunks.flatMap(packagesIn)).toContain('zod')
  })

  test('zod comes without the languages that nothing speaks', () => {
    const folder = join(root, 'dist', 'chunks')
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
    expect(texts.filter((text) => text.includes('zod/v4/locales/he.'))).toEqual([])
  })

  test('the version is answered by one file and nothing else', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string }
    const printed = execFileSync(process.execPath, [join(root, 'dist', 'cli.js'), 'version'], { encoding: 'utf8' })
    expect(printed.trim()).toBe(`poststack ${version}`)
    const loaded = filesRunBy("process.argv.push('poststack', 'version'); await import('./dist/cli.js')")
    expect(loaded).toEqual([join(root, 'dist', 'cli.js')])
  })
})

describe('source', () => {
  test('no file is longer than 300 lines', () => {
    const long = source.map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }))
    expect(long.filter(({ lines }) => lines > 300)).toEqual([])
  })

  test('nothing escapes the type checker', () => {
    const escapes = /\bas unknown as\b|\bas any\b|@ts-(?:ignore|nocheck|expect-error)|\benum [A-Z]/
    expect(source.filter((file) => escapes.test(read(file)))).toEqual([])
  })

  test('no file is a drawer for odds and ends', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|manager)(\.|\/)/.test(file))).toEqual([])
  })
})

describe('repository', () => {
  const texts = files.filter((file) =>
    /\.(ts|mjs|js|json|jsonc|md|sh|sql|ya?ml)$|(^|\/)(Dockerfile|Containerfile|run)$/.test(file),
  )
  const own = relative(root, fileURLToPath(import.meta.url))

  test('no test is left alone with .only', () => {
    const tests = files.filter((file) => file.startsWith('tests/') && file.endsWith('.ts') && file !== own)
    expect(tests.filter((file) => /\b(?:test|it|describe)(?:\.\w+)*\.only\(/.test(read(file)))).toEqual([])
  })

  test('no file names a place on one machine', () => {
    const places = /(?<![\w.~-])\/(?:work|farm|root|home\/(?!dev\/|me\/)[a-z]+|Users\/[A-Za-z]+)\//
    expect(texts.filter((file) => file !== own && file !== 'package-lock.json' && places.test(read(file)))).toEqual([])
  })

  test('the top level stays the product', () => {
    const allowed = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'containers',
      'docs',
      'examples',
      'migrations',
      'package-lock.json',
      'package.json',
    ]
    allowed.push('poststack.config.ts', 'src', 'tests', 'tsconfig.json')
    const top = new Set(files.map((file) => file.split('/')[0] ?? '').filter((name) => !name.startsWith('.')))
    expect([...top].filter((name) => !allowed.includes(name))).toEqual([])
  })
})
