import { join } from 'node:path'
import { symlink } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configProject, load } from '../support/config-project.ts'

const ways = [
  { way: 'guarded', trusted: false },
  { way: 'trusted', trusted: true },
]

const db = `import { defineConfig, postgres } from 'poststack'\n`
const plain = { services: { db: { kind: 'postgres', port: 5433 } } }

interface Kind {
  readonly files: Readonly<Record<string, string>>
  readonly plain?: unknown
  /** Beside the config and package.json. */
  readonly dependencies?: readonly string[]
  readonly file?: string
}

const kinds: Readonly<Record<string, Kind>> = {
  'an ES module package': {
    files: {
      'package.json': '{ "type": "module" }',
      'port.ts': 'export const port: number = 5433',
      'poststack.config.ts': `${db}import { port } from './port.ts'\nexport default defineConfig({ services: { db: postgres({ port }) } })`,
    },
    dependencies: ['port.ts'],
  },
  'a package without a type, top-level await and imports without extension': {
    files: {
      'package.json': '{}',
      'lib/port.ts': "import { base } from './base'\nexport const port: number = base + 1",
      'lib/base.ts': 'export const base = await Promise.resolve(5432)',
      'poststack.config.ts': `${db}import { port } from './lib/port'\nconst found = await Promise.resolve(port)\nexport default defineConfig({ services: { db: postgres({ port: found }) } })`,
    },
    dependencies: ['lib/port.ts', 'lib/base.ts'],
  },
  'a CommonJS package': {
    files: {
      'package.json': '{ "type": "commonjs" }',
      'port.ts': 'export const port = 5433',
      'poststack.config.ts': `${db}import { port } from './port'\nexport default defineConfig({ services: { db: postgres({ port }) } })`,
    },
    dependencies: ['port.ts'],
  },
  'a CommonJS file with require': {
    files: {
      'package.json': '{}',
      'port.cjs': 'exports.port = 5433',
      'poststack.config.cjs':
        "const { postgres } = require('poststack')\nconst { port } = require('./port.cjs')\nmodule.exports = { services: { db: postgres({ port }) } }",
    },
    file: 'poststack.config.cjs',
    dependencies: ['port.cjs'],
  },
  'TypeScript as CommonJS (.cts), with JSON': {
    files: {
      'package.json': '{ "type": "module" }',
      'port.json': '{ "port": 5433 }',
      'poststack.config.cts':
        "import { postgres } from 'poststack'\nimport one = require('./port.json')\nimport two from './port.json'\nconst port: number = (one.port + two.port) / 2\nexport = { services: { db: postgres({ port }) } }",
    },
    file: 'poststack.config.cts',
    dependencies: ['port.json'],
  },
  'a package that says its files have no side effects, which Node does not ask': {
    files: {
      'package.json': '{ "type": "module", "sideEffects": false }',
      'defaults.ts': "import './more'\nglobalThis.basePort = 5400",
      'more.ts': 'globalThis.morePorts = 33',
      'poststack.config.ts': `import './defaults'\n${db}export default defineConfig({ services: { db: postgres({ port: globalThis.basePort + globalThis.morePorts }) } })`,
    },
    dependencies: ['defaults.ts', 'more.ts'],
  },
  '.mts in a package without a type': {
    files: {
      'package.json': '{}',
      'port.ts': 'export const port = 5433',
      'poststack.config.mts': `${db}import { port } from './port.js'\nexport default defineConfig({ services: { db: postgres({ port }) } })`,
    },
    file: 'poststack.config.mts',
    dependencies: ['port.ts'],
  },
  'plain JavaScript': {
    files: {
      'package.json': '{ "type": "module" }',
      'poststack.config.js': `${db}export default defineConfig({ services: { db: postgres({ port: 5433 }) } })`,
    },
    file: 'poststack.config.js',
  },
  'plain JavaScript with import, in a package without a type': {
    files: {
      'package.json': '{}',
      'poststack.config.js': `${db}export default await defineConfig({ services: { db: postgres({ port: 5433 }) } })`,
    },
    file: 'poststack.config.js',
  },
  'an async function, enums and JSON': {
    files: {
      'package.json': '{ "type": "module" }',
      'ports.json': '{ "db": 5433 }',
      'poststack.config.ts': `${db}import ports from './ports.json' with { type: 'json' }
enum Mode { Development = 'development' }
export default defineConfig(async ({ mode, env, cwd }) => {
  if (mode !== Mode.Development || env['PATH'] === undefined || cwd === '') throw new Error('context')
  return { services: { db: postgres({ port: ports.db }) } }
})`,
    },
    dependencies: ['ports.json'],
  },
  'tsconfig paths, with extends': {
    files: {
      'package.json': '{ "type": "module" }',
      'tsconfig.base.json': '{ "compilerOptions": { "strict": true } }',
      'tsconfig.json':
        '// paths\n{ "extends": "./tsconfig.base.json", "compilerOptions": { "paths": { "@own/*": ["./lib/*"], }, }, }',
      'lib/port.ts': 'export const port = 5433',
      'poststack.config.ts': `${db}import { port } from '@own/port'\nexport default defineConfig({ services: { db: postgres({ port }) } })`,
    },
    dependencies: ['lib/port.ts', 'tsconfig.json', 'tsconfig.base.json'],
  },
  'packages from node_modules, ESM and CommonJS': {
    files: {
      'package.json': '{ "type": "module" }',
      'package-lock.json': '{}',
      'node_modules/esm-port/package.json': '{ "type": "module", "exports": "./index.js" }',
      'node_modules/esm-port/index.js': 'export const base = 5400',
      'node_modules/cjs-port/package.json': '{ "main": "./main.js" }',
      'node_modules/cjs-port/main.js':
        "const { readFileSync } = require('node:fs')\nexports.plus = Number(readFileSync(__dirname + '/plus.txt', 'utf8'))",
      'node_modules/cjs-port/plus.txt': '33',
      'poststack.config.ts': `${db}import { base } from 'esm-port'\nimport { plus } from 'cjs-port'\nexport default defineConfig({ services: { db: postgres({ port: base + plus }) } })`,
    },
    dependencies: ['package-lock.json'],
  },
  'import.meta and a file read beside an imported file': {
    files: {
      'package.json': '{ "type": "module" }',
      'lib/read.ts':
        "import { readFileSync } from 'node:fs'\nexport const port = Number(readFileSync(new URL('./port.txt', import.meta.url), 'utf8'))",
      'lib/port.txt': '5433',
      'poststack.config.ts': `${db}import { port } from './lib/read.ts'\nexport default defineConfig({ services: { db: postgres({ port }) } })`,
    },
    dependencies: ['lib/read.ts'],
  },
  '__dirname in a package without a type': {
    files: {
      'package.json': '{}',
      'port.txt': '5433',
      'poststack.config.ts': `${db}import { readFileSync } from 'node:fs'\nexport default defineConfig({ services: { db: postgres({ port: Number(readFileSync(__dirname + '/port.txt', 'utf8')) }) } })`,
    },
  },
  'a file with a BOM and CR LF': {
    files: {
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `\uFEFF${db}export default defineConfig({\r\n  services: { db: postgres({ port: 5433 }) },\r\n})\r\n`,
    },
  },
  'the config of another project as an object': {
    files: {
      'package.json': '{ "type": "module" }',
      'base/poststack.config.ts': `${db}export default defineConfig({ services: { db: postgres({ port: 5433 }) } })`,
      'poststack.config.ts': "import base from './base/poststack.config.ts'\nexport default { ...base, name: 'mine' }",
    },
    plain: { ...plain, name: 'mine' },
    dependencies: ['base/poststack.config.ts'],
  },
}

