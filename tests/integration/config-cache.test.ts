import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LoadedConfig, LoadOptions } from '../../src/config/load/load.ts'
import { openStack } from '../../src/stack.ts'
import { configProject, load } from '../support/config-project.ts'

const state = {
  '.poststack/secrets.json': JSON.stringify({ version: 1, key: 'a1'.repeat(32), passwords: {} }),
}
const esm = { ...state, 'package.json': '{ "type": "module" }' }
const env = { PATH: process.env['PATH'] }

interface Loaded extends LoadedConfig {
  /** A process was started for it. */
  readonly evaluated: boolean
  readonly notKept: string | undefined
}

async function loadAndKeep(root: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  let evaluated = false
  const onWaiting = () => {
    evaluated = true
  }
  const loaded = await load(root, { onWaiting, ...options })
  return { ...loaded, evaluated, notKept: await loaded.keep(true) }
}

/** The second one finds no file that was written a moment ago, which nobody could trust. */
async function keep(root: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  await loadAndKeep(root, options)
  return await loadAndKeep(root, options)
}

const cache = (root: string): string => join(root, '.poststack', 'cache')

async function cached(root: string): Promise<string> {
  const names = await readdir(cache(root))
  const texts = await Promise.all(names.map((name) => readFile(join(cache(root), name), 'utf8')))
  return texts.join('\n')
}

const preset = (name: string) => ({
  [`${name}/package.json`]: '{ "name": "@x/preset", "type": "module", "exports": "./i.js" }',
  [`${name}/i.js`]: `export const preset = '${name}'`,
})

const source = (name: string, before = ''): string => `${before}\nexport default { name: ${name}, services: {} }`

describe.each([
  { way: 'guarded', trusted: false },
  { way: 'trusted', trusted: true },
])('a result that was kept, $way', ({ trusted }) => {
  it('is given again without a process, with what was printed, the same to the last field', async () => {
    const root = await configProject({
      ...esm,
      'lib/name.ts': "export const name: string = 'shop'",
      'poststack.config.ts': source(
        'name',
        "import { name } from './lib/name'\nconsole.log('hello', new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(0))",
      ),
    })
    const first = await keep(root, { trusted })
    expect(first).toMatchObject({ evaluated: true, notKept: undefined, plain: { name: 'shop', services: {} } })
    const again = await loadAndKeep(root, { trusted })
    expect(again.evaluated).toBe(false)
    expect(again.cache).toEqual({ hit: true, passed: true })
    for (const key of ['plain', 'issues', 'file', 'root', 'images', 'inputs', 'sources', 'output', 'notices'] as const)
      expect([key, again[key]]).toEqual([key, first[key]])
    expect(again.output.stdout).toEqual(['hello 1/1/1970'])
  })

  it.each([
    ['the clock', 'Date.now()', 'reads the clock (Date.now) at poststack.config.ts:1:'],
    ['the disk', "(await import('node:fs')).existsSync('package.json')", 'reads the disk by itself (fs.existsSync)'],
    ['a computed import', "await import(import.meta.dirname.concat('/x.mjs'))", 'computes the name of a module'],
  ])('is not kept when the config asks for %s', async (_, code, why) => {
    const root = await configProject({ ...esm, 'x.mjs': '', 'poststack.config.ts': asking(code) })
    expect((await loadAndKeep(root, { trusted })).notKept).toContain(why)
    await expect(readdir(cache(root))).rejects.toThrow('ENOENT')
  })
})

/** The config uses what it asks for, so that no bundler leaves it out. */
const asking = (code: string): string => source("'shop'", `Object.assign(globalThis, { x: ${code} })`)

