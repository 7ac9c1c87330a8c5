import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bundleConfig } from '../../src/config/load/bundle.ts'
import { completeDependencies } from '../../src/config/load/dependencies.ts'
import { guardFlags, readableFolders } from '../../src/config/load/guarded.ts'
import { linksOn } from '../../src/config/load/links.ts'
import { ownPackage } from '../../src/config/load/own-package.ts'
import { bundleOwn } from '../../src/config/load/own-program.ts'
import { configProject, load, loadError } from '../support/config-project.ts'

const config =
  "import { defineConfig, postgres } from 'poststack'\nexport default defineConfig({ services: { db: postgres() } })"

describe('the bundle', () => {
  it('holds of this package only what a config needs', async () => {
    const root = await configProject({ 'package.json': '{}', 'poststack.config.ts': config })
    const file = join(root, 'poststack.config.ts')
    const bundle = await bundleConfig({ file, root }, ownPackage(), join(root, 'out.mjs'))
    const code = bundle.code.replace(/\n\/\/# sourceMappingURL=.*/s, '')
    expect(code.length).toBeLessThan(20_000)
    expect(code).not.toContain('node_modules')
    expect(bundle.inputs).toEqual([file])
  })

  it('has files that are imported with attributes among its inputs, by their names', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts':
        "import data from './data.json' with { type: 'json' }\nexport default { name: data.name, services: {} }",
      'data.json': '{ "name": "shop" }',
    })
    const { inputs, plain } = await load(root)
    expect(plain).toMatchObject({ name: 'shop' })
    expect(inputs.files).toContain(join(root, 'data.json'))
  })

  it('tells of files that import each other, and not of types', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts':
        "import { base } from './base.ts'\nexport const prefix = 'x'\nexport interface T { a: 1 }\nexport default { name: base, services: {} }",
      'base.ts': "import { prefix } from './poststack.config.ts'\nexport const base = `${prefix}-shop`",
      'types.ts': "import type { T } from './poststack.config.ts'\nexport const t: T = { a: 1 }",
    })
    const { notices, plain } = await load(root)
    expect(plain).toMatchObject({ name: 'undefined-shop' })
    expect(notices).toEqual([
      'base.ts imports poststack.config.ts imports base.ts: what one of them needs while it is evaluated may be undefined still',
    ])
    await writeFile(
      join(root, 'poststack.config.ts'),
      "import { t } from './types.ts'\nexport default { services: {}, t }",
    )
    expect((await load(root)).notices).toEqual([])
  })

  it('leaves to the engine what our entry imports when it is called', async () => {
    const root = await configProject({
      'package.json': '{}',
      'poststack.config.ts': "import { openStack } from 'poststack'\nexport default { services: {}, open: openStack }",
      'node_modules/poststack/package.json': '{ "name": "poststack", "type": "module", "exports": "./dist/index.js" }',
      'node_modules/poststack/dist/index.js':
        "export const postgres = () => ({}), defineConfig = (x) => x\nexport const openStack = async () => (await import('./engine.js')).open()",
      'node_modules/poststack/dist/engine.js': "export const open = () => 'the whole engine'",
    })
    const bundle = await bundleConfig(
      { file: join(root, 'poststack.config.ts'), root },
      ownPackage(),
      join(root, 'out.mjs'),
    )
    expect(bundle.code).toContain('openStack')
    expect(bundle.code).not.toContain('the whole engine')
  })

  it('knows what is tried and not there, and a file by its URL', async () => {
    const root = await configProject({
      'package.json': '{}',
      'node_modules/words/package.json': '{ "main": "i.js" }',
      'node_modules/words/i.js': '',
      'there.mjs': '',
    })
    const file = join(root, 'poststack.config.ts')
    await writeFile(
      file,
      `import { word } from 'words'
import fs from 'fs'
import 'poststack/run'
try { await import('./gone.ts') } catch {}
try { require('gone/part') } catch {}
try { await import('file://${root}/gone.mjs') } catch {}
export default { word, fs, there: import('file://${root}/there.mjs') }`,
    )
    const bundle = await bundleConfig({ file, root }, ownPackage(), join(root, 'out.mjs'))
    const missing = ['./gone.ts', 'gone/part', join(root, 'gone.mjs')]
    expect(bundle.missing).toEqual(missing.map((specifier) => ({ importer: file, specifier })))
    expect(bundle.inputs).toContain(join(root, 'there.mjs'))
  })

  it('of our entry for CommonJS knows its place', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'entry.js':
        "import { createRequire } from 'node:module'\nexport const own = createRequire(import.meta.url).resolve('./entry.js')",
    })
    await bundleOwn(join(root, 'entry.js'), join(root, 'entry.cjs'))
    const script = `process.stdout.write(require(${JSON.stringify(join(root, 'entry.cjs'))}).own)`
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe(join(root, 'entry.js'))
  })
})