describe.each(ways)('$way: what a config may be', ({ trusted }) => {
  it.each(Object.entries(kinds))('%s', async (_, kind) => {
    const root = await configProject(kind.files)
    const loaded = await load(root, { trusted })
    expect(loaded.plain).toEqual(kind.plain ?? plain)
    expect(loaded.issues).toEqual([])
    expect(loaded.root).toBe(root)
    expect(loaded.file).toBe(join(root, kind.file ?? 'poststack.config.ts'))
    const expected = ['package.json', kind.file ?? 'poststack.config.ts', ...(kind.dependencies ?? [])]
    expect(loaded.inputs.files).toEqual(expected.map((name) => join(root, name)).toSorted())
    expect(loaded.output).toEqual({ stdout: [], stderr: [] })
  })

  it('a workspace package with TypeScript sources and packages of its own', async () => {
    const root = await configProject({
      'package.json': '{ "workspaces": ["packages/*"] }',
      'package-lock.json': '{}',
      'tsconfig.json': '{}',
      'packages/preset/package.json': '{ "name": "@own/preset", "type": "module", "exports": "./src/index.ts" }',
      'packages/preset/src/index.ts':
        "import { base } from 'base-port'\nexport { plus } from './plus.ts'\nexport const start: number = base",
      'packages/preset/src/plus.ts': 'export const plus = 33',
      'packages/preset/node_modules/base-port/package.json': '{ "main": "index.js" }',
      'packages/preset/node_modules/base-port/index.js': 'exports.base = 5400',
      'packages/shop/package.json': '{ "type": "module" }',
      'packages/shop/poststack.config.ts': `${db}import { plus, start } from '@own/preset'\nexport default defineConfig({ services: { db: postgres({ port: start + plus }) } })`,
      'node_modules/@own/.keep': '',
    })
    await symlink(join(root, 'packages/preset'), join(root, 'node_modules/@own/preset'))
    const loaded = await load(join(root, 'packages/shop'), { trusted })
    expect(loaded.plain).toEqual(plain)
    const files = [
      'node_modules/@own/preset',
      'package-lock.json',
      'package.json',
      'packages/preset/package.json',
      'packages/preset/src/index.ts',
      'packages/preset/src/plus.ts',
      'packages/shop/package.json',
      'packages/shop/poststack.config.ts',
      'tsconfig.json',
    ]
    expect(loaded.inputs.files).toEqual(files.map((file) => join(root, file)))
  })

  it('finds the file from a folder below, reports the folder the command was started in', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'a/b/c.txt': '',
      'poststack.config.ts': `${db}export default defineConfig(({ cwd, mode }) => ({ name: mode, services: { db: postgres({ migrations: cwd }) } }))`,
    })
    const loaded = await load(join(root, 'a/b'), { trusted, mode: 'staging' })
    expect(loaded.root).toBe(root)
    expect(loaded.plain).toEqual({
      name: 'staging',
      services: { db: { kind: 'postgres', migrations: join(root, 'a/b') } },
    })
  })

  it('keeps what the config prints apart, and does not wait for what it left running', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `${db}console.log('one\\ntwo'); console.error('three'); setInterval(() => {}, 1000)\nexport default defineConfig({ services: { db: postgres({ port: 5433 }) } })`,
    })
    const loaded = await load(root, { trusted })
    expect(loaded.output).toEqual({ stdout: ['one', 'two'], stderr: ['three'] })
    expect(loaded.plain).toEqual(plain)
  })

  it('does not wait for a program that has left its group and holds its output', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `${db}import { spawn } from 'node:child_process'\nconst left = spawn('sleep', ['300'], { detached: true, stdio: 'inherit' })\nprocess.stdout.write(String(left.pid))\nexport default defineConfig({ services: { db: postgres({ port: 5433 }) } })`,
    })
    const loaded = await load(root, { trusted, permissions: { run: true } })
    process.kill(Number(loaded.output.stdout[0]))
    expect(loaded.plain).toEqual(plain)
  })

  it('may have more files than names fit into an argument', async () => {
    const folder = Array.from({ length: 14 }, () => 'a'.repeat(200)).join('/')
    const names = Array.from({ length: 60 }, (_, index) => `part${String(index)}`)
    const root = await configProject({
      'package.json': '{}',
      ...Object.fromEntries(
        names.map((name, index) => [`${folder}/${name}.ts`, `export const ${name} = ${String(index)}`]),
      ),
      'poststack.config.ts': `${db}${names.map((name) => `import { ${name} } from './${folder}/${name}.ts'`).join('\n')}\nexport default defineConfig({ services: { db: postgres({ port: 5373 + [${names.join()}].length }) } })`,
    })
    expect((await load(root, { trusted })).plain).toEqual(plain)
  })

  it('hands over the environment it is given, and nothing of NODE_OPTIONS', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `${db}export default defineConfig(({ env }) => ({ name: env['STACK_NAME'] + String(process.env.NODE_OPTIONS), services: {} }))`,
    })
    const loaded = await load(root, { trusted, env: { STACK_NAME: 'shop', NODE_OPTIONS: '--import=/nowhere.mjs' } })
    expect(loaded.plain).toEqual({ name: 'shopundefined', services: {} })
  })

  it('sees an edit of an imported file at the next load', async () => {
    const config = `${db}import { port } from './port'\nexport default defineConfig({ services: { db: postgres({ port }) } })`
    const root = await configProject({
      'package.json': '{}',
      'port.ts': 'export const port = 1',
      'poststack.config.ts': config,
    })
    await load(root, { trusted })
    const { writeFile } = await import('node:fs/promises')
    await writeFile(join(root, 'port.ts'), 'export const port = 5433')
    expect((await load(root, { trusted })).plain).toEqual(plain)
  })
})