describe('a config is not kept when it asks for', () => {
  it.each([
    ['new Date()', 'reads the clock (new Date)'],
    ['Date()', 'reads the clock (Date)'],
    ['performance.now()', 'reads the clock (performance.now)'],
    ['process.hrtime.bigint()', 'reads the clock (process.hrtime.bigint)'],
    ["new Intl.DateTimeFormat('en').format()", 'reads the clock (Intl.DateTimeFormat.format)'],
    ["new Intl.DateTimeFormat('en').formatToParts()", 'reads the clock (Intl.DateTimeFormat.formatToParts)'],
    ['performance.timeOrigin', 'reads the clock (performance.timeOrigin)'],
    ["performance.mark('a').startTime", 'reads the clock (performance.mark)'],
    ['performance.nodeTiming', 'reads the clock (performance.nodeTiming)'],
    ["new Event('a').timeStamp", 'reads the clock (Event.timeStamp)'],
    ["new File([], 'a').lastModified", 'reads the clock (File.lastModified)'],
    ['process.pid', 'asks for the machine (process.pid)'],
    ['process.ppid', 'asks for the machine (process.ppid)'],
    ['process.umask()', 'asks for the machine (process.umask)'],
    ['process.getuid()', 'asks for the machine (process.getuid)'],
    ['process.report.getReport()', 'asks for the machine (process.report)'],
    ["(await import('node:v8')).getHeapStatistics()", 'imports node:v8 at poststack.config.ts:1:'],
    ["(await import('perf_hooks')).performance", 'imports perf_hooks at poststack.config.ts:1:'],
    ["process.getBuiltinModule('node:v8')", 'loads node:v8, and that may answer differently each time at'],
    ["(await import('./outer.ts')).v8", 'imports node:v8 at outer.ts:1:'],
    ["(await import('inner')).v8", 'a package that the config imports imports node:v8, and that may'],
    ['Math.random()', 'asks for random values (Math.random)'],
    ['crypto.randomUUID()', 'asks for random values (crypto.randomUUID)'],
    ["(await import('node:crypto')).randomBytes(1)", 'asks for random values (crypto.randomBytes)'],
    ["await (await import('node:fs/promises')).readdir('.')", 'reads the disk by itself (fs.promises.readdir)'],
    ["(await import('node:os')).hostname()", 'asks for the machine (os.hostname)'],
    ['process.availableMemory()', 'asks for the machine (process.availableMemory)'],
    // Node 20 has no navigator.
    ["(globalThis.navigator?.hardwareConcurrency ?? (await import('node:os')).cpus())", 'asks for the machine ('],
    ["(await import('node:module')).createRequire(import.meta.url)('./package.json')", 'loads modules by itself'],
    ["(await import('node:vm')).runInNewContext('Date.now()')", 'runs code apart (vm.runInNewContext)'],
    ["await fetch('http://127.0.0.1:4999').catch(() => 0)", 'uses the network ('],
  ])('%s', async (code, why) => {
    const root = await configProject({
      ...esm,
      'outer.ts': "import * as v8 from 'node:v8'\nexport { v8 }",
      'node_modules/inner/package.json': '{ "type": "module" }',
      'node_modules/inner/index.js': "export * as v8 from 'node:v8'",
      'poststack.config.ts': asking(code),
    })
    expect((await loadAndKeep(root)).notKept).toContain(why)
    await expect(readdir(cache(root))).rejects.toThrow('ENOENT')
  })
})