describe('both ways of loading', () => {
  const ways = [{ trusted: false }, { trusted: true }]

  it('take of several files the same one', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'p.js': "export const v = 'js'",
      'p.ts': "export const v = 'ts'",
      'q.ts': "export const v = 'ts'",
      'q.tsx': "export const v = 'tsx'",
      'm.mjs': "export const v = 'mjs'",
      'm.mts': "export const v = 'mts'",
      'folder/index.tsx': "export const v = 'tsx'",
      'folder/index.ts': "export const v = 'ts'",
      'poststack.config.ts':
        "import { v as p } from './p.js'\nimport { v as q } from './q'\nimport { v as m } from './m.mjs'\nimport { v as d } from './folder'\nimport { js } from './from.js'\nexport default { name: [p, q, m, d, js].join('-'), services: {} }",
      'from.js': "import { v as p } from './p.js'\nimport { v as q } from './q'\nexport const js = p + q",
    })
    for (const way of ways) expect((await load(root, way)).plain).toMatchObject({ name: 'ts-ts-mts-ts-jsts' })
    await writeFile(join(root, 'tsconfig.json'), '{ "compilerOptions": { "allowJs": true } }')
    for (const way of ways) expect((await load(root, way)).plain).toMatchObject({ name: 'ts-ts-mts-ts-tsts' })
  })

  it('tell a module of any folder what Node finds from there, and keep nothing of it', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': "import './lib/port.ts'\nexport default { name: 'x', services: {} }",
      'lib/port.ts':
        "for (const name of ['./x.ts', './x', './x.js', './gone.ts', './folder', 'words', 'node:fs', 'poststack']) console.log(import.meta.resolve(name))\ntry { import.meta.resolve('gone') } catch (error) { console.log(error.code) }",
      'lib/x.ts': '',
      'lib/folder/index.ts': '',
      'node_modules/words/package.json': '{ "exports": "./i.js" }',
      'node_modules/words/i.js': '',
    })
    const [guarded, trusted] = await Promise.all(ways.map((way) => load(root, way)))
    const urls = ['lib/x.ts', 'lib/x.ts', 'lib/x.ts', 'lib/gone.ts', 'lib/folder/index.ts', 'node_modules/words/i.js']
    expect(guarded?.output.stdout.slice(0, 7)).toEqual([...urls.map((name) => `file://${root}/${name}`), 'node:fs'])
    expect(guarded?.output.stdout.slice(7)).toEqual([pathToFileURL(ownPackage().entry).href, 'ERR_MODULE_NOT_FOUND'])
    expect(trusted?.output).toEqual(guarded?.output)
    for (const one of [guarded, trusted]) expect(await one?.keep(true)).toContain('import.meta.resolve')
  })

  it('say of what is caught and thrown again that it is not there', async () => {
    const root = await configProject({ 'package.json': '{ "type": "module" }' })
    const thrown = async (name: string) => {
      const code = `try { await import('${name}') } catch (error) { throw error }\nexport default { services: {} }`
      await writeFile(join(root, 'poststack.config.ts'), code)
      return await loadError(root)
    }
    expect((await thrown('gone')).message).toContain('the imported package "gone" is not installed')
    expect((await thrown('./gone.ts')).message).toContain('the imported file "./gone.ts" does not exist')
  })

  it('take names of every kind, but for what tsx takes for a query, which is said', async () => {
    for (const name of ['a#b', 'a%20b', 'a?b']) {
      const root = await configProject({
        [`${name}/package.json`]: '{}',
        [`${name}/poststack.config.ts`]: "export default { name: 'x' as string, services: {} }",
      })
      const cwd = join(root, name)
      expect((await load(cwd)).plain).toMatchObject({ name: 'x' })
      if (name !== 'a?b') expect((await load(cwd, { trusted: true })).plain).toMatchObject({ name: 'x' })
      else expect((await loadError(cwd, { trusted: true })).message).toContain('question mark')
    }
  })
})

describe('symbolic links on a path', () => {
  it('are all of them, also where they lead over others, in a circle or nowhere', async () => {
    const root = await configProject({ 'a/v.ts': '' })
    const links = { one: 'two', two: 'a', 'a/w.ts': '../one/v.ts', round: './about', about: 'round', lost: 'nowhere' }
    for (const [name, target] of Object.entries(links)) await symlink(target, join(root, name))
    const on = (path: string) => linksOn([join(root, path)]).map((link) => link.slice(root.length + 1))
    expect(on('a/v.ts')).toEqual([])
    expect(on('one/w.ts')).toEqual(['one', 'two', 'a/w.ts'])
    expect(on('round/x')).toEqual(['round', 'about'])
    expect(on('lost/x')).toEqual(['lost'])
    expect(on('a/v.ts/below')).toEqual([])
  })
})

