import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { importsOf } from '../../src/config/load/imports.ts'
import { readRemembered, readSeeds } from '../../src/migrations/seeds/read.ts'

let root = ''

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'poststack-imports-')))
})

afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    // oxlint-disable-next-line no-await-in-loop
    await mkdir(dirname(join(root, name)), { recursive: true })
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(join(root, name), text)
  }
}

async function imported(name: string) {
  const found = (await importsOf([join(root, name)], root)).get(join(root, name))
  return { files: found?.files.map((file) => file.slice(root.length + 1)), missing: found?.missing }
}

test('what a script imports must be found at any depth, by every way of writing it, and packages be left out', async () => {
  await write({
    'package.json': '{ "type": "module" }',
    'tsconfig.json': '{ "compilerOptions": { "paths": { "#lib/*": ["./lib/*"] } } }',
    'a.ts': `import { readFile } from 'node:fs/promises'
import { stack } from 'poststack/run'
import one from './lib/one.js'
import { two } from '#lib/two'
import outside from 'package'
import shared from 'workspace'
export * from /* a comment */ './lib/three.ts'
const late = await import('./lib/late.ts')
console.log(readFile, stack, one, two, outside, shared, late)`,
    'lib/one.ts': "import data from './data.json' with { type: 'json' }\nexport default data\n",
    'lib/data.json': '{}',
    'lib/two.ts': "export { three as two } from './three.ts'\n",
    'lib/three.ts': "import './a-circle.ts'\nexport const three = 3\n",
    'lib/a-circle.ts': "import './three.ts'\n",
    'lib/late.ts': 'export {}\n',
    'lib/unused.ts': 'export {}\n',
    'node_modules/package/package.json': '{ "name": "package", "main": "index.js" }',
    'node_modules/package/index.js': 'module.exports = 1\n',
    'packages/shared/package.json': '{ "name": "workspace", "main": "index.ts" }',
    'packages/shared/index.ts': 'export default 1\n',
  })
  await symlink('../packages/shared', join(root, 'node_modules/workspace'))
  expect((await imported('a.ts')).files).toEqual([
    'lib/a-circle.ts',
    'lib/data.json',
    'lib/late.ts',
    'lib/one.ts',
    'lib/three.ts',
    'lib/two.ts',
    'packages/shared/index.ts',
  ])
})

test('what is broken or missing must hide nothing of the rest, and the place of what is missing be known', async () => {
  await write({
    'a.ts': "import './broken.ts'\nimport './missing.ts'\nimport './good.ts'\n",
    'broken.ts': 'export const = ;\n',
    'good.ts': "import './deep.ts'\n",
    'deep.ts': '',
    'plain.ts': "import { stack } from 'poststack/run'\nawait stack.sql`SELECT 1`\n",
  })
  const { files, missing } = await imported('a.ts')
  expect(files).toEqual(['broken.ts', 'deep.ts', 'good.ts'])
  expect(missing).toContain(join(root, 'missing.ts'))
  expect(await imported('plain.ts')).toEqual({ files: [], missing: [] })
  expect(await imported('nowhere.ts')).toEqual({ files: [], missing: [] })
})

test('the content of a seed must be that of what it imports, too, and the same in each checkout', async () => {
  const checksums = async (): Promise<readonly string[]> => [
    ...(await readSeeds(join(root, 'seeds'), root)).map(({ checksum }) => checksum),
    (await readRemembered(join(root, 'hook.ts'), { root, event: 'afterMigrate' })).checksum,
  ]
  const files = {
    'seeds/1_alone.ts': "import { stack } from 'poststack/run'\nvoid stack\n",
    'seeds/2_with.ts': "import { rows } from '../lib/rows.ts'\nvoid rows\n",
    'lib/rows.ts': "export { rows } from './deep.ts'\n",
    'lib/deep.ts': 'export const rows = 1\n',
    'hook.ts': "import './lib/rows.ts'\n",
  }
  await write(files)
  const first = await checksums()
  // A seed without imports has the digest of its bytes, as databases have recorded it since before imports counted.
  expect(first[0]).toBe('f40dd75ac55958459d8a746a80e21d0b35c46fc4611f7b8fe483912d57502996')
  await write({ 'lib/deep.ts': 'export const rows = 2\n' })
  const second = await checksums()
  expect(second.map((checksum, index) => checksum === first[index])).toEqual([true, false, false])
  await write({ 'lib/deep.ts': 'export const rows = 1\n' })
  expect(await checksums()).toEqual(first)
  const checkout = root
  root = await realpath(await mkdtemp(join(tmpdir(), 'poststack-imports-')))
  await write(files)
  expect(await checksums()).toEqual(first)
  await rm(checkout, { recursive: true })
})