describe('what is kept of a config', () => {
  it('is that of one which imports modules of Node that are known', async () => {
    const names = ['node:path', 'url', 'node:tty', 'node:http', 'node:fs', 'node:worker_threads', 'stream/web']
    const code = `[${names.map((name) => `typeof (await import('${name}'))`).join()}]`
    const root = await configProject({ ...esm, 'poststack.config.ts': asking(code) })
    expect((await keep(root)).notKept).toBeUndefined()
  })

  it('holds no secret, whatever was made of it, and gives all of them back', async () => {
    const root = await configProject({
      ...esm,
      'token.txt': 'file-token-5511\n',
      'poststack.config.ts': `import { container, env, postgres, readText } from 'poststack'
const secret = env('PROD_PASSWORD')
export default { services: {
  db: postgres({ password: 'literal-7781' }),
  web: container({ image: 'web', env: { A: secret, B: Buffer.from(secret).toString('base64'), C: secret.toUpperCase(), D: readText('token.txt') } }),
} }`,
    })
    const options = { env: { ...env, PROD_PASSWORD: 'from-env-9034' } }
    const first = await keep(root, options)
    expect(first.notKept).toBeUndefined()
    const text = await cached(root)
    expect(text).toContain('PROD_PASSWORD')
    const encoded = Buffer.from('from-env-9034').toString('base64')
    for (const form of ['from-env-9034', 'FROM-ENV-9034', encoded, 'literal-7781', 'file-token-5511']) {
      expect(text).not.toContain(form)
      expect(text).not.toContain(Buffer.from(form).toString('base64').slice(0, 12))
      expect(text).not.toContain(Buffer.from(form).toString('hex'))
    }
    const again = await loadAndKeep(root, options)
    expect(again.evaluated).toBe(false)
    expect(again.plain).toEqual(first.plain)
    expect(JSON.stringify(again.plain)).toContain(encoded)
    // Without the variable nobody opens it.
    await expect(load(root)).rejects.toThrow('PROD_PASSWORD is not set')
  })

  it('is nothing before there is a key to keep it with', async () => {
    const root = await configProject({ 'package.json': '{}', 'poststack.config.ts': source("'shop'") })
    expect((await keep(root)).notKept).toContain('before the first `up`')
    expect(await readdir(root)).toEqual(['package.json', 'poststack.config.ts'])
  })

  it('is nothing when the config has mistakes, and a file that is touched changes nothing', async () => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source('() => 1') })
    expect((await keep(root)).notKept).toBe('it has mistakes')
    await writeFile(join(root, 'poststack.config.ts'), source("'shop'"))
    await keep(root)
    await utimes(join(root, 'poststack.config.ts'), new Date(), new Date())
    expect((await loadAndKeep(root)).evaluated).toBe(false)
  })

  it('has not passed the checks where a variable stood in place of what the config says', async () => {
    const levelOf = async (more: Readonly<Record<string, string>>): Promise<string | undefined> => {
      const stack = await openStack({ cwd: root, env: { ...env, ...more }, emit: () => undefined })
      await stack.close()
      return stack.config.logs?.level
    }
    const root = await configProject({
      ...esm,
      'poststack.config.ts': "export default { name: 'shop', logs: { level: 'verbose' }, services: {} }",
    })
    for (const _ of [1, 2]) expect(await levelOf({ POSTSTACK_LOG_LEVEL: 'debug' })).toBe('debug')
    await expect(levelOf({})).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('is nothing, and no bug, when a file that it depends on cannot be looked at', async () => {
    const root = await configProject({
      ...esm,
      'poststack.config.ts':
        "import { readText } from 'poststack'\nexport default { name: readText('link').trim(), services: {} }",
    })
    await writeFile(join(root, 'text'), 'shop')
    await symlink('text', join(root, 'link'))
    const loaded = await load(root)
    await rm(join(root, 'link'))
    await symlink('link', join(root, 'link'))
    expect(await loaded.keep(true)).toContain('ELOOP')
  })

  it('is made anew when it is damaged or gone', async () => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source("'shop'") })
    await keep(root)
    const [name = ''] = await readdir(cache(root))
    const file = join(cache(root), name)
    const { sealed, ...entry } = JSON.parse(await readFile(file, 'utf8')) as { sealed: string }
    const changed = `${sealed.slice(0, 40)}${sealed[40] === 'A' ? 'B' : 'A'}${sealed.slice(41)}`
    for (const text of [JSON.stringify({ ...entry, sealed: changed }), '{}', 'x', '']) {
      await writeFile(file, text)
      const loaded = await loadAndKeep(root)
      expect(loaded).toMatchObject({ evaluated: true, notKept: undefined, plain: { name: 'shop' } })
    }
    await rm(cache(root), { recursive: true })
    expect((await loadAndKeep(root)).evaluated).toBe(true)
    expect((await loadAndKeep(root)).evaluated).toBe(false)
  })

  it('depends on the folder only when the config asked for it, and on all variables when it listed them', async () => {
    const root = await configProject({
      ...esm,
      'sub/x.txt': '',
      'poststack.config.ts': 'export default ({ mode }) => ({ name: mode, services: {} })',
      'cwd.config.ts': 'export default ({ cwd }) => ({ name: cwd.endsWith("sub") ? "sub" : "top", services: {} })',
      'all.config.ts': 'export default { name: "n" + Object.keys(process.env).length, services: {} }',
    })
    await keep(root)
    expect((await loadAndKeep(join(root, 'sub'))).evaluated).toBe(false)
    await keep(root, { file: 'cwd.config.ts' })
    expect((await loadAndKeep(root, { file: 'cwd.config.ts' })).evaluated).toBe(false)
    expect((await loadAndKeep(join(root, 'sub'), { file: '../cwd.config.ts' })).plain).toMatchObject({ name: 'sub' })
    const listed = await keep(root, { file: 'all.config.ts' })
    expect(listed.inputs.allVariables).toBe(true)
    expect((await loadAndKeep(root, { file: 'all.config.ts' })).evaluated).toBe(false)
    const more = { file: 'all.config.ts', env: { ...env, ANOTHER: '1' } }
    expect((await loadAndKeep(root, more)).evaluated).toBe(true)
  })

  it('is not given when something is not as it was, and given again when it is', async () => {
    const root = await configProject({
      ...esm,
      'lib/name.js': "import { word } from 'words'\nexport const name = 'shop' + word",
      'lib/data.json': '{ "suffix": "" }',
      'parts/one.json': '{}',
      'node_modules/words/package.json': '{ "name": "words", "type": "module", "main": "index.js" }',
      'node_modules/words/index.js': "export { word } from './inner.js'",
      'node_modules/words/inner.js': "export const word = 'word'",
      'poststack.config.ts': source(
        'name + data.suffix + (process.env.SHOP ?? "") + (process.env.MORE ?? "-") + glob("parts/*.json").length + notes',
        `import { glob, readText } from 'poststack'
import { word } from 'words'
import { name } from './lib/name'
import data from './lib/data.json'
let notes = word
try { notes = readText('notes.txt') } catch {}`,
      ),
    })
    const base = { env: { ...env, SHOP: 'x' } }
    const isEvaluated = async (options: Partial<LoadOptions> = {}): Promise<boolean> => {
      let evaluated = false
      const onWaiting = () => {
        evaluated = true
      }
      await load(root, { ...base, ...options, onWaiting })
      return evaluated
    }
    expect((await keep(root, base)).notKept).toBeUndefined()
    expect(await isEvaluated({ env: { ...base.env, ANOTHER: 'unread' } })).toBe(false)

    const files: Readonly<Record<string, string>> = {
      'poststack.config.ts': source("'other'"),
      'lib/name.js': "export const name = 'other'",
      // What would be taken in place of a file, and what tells how files are taken.
      'lib/name.ts': "export const name = 'other'",
      'lib/package.json': '{ "type": "module" }',
      'tsconfig.json': '{}',
      'lib/data.json': '{ "suffix": "-x" }',
      'package-lock.json': '{}',
      'node_modules/words/inner.js': "export const word = 'other'",
      'lib/node_modules/words/package.json': '{}',
      'notes.txt': 'new',
      'parts/two.json': '{}',
      '.poststack/secrets.json': JSON.stringify({ version: 1, key: 'b2'.repeat(32), passwords: {} }),
    }
    for (const [name, text] of Object.entries(files)) {
      const file = join(root, name)
      const before = await readFile(file).catch(() => undefined)
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, text)
      expect([name, await isEvaluated().catch(() => true)]).toEqual([name, true])
      if (before === undefined)
        await rm(name.includes('/node_modules/') ? join(file, '../..') : file, { recursive: true })
      else await writeFile(file, before)
      expect([name, await isEvaluated()]).toEqual([name, false])
    }
    for (const options of [
      { env },
      { env: { ...base.env, SHOP: 'other' } },
      { env: { ...base.env, MORE: '' } },
      { mode: 'test' },
      { permissions: { net: ['db.example.org'] } },
      { trusted: true },
    ])
      expect([options, await isEvaluated(options)]).toEqual([options, true])
    expect(await isEvaluated()).toBe(false)
  }, 60_000)

  it('is not given when something is there that was tried and was not, or a link leads elsewhere', async () => {
    const root = await configProject({
      ...esm,
      ...preset('pa'),
      ...preset('pb'),
      'a/v.ts': "export const v = 'a'",
      'b/v.ts': "export const v = 'b'",
      'tsconfig.json': '{ "extends": "./base.json", "compilerOptions": {} }',
      'node_modules/lib/package.json': '{ "name": "lib", "type": "module", "exports": { "./v": "./v.js" } }',
      'node_modules/lib/v.js': "export const lib = 'package'",
      'lib/v.ts': "export const lib = 'mapped'",
      'node_modules/@x/.keep': '',
      'one.ts': source(
        '[v, cur, preset, lib, local, optional].join("-")',
        `import { preset } from '@x/preset'
import { lib } from 'lib/v'
import { v as cur } from './cur'
import { v } from './link/v.ts'
let [local, optional] = ['no', 'no']
try { local = (await import('./local.js')).local } catch {}
try { optional = (await import('optional')).optional } catch {}`,
      ),
      'two.ts': source("'two'"),
    })
    const links: Readonly<Record<string, readonly [string, string]>> = {
      'poststack.config.ts': ['one.ts', 'two.ts'],
      'cur.ts': ['a/v.ts', 'b/v.ts'],
      link: ['a', 'b'],
      'node_modules/@x/preset': ['../../pa', '../../pb'],
    }
    for (const [name, [target]] of Object.entries(links)) await symlink(target, join(root, name))
    const first = await keep(root)
    expect(first).toMatchObject({ notKept: undefined, plain: { name: 'a-a-pa-package-no-no' } })
    for (const name of Object.keys(links)) expect(first.inputs.files).toContain(join(root, name))
    const stillKept = async () => expect((await load(root)).cache.hit).toBe(true)

    const names = ['two', 'a-b-pa-package-no-no', 'b-a-pa-package-no-no', 'a-a-pb-package-no-no']
    for (const [name, [target, other]] of Object.entries(links)) {
      await rm(join(root, name))
      await symlink(other, join(root, name))
      expect((await load(root)).plain).toMatchObject({ name: names.shift() })
      await rm(join(root, name))
      await symlink(target, join(root, name))
      await stillKept()
    }
    // A file that holds the same, but is another one.
    await rm(join(root, 'cur.ts'))
    await writeFile(join(root, 'cur.ts'), "export const v = 'a'")
    expect((await load(root)).cache.hit).toBe(false)
    await rm(join(root, 'cur.ts'))
    await symlink('a/v.ts', join(root, 'cur.ts'))
    await stillKept()

    const files = [
      ['local.ts', "export const local = 'yes'", 'a-a-pa-package-yes-no'],
      ['base.json', '{ "compilerOptions": { "paths": { "lib/*": ["./lib/*"] } } }', 'a-a-pa-mapped-no-no'],
      ['node_modules/optional/index.js', "exports.optional = 'yes'", 'a-a-pa-package-no-yes'],
    ] as const
    for (const [name, text, expected] of files) {
      expect(first.inputs.candidates).toContain(join(root, name.replace('/index.js', '')))
      await mkdir(join(root, name, '..'), { recursive: true })
      await writeFile(join(root, name), text)
      expect((await load(root)).plain).toMatchObject({ name: expected })
      await rm(join(root, name.replace('/index.js', '')), { recursive: true })
      await stillKept()
    }
  }, 60_000)
})