describe('the permission flags', () => {
  it.each([
    ['20.19.0', '--experimental-permission'],
    ['22.12.0', '--experimental-permission'],
    ['22.13.0', '--permission'],
    ['23.4.0', '--experimental-permission'],
    ['23.5.0', '--permission'],
    ['24.0.0', '--permission'],
  ])('on Node %s begin with %s', (version, expected) => {
    expect(guardFlags({}, [], version)[0]).toBe(expected)
  })

  it('allow each folder once, and none that lies in another one', async () => {
    const root = await configProject({ 'a/node_modules/x/i.js': '', 'b/node_modules/y/i.js': '' })
    const readable = readableFolders(join(root, 'a'), [{ path: join(root, 'b/node_modules/y/i.js') }])
    const flags = guardFlags({ read: [join(root, 'b/node_modules/y')] }, readable, '24.0.0').filter((one) =>
      one.includes(root),
    )
    expect(flags).toEqual([`--allow-fs-read=${join(root, 'a')}/*`, `--allow-fs-read=${join(root, 'b/node_modules')}/*`])
  })

  it.each([
    ['a file without a star', { read: ['/etc/hostname'] }, '24.0.0', ['--allow-fs-read=/etc/hostname']],
    ['everything by a star alone', { read: true }, '24.0.0', ['--allow-fs-read=*']],
    ['programs', { run: true }, '24.0.0', ['--allow-child-process']],
    ['the network where it is denied', { net: ['a.example'] }, '25.0.0', ['--allow-net']],
    ['no network where it is open', { net: true }, '24.0.0', []],
  ] as const)('allow %s', (_, granted, version, flags) => {
    expect(guardFlags(granted, [], version)).toEqual(['--permission', ...flags])
  })
})

describe('the files beside the code', () => {
  it('are all tsconfig files, package.json and lock files on the way up', async () => {
    const root = await configProject({
      'package.json': '{}',
      'pnpm-lock.yaml': '',
      'tsconfig.base.json': '{}',
      'node_modules/@tsconfig/strict/tsconfig.json': '{}',
      'app/tsconfig.json':
        '\uFEFF{ "extends": ["../tsconfig.base", "@tsconfig/strict/tsconfig.json", "./gone.json"], /* "x": 1 */ }',
      'app/package.json': '{}',
      'app/src/c.ts': '',
    })
    const found = completeDependencies([join(root, 'app/src/c.ts')])
    expect(found.map((file) => file.slice(root.length + 1))).toEqual([
      'app/package.json',
      'app/src/c.ts',
      'app/tsconfig.json',
      'node_modules/@tsconfig/strict/tsconfig.json',
      'package.json',
      'pnpm-lock.yaml',
      'tsconfig.base.json',
    ])
  })

  it('end where a tsconfig extends itself', async () => {
    const root = await configProject({ 'tsconfig.json': '{ "extends": "./tsconfig.json" }', 'c.ts': '' })
    expect(completeDependencies([join(root, 'c.ts')])).toEqual([join(root, 'c.ts'), join(root, 'tsconfig.json')])
  })
})

describe('the published package', () => {
  it('loads a CommonJS config and an ES module config both ways', async () => {
    const repository = resolve(import.meta.dirname, '../..')
    const root = await configProject({ 'package.json': '{}' })
    const wrong = 'postgres({ port: 70000 })'
    const sources = {
      'esm/poststack.config.ts': `import { postgres } from 'poststack'\nexport default { services: { db: ${wrong} } }`,
      'cjs/poststack.config.cts': `import { postgres } from 'poststack'\nexport = { services: { db: ${wrong} } }`,
    }
    await mkdir(join(root, 'node_modules'))
    await symlink(repository, join(root, 'node_modules/poststack'))
    for (const [name, source] of Object.entries(sources)) {
      await mkdir(dirname(join(root, name)))
      await writeFile(join(root, name), source)
      for (const flags of [[], ['--allow-all']]) {
        expect(planIn(dirname(join(root, name)), flags)).toContain(
          'services.db.port: expected a whole number from 1 to 65535',
        )
      }
    }
  })
})

/** What `plan` says on stderr. The configs are wrong on purpose: it ends before it looks for an engine. */
function planIn(cwd: string, flags: readonly string[]): string {
  const program = resolve(import.meta.dirname, '../../dist/cli.js')
  try {
    execFileSync(process.execPath, [program, 'plan', ...flags], { cwd, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    return (error as { stderr: string }).stderr
  }
  return ''
}
