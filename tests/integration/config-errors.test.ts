import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse/parse.ts'
import { isPoststackError } from '../../src/errors.ts'
import { configProject, load, loadError, processesNaming } from '../support/config-project.ts'

const esm = { 'package.json': '{ "type": "module" }' }
const start = "import { defineConfig, postgres } from 'poststack'\n"
const callsBack = {
  'node_modules/pkg/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/pkg/index.js': 'export function call(what) {\n  return what()\n}',
}
const ways = [
  { way: 'guarded', trusted: false },
  { way: 'trusted', trusted: true },
]

describe.each(ways)('$way: what goes wrong in a config', ({ trusted }) => {
  async function errorOf(source: string, files: Readonly<Record<string, string>> = esm) {
    const root = await configProject({ ...files, 'poststack.config.ts': source })
    const error = await loadError(root, { trusted })
    return { root, error, text: `${error.code} ${error.message}`.replaceAll(root, '<root>') }
  }

  it('names the place of a throw and cuts the stack to the user', async () => {
    const lib = "export function port(): number {\n  throw new RangeError('no port left')\n}\n"
    const { error, text, root } = await errorOf(
      `${start}import { port } from './lib.ts'\nexport default defineConfig({ services: { db: postgres({ port: port() }) } })`,
      { ...esm, 'lib.ts': lib },
    )
    expect(text).toBe(
      `CONFIG_FAILED lib.ts:2:9: the config threw RangeError: no port left

  1 | export function port(): number {
> 2 |   throw new RangeError('no port left')
    |         ^
  3 | }`,
    )
    expect(error.details).toMatchObject({ file: join(root, 'lib.ts'), line: 2, column: 9 })
    const stack = String(error.details['stack'])
    expect(stack).toContain('poststack.config.ts:3:')
    expect(stack).not.toMatch(/node:internal|poststack-config-/)
  })

  it('keeps the columns of line 1 where import.meta is used', async () => {
    const { text } = await errorOf('const a: string = import.meta.url, b = import.meta.dirname; throw new Error(`x`)')
    expect(text).toContain('poststack.config.ts:1:67: the config threw Error: x')
  })

  it('names the place of a throw in a package without a type', async () => {
    const { text } = await errorOf(`${start}\nif (postgres) throw new Error('here')\nexport default {}`, {
      'package.json': '{}',
    })
    expect(text).toContain('poststack.config.ts:3:21: the config threw Error: here')
  })

  it.each([
    ['an object', "throw { wrong: 'thing' }", "the config threw { wrong: 'thing' }\n\n> 1 | throw"],
    [
      'one text of two',
      "if (Math.random() > 2) throw 'that'\n  throw 'this'",
      "2:3: the config threw 'this'\n\n  1 | if",
    ],
    ['a text that could be either', "const a = 'x'\nif (Math.random() > 2) throw a\nthrow a", ": the config threw 'x'"],
  ])('shows what was thrown when it is no error: %s', async (_, source, expected) => {
    const { text } = await errorOf(source)
    expect(text).toContain(expected)
    if (expected.startsWith(':')) expect(text).toBe(`CONFIG_FAILED poststack.config.ts${expected}`)
  })

  it('names the place of an error that a timer throws', async () => {
    const { text } = await errorOf("setTimeout(() => {\n  throw new Error('late')\n}, 1)\nawait new Promise(() => {})")
    expect(text).toContain('poststack.config.ts:2:9: the config threw Error: late')
  })

  it('names the place of a syntax error', async () => {
    const { text } = await errorOf(`${start}export default defineConfig({ services: { db: postgres({ port: 1 2 }) } })`)
    expect(text).toContain('CONFIG_FAILED poststack.config.ts:2:66: expected "}" but found "2"\n\n  1 | import')
  })

  it.each([
    [
      'a file',
      "import { x } from './gone.ts'",
      '1:19: the imported file "./gone.ts" does not exist',
      'relative to the importing file',
    ],
    [
      'a package',
      "import { x } from '@own/gone/deep'",
      '1:19: the imported package "@own/gone/deep" is not installed',
      'npm install @own/gone',
    ],
  ])('names %s that is not there', async (_, line, message, hint) => {
    const { error, text } = await errorOf(`${line}\nexport default x`)
    expect(text).toContain(`poststack.config.ts:${message}\n\n> 1 | import`)
    expect(error.hint).toContain(hint)
  })

  it('names an import of ours that does not exist, and the right word', async () => {
    const { error, text } = await errorOf("import { postgress } from 'poststack'\nexport default postgress")
    expect(text).toContain('poststack.config.ts:1:10: ')
    expect(text).toContain('"poststack" exports no `postgress`')
    expect(error.hint).toBe('Did you mean `postgres`?')
  })

  it.each([
    ['', 'export const prt = 1'],
    [' that exports nothing', 'console.log(1)'],
  ])('names an export that a project file%s lacks', async (_, lib) => {
    const { text } = await errorOf("import { port } from './lib.ts'\nexport default { port: port + 1 }", {
      ...esm,
      'lib.ts': lib,
    })
    expect(text).toContain('poststack.config.ts:1:10: "./lib.ts" exports no `port`')
  })

  it.each([
    ['ESM', '{ "type": "module", "exports": "./index.js" }', 'export const other = 1'],
    ['CommonJS', '{ "main": "./index.js" }', 'exports.other = 1'],
  ])('names an export that a package in %s lacks', async (_, manifest, code) => {
    const files = { ...esm, 'node_modules/pkg/package.json': manifest, 'node_modules/pkg/index.js': code }
    const { text } = await errorOf("import { other, port } from 'pkg'\nexport default { port, other }", files)
    expect(text).toContain('poststack.config.ts:1:17: "pkg" exports no `port`\n\n> 1 | import { other, port }')
  })

  it.each([
    ['a number', 'export default 42', 'exports a number, which is no config'],
    ['a string', "export default 'shop'", 'exports a string'],
    ['an array', 'export default []', 'exports an array'],
    ['undefined', 'export default undefined', 'exports undefined'],
    ['undefined that is defined', `${start}export default defineConfig(undefined as never)`, 'exports undefined'],
    ['nothing', 'export {}', 'exports nothing'],
    ['a named export only', 'export const config = { services: {} }', 'exports config, but no default'],
    ['one service', `${start}export default postgres()`, 'exports one service, not a stack'],
    ['a function that returns nothing', 'export default () => {}', 'exports undefined'],
  ])('refuses %s as a config', async (_, source, message) => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const { file, issues, plain, sources } = await load(root, { trusted })
    expect(plain).toBe(null)
    expect(issues).toHaveLength(1)
    expect(issues[0]?.message).toContain(message)
    const error: unknown = await parseConfig(plain, { root, file, issues, sources }).catch((thrown: unknown) => thrown)
    if (!isPoststackError(error)) throw new Error('expected an error')
    expect(error.hint).toContain("import { defineConfig, postgres } from 'poststack'")
    if (!source.includes('export default')) return
    const line = source.split('\n').length
    expect(error.message).toMatch(new RegExp(`^poststack\\.config\\.ts:${String(line)}:1: the file exports`))
    expect(error.message).toContain(`> ${String(line)} | export default`)
  })

  it.each([
    [
      'nothing',
      "import { postgres } from 'poststack'\nconst config = { services: { db: postgres() } }",
      'exports nothing',
    ],
    ['a named export only', 'exports.config = { services: {} }', 'exports config, but no default'],
  ])('refuses %s as a config of a CommonJS package', async (_, source, message) => {
    const root = await configProject({ 'package.json': '{ "type": "commonjs" }', 'poststack.config.ts': source })
    const { issues } = await load(root, { trusted })
    expect(issues).toMatchObject([{ path: [], message: expect.stringContaining(message) as string }])
  })

  it('stops an endless loop at the deadline, with everything it started, and shows the line', async () => {
    const source = "interface Some { one: string }\n\nconsole.log('turning')\nfor (;;) Math.random()"
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const started = performance.now()
    const error = await loadError(root, { trusted, timeoutMs: 1500 })
    expect(error.code).toBe('CONFIG_TIMEOUT')
    expect(error.message).toMatch(
      /^poststack\.config\.ts:4:\d+: the config was not finished after 1.5 s, .* was stopped\n\n  2 \|\n  3 \| console/,
    )
    expect(error.message).toContain('> 4 | for (;;) Math.random()')
    expect(error.details).toMatchObject({ file: join(root, 'poststack.config.ts'), line: 4, timeoutMs: 1500 })
    expect(error.hint).toContain('look for an endless loop here')
    expect(performance.now() - started).toBeLessThan(6000)
    expect(processesNaming(root)).toEqual([])
  })

  const spin =
    'type Count = number\n\nexport function spin(from: Count): void {\n  for (let at = from; ; at++) void at\n}\n'
  it.each([
    ['an imported file', { ...esm, 'lib.ts': `${spin}\nspin(1)` }, 'export default {}'],
    ['a function of another file', { ...esm, 'lib.ts': spin }, 'export default () => spin(1)'],
    ['a function that a package calls', { ...esm, 'lib.ts': spin, ...callsBack }, 'export default call(() => spin(1))'],
    ['a package without a type', { 'package.json': '{}', 'lib.ts': spin }, 'export default spin(1)'],
    ['a CommonJS file', { 'package.json': '{}', 'lib.cts': spin }, 'export default spin(1)'],
  ])('shows the line of an endless loop in %s', async (_, files, last) => {
    const lib = 'lib.cts' in files ? 'lib.cts' : 'lib.ts'
    const imports = 'node_modules/pkg/index.js' in files ? "import { call } from 'pkg'\n" : ''
    const source = `${imports}import { spin } from './${lib}'\nexport const keep = spin\n${last}`
    const root = await configProject({ ...files, 'poststack.config.ts': source })
    const error = await loadError(root, { trusted, timeoutMs: 1500 })
    expect(`${error.code} ${error.message}`).toMatch(/^CONFIG_TIMEOUT lib\.c?ts:4:\d+: the config was not finished/)
    expect(error.message).toContain('> 4 |   for (let at = from; ; at++) void at\n')
    const stack = String(error.details['stack'])
    expect(stack).toMatch(/^at spin \(.*\/lib\.c?ts:4:/)
    if (last !== 'export default {}') expect(stack).toMatch(/poststack\.config\.ts:[34]:/)
    expect(stack).not.toMatch(/node:internal|poststack-config-/)
  })

  it('shows the line of a loop that prints without an end, and nothing of what was printed', async () => {
    // More than the limit of what is kept. The work between the lines is where it is met: within `console.error` Node's own
    // calls are so many that the user's are not among the ten that it prints.
    const work = 'for (let at = 0; at < 1e7; at++) void at'
    const source = `const line = 'KEYBOARD_INTERRUPT: '.repeat(5000)\n\nfor (;;) { console.error(line); ${work} }`
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const error = await loadError(root, { trusted, timeoutMs: 1500 })
    expect(error.message).toMatch(/^poststack\.config\.ts:3:\d+: the config was not finished/)
    expect(JSON.stringify(error)).not.toContain('KEYBOARD_INTERRUPT: KEYBOARD')
  })

  it('says that a config waits when nothing of it runs', async () => {
    const source = 'setInterval(() => {}, 10_000)\nawait new Promise(() => {})'
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const error = await loadError(root, { trusted, timeoutMs: 1500 })
    expect(error.code).toBe('CONFIG_TIMEOUT')
    expect(error.message).toMatch(
      /^poststack\.config\.ts: the config was not finished after 1.5 s, .*: it waits for something that never comes$/,
    )
    expect(error.hint).toContain('a promise that is never settled')
  })

  it.each([
    ['a blocking call', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
    ['a config that handles SIGINT', "process.on('SIGINT', () => {})\nfor (;;) Math.random()"],
  ])('stops %s at the deadline, whether or not it can say where', async (_, source) => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const started = performance.now()
    const error = await loadError(root, { trusted, timeoutMs: 1500 })
    expect(error.code).toBe('CONFIG_TIMEOUT')
    expect(error.message).toContain('the config was not finished after 1.5 s')
    expect(error.message).not.toContain('it waits for')
    expect(performance.now() - started).toBeLessThan(6000)
    expect(processesNaming(root)).toEqual([])
  })

  it('stops when it is told to', async () => {
    const root = await configProject({ ...esm, 'poststack.config.ts': 'for (;;) {}' })
    const reason = new Error('enough')
    const abort = new AbortController()
    setTimeout(() => abort.abort(reason), 700)
    await expect(load(root, { trusted, signal: abort.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      cause: reason,
    })
    expect(processesNaming(root)).toEqual([])
  })

  it('names a call of process.exit', async () => {
    const { text } = await errorOf(`${start}if (postgres) process.exit(0)\nexport default {}`)
    expect(text).toContain('CONFIG_FAILED poststack.config.ts:2:23: the config called process.exit(0)')
  })

  it('notices a promise that is never settled', async () => {
    const { text } = await errorOf('export default async () => await new Promise(() => {})')
    expect(text).toBe('CONFIG_FAILED poststack.config.ts: the config waits for a promise that is never settled')
  })

  it('says that memory ran out', async () => {
    const { text } = await errorOf(
      'const all = []\nfor (;;) all.push(new Array(1e6).fill(all.length))\nexport default all',
    )
    expect(text).toContain('CONFIG_FAILED poststack.config.ts: the config needed more than 512 MB of memory')
  })
})

describe('files that are no config', () => {
  it.each([
    ['an empty file', '', 'is empty'],
    ['white space', '\uFEFF\r\n', 'is empty'],
    ['invalid UTF-8', new Uint8Array([0x2f, 0x2f, 0xff, 0xfe]), 'is not valid UTF-8'],
  ])('%s', async (_, content, message) => {
    const root = await configProject({ 'poststack.config.ts': content })
    const error = await loadError(root)
    expect(error.code).toBe('CONFIG_FAILED')
    expect(error.message).toBe(`poststack.config.ts: ${message}`)
  })

  it('a folder of that name', async () => {
    const root = await configProject({})
    await mkdir(join(root, 'poststack.config.ts'))
    expect((await loadError(root)).message).toBe('poststack.config.ts: is a folder, not a config file')
  })

  it('a link that leads nowhere', async () => {
    const root = await configProject({})
    await symlink('gone.ts', join(root, 'poststack.config.ts'))
    expect(await loadError(root)).toMatchObject({
      code: 'CONFIG_FAILED',
      message: expect.stringContaining('poststack.config.ts: cannot be read: ENOENT'),
    })
  })

  it('two in one folder', async () => {
    const root = await configProject({ 'poststack.config.ts': '', 'poststack.config.mjs': '' })
    const error = await loadError(root)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain('has two config files: poststack.config.ts and poststack.config.mjs')
  })

  it('a named file that does not exist', async () => {
    const root = await configProject({ 'poststack.config.ts': '' })
    const error = await loadError(root, { file: 'postack.config.ts' })
    expect(error.code).toBe('CONFIG_NOT_FOUND')
    expect(error.message).toBe('there is no config file postack.config.ts')
    expect(error.hint).toBe('Did you mean `poststack.config.ts`?')
  })
})

it('leaves no folder behind, whatever happened', async () => {
  const root = await configProject({ ...esm, 'poststack.config.ts': "import './gone.ts'" })
  const before = new Set(await folders())
  for (let run = 0; run < 5; run++) await loadError(root)
  // Other programs may load configs at this moment: theirs are gone soon.
  await expect.poll(async () => (await folders()).filter((name) => !before.has(name)), { timeout: 10_000 }).toEqual([])
})

describe('without a config file', () => {
  it('conventions apply: one PostgreSQL service, migrations, and images of project containers', async () => {
    const root = await configProject({
      'migrations/1_a.sql': '',
      'containers/web/Dockerfile': '',
      'containers/job/Containerfile': '',
      'containers/notes/README.md': '',
    })
    const loaded = await load(root)
    expect(loaded).toMatchObject({ file: undefined, root, issues: [] })
    expect(loaded.plain).toEqual({
      services: {
        postgres: {
          kind: 'postgres',
          containerName: 'poststack-postgres',
          port: 5432,
          user: 'poststack',
          database: 'poststack',
          migrations: './migrations',
        },
      },
    })
    expect(loaded.images).toEqual([
      {
        name: 'job',
        build: { context: root, dockerfile: join(root, 'containers/job/Containerfile'), args: {}, target: undefined },
      },
      {
        name: 'web',
        build: { context: root, dockerfile: join(root, 'containers/web/Dockerfile'), args: {}, target: undefined },
      },
    ])
  })

  it('a name that no image can have is an error, not a silent skip', async () => {
    const root = await configProject({ 'containers/Web/Dockerfile': '' })
    expect((await loadError(root)).message).toContain('containers/Web')
  })

  it('a file that cannot be read is an error of its own', async () => {
    if (process.getuid?.() === 0) return
    const root = await configProject({})
    await writeFile(join(root, 'poststack.config.ts'), 'export default {}')
    await chmod(join(root, 'poststack.config.ts'), 0)
    expect((await loadError(root)).message).toContain('cannot be read')
  })
})

async function folders(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('poststack-config-'))
}
