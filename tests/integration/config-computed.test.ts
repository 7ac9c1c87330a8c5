import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf } from '../../src/config/load/imports.ts'
import { prepareScript } from '../../src/config/script.ts'
import { configProject, load, loadError } from '../support/config-project.ts'

const ways = [{ trusted: false }, { trusted: true }]

/** Beside the files of the modes lies much that nobody imports, and some of it is broken. */
const files = {
  'package.json': '{ "type": "module" }',
  'poststack.config.ts':
    "import { shared } from './lib/shared.ts'\nexport default async ({ mode }) => ({ name: (await import(`./${mode}.ts`)).default + shared.count, services: {} })",
  'development.ts': "import { shared } from './lib/shared.ts'\nshared.count++\nexport default 'dev' as string",
  'lib/shared.ts': 'export const shared = { count: 1 }',
  'deep/wip.ts': 'const = nothing',
  'wip.ts': 'const = nothing',
  'gone.ts': "import 'gone'\nimport './gone/part.ts'",
  'types.d.ts': "import './gone.js'\nexport declare const x: number",
  'runs.ts': "import 'loud'",
  'node_modules/loud/package.json': '{ "type": "module", "exports": "./i.js" }',
  'node_modules/loud/i.js': "throw new Error('it runs')",
  'node_modules/words/dist/database.d.ts': "import './errors.js'",
}

describe('an import with a computed part', () => {
  it('means one file of the project, and the others do not matter', async () => {
    const root = await configProject(files)
    for (const way of ways) expect((await load(root, way)).plain).toMatchObject({ name: 'dev2' })
    expect(await (await load(root)).keep(true)).toMatch(/^the config may import (?:wip|gone)\.ts, and that cannot/)
    for (const name of ['wip', 'gone', 'runs']) await rm(join(root, `${name}.ts`))
    const { inputs, plain } = await load(root)
    expect(plain).toMatchObject({ name: 'dev2' })
    const relative = inputs.files.map((file) => file.slice(root.length + 1))
    expect(relative).toEqual(['development.ts', 'lib/shared.ts', 'package.json', 'poststack.config.ts'])
    expect(inputs.globs).toEqual([{ pattern: '*.ts', files: ['development.ts', 'poststack.config.ts', 'types.d.ts'] }])
  })

  it('fails by what is wrong with the file that it means', async () => {
    const root = await configProject(files)
    const wip = (await loadError(root, { mode: 'wip' })).message
    expect(wip).toMatch(/^poststack\.config\.ts:2:.*wip\.ts:1:7: expected identifier/)
    expect((await loadError(root, { mode: 'gone' })).message).toContain('the imported package "gone" is not installed')
    expect((await loadError(root, { mode: 'runs' })).message).toContain('it runs')
    const { hint, message } = await loadError(root, { mode: 'production' })
    expect(message).toMatch(/^poststack\.config\.ts:2:/)
    expect(message).toContain("Cannot find module './production.ts' imported from")
    expect(hint).toContain('./*.ts')
  })

  it('may mean a file that must not be read, which is refused when it is imported', async () => {
    const root = await configProject({
      'outside.ts': 'export default 1',
      'app/package.json': '{ "type": "module" }',
      'app/poststack.config.ts': files['poststack.config.ts'],
      'app/lib/shared.ts': files['lib/shared.ts'],
      'app/development.ts': files['development.ts'],
      'app/outside.ts': "export { default } from '../outside.ts'",
    })
    const cwd = join(root, 'app')
    expect((await load(cwd)).plain).toMatchObject({ name: 'dev2' })
    expect((await loadError(cwd, { mode: 'outside' })).message).toContain('may not read ../outside.ts')
  })

  it('may be written as tsx reads it, more than once, or caught', async () => {
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `// é
const x = 'a', folder = 'one'
const caught = await import(\`./m/\${x}-gone.ts\`).catch((error) => error.code)
const [first, second, third] = [await import(/* é */ './m/' + x + '.js'), await import(\`./m/\${x}\`), await import(\`./m/\${x}.js\`)]
const index = await import(\`./m/\${folder}\`), other = await import(\`./\${'m'}/\${folder}/v.cjs\`)
export default { name: [caught, first.v, first === second && second === third, index.v, other.v].join(), services: {}, at: new Error().stack }`,
      'm/a.ts': "export const v: string = 'a'",
      'm/one/index.ts': "export const v = 'index'",
      'm/one/v.cjs':
        "const n = 'w'\nexports.v = require('./' + n + '.cjs')\ntry { require(`./${n}x.cjs`) } catch (error) { exports.v += error.code }",
      'm/one/w.cjs': "module.exports = 'w'",
    })
    for (const way of ways) {
      const { plain } = await load(root, way)
      expect(plain).toMatchObject({ name: 'ERR_MODULE_NOT_FOUND,a,true,index,wMODULE_NOT_FOUND' })
      expect((plain as { at: string }).at).toContain('poststack.config.ts:6:124')
    }
  })

  it('is imported anew when a file has come or changed', async () => {
    const code = "await import(`./${mode}`).catch(() => import('./development'))"
    const root = await configProject({
      'package.json': '{ "type": "module" }',
      'poststack.config.ts': `export default async ({ mode }) => ({ name: (${code}).default, services: {} })`,
      'development.ts': "export default 'dev'",
      'tsconfig.json': '{ /* no data */ }',
      '.poststack/secrets.json': JSON.stringify({ version: 1, key: 'a1'.repeat(32), passwords: {} }),
    })
    const name = async (trusted = false) => {
      // What was written a moment ago is not kept.
      await new Promise((resolve) => setTimeout(resolve, 50))
      const loaded = await load(root, { mode: 'test', trusted })
      return [(loaded.plain as { name: string }).name, loaded.cache.hit, await loaded.keep(true)]
    }
    expect(await name()).toEqual(['dev', false, undefined])
    expect(await name()).toEqual(['dev', true, undefined])
    await writeFile(join(root, 'test.ts'), "export default 'one'")
    expect(await name()).toEqual(['one', false, undefined])
    await writeFile(join(root, 'test.ts'), "export default 'two'")
    expect(await name()).toEqual(['two', false, undefined])
    const why = 'the config computes the name of a module that it imports'
    expect(await name(true)).toEqual(['two', false, why])
  })
})

it('of a script is the same', async () => {
  const root = await configProject({ ...files, 'script.ts': files['poststack.config.ts'] })
  for (const trusted of [false, true]) {
    const grants = { cwd: root, permissions: {}, trusted }
    const stack = { name: 'x', root, services: {} }
    const script = await prepareScript({
      file: join(root, 'script.ts'),
      args: [],
      root,
      grants,
      env: {},
      variables: {},
      stack,
    })
    await script.close()
  }
  const imported = await importsOf([join(root, 'script.ts')], root)
  expect(imported.get(join(root, 'script.ts'))?.files).toContain(join(root, 'development.ts'))
  expect(imported.get(join(root, 'script.ts'))?.files.join()).not.toContain('node_modules')
})
