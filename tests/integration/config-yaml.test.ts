/** A config as data: the same stack as a program declares, and mistakes with line and column. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stack } from '../../src/config/schema/schema.ts'
import type { Config } from '../../src/config/types.ts'
import { isPoststackError, type PoststackError } from '../../src/errors.ts'
import { openStack } from '../../src/stack.ts'
import { configProject, load } from '../support/config-project.ts'

async function open(cwd: string, configFile: string): Promise<Config> {
  const opened = await openStack({ cwd, configFile, env: { PATH: process.env['PATH'] } })
  await opened.close()
  return opened.config
}

async function failure(text: string, name = 'config.yaml'): Promise<PoststackError> {
  const root = await configProject({ [name]: text })
  const result: unknown = await open(root, name).catch((error: unknown) => error)
  if (isPoststackError(result)) return result
  throw new Error(`expected an error, found ${String(result)}`)
}

const yaml = `# yaml-language-server: $schema=./node_modules/poststack/dist/poststack.schema.json
name: shop
runtime: native
services:
  db: &database
    kind: postgres
    port: 5433
    migrations: ./migrations
    settings: { work_mem: 8MB, jit: false }
  other:
    <<: *database
    port: 5434
  web:
    kind: container
    image: web
    ports:
      http: { container: 80, host: 8080 }
    env:
      DATABASE_URL: { $ref: db.url }
      SEARCH: { $text: ['host=', { $ref: db.host }, ' x'] }
      LEVEL: 3
    dependsOn: [other]
`

const program = `import { container, defineConfig, postgres } from 'poststack'
const database = { port: 5433, migrations: './migrations', settings: { work_mem: '8MB', jit: false } }
const db = postgres(database)
const web = container({
  image: 'web',
  ports: { http: { container: 80, host: 8080 } },
  env: { DATABASE_URL: db.url, SEARCH: \`host=\${db.host} x\`, LEVEL: 3 },
  dependsOn: ['other'],
})
export default defineConfig({ name: 'shop', runtime: 'native', services: { db, other: postgres({ ...database, port: 5434 }), web } })
`

test('YAML and JSON declare the same stack as a program does', async () => {
  const root = await configProject({ 'config.yaml': yaml, 'poststack.config.ts': program })
  const declared = await open(root, 'poststack.config.ts')
  expect(declared.services).toHaveLength(3)
  expect(await open(root, 'config.yaml')).toEqual(declared)
  const service = { kind: 'postgres', port: 5433 }
  const text = JSON.stringify({ $schema: './x.json', name: 'shop', services: { db: service } }, undefined, '\t')
  const data = await configProject({ 'config.json': text })
  expect((await open(data, 'config.json')).services).toMatchObject([{ name: 'db', port: 5433 }])
  expect(await (await load(data, { file: 'config.json' })).keep(true)).toBe('data is read each time')
})

test('one that is not named is refused where it would be passed over, with how to name it', async () => {
  const root = await configProject({ 'shop/poststack.config.yaml': yaml, 'poststack.config.ts': program })
  const cwd = join(root, 'shop')
  const refusal = {
    code: 'CONFIG_NOT_FOUND',
    hint: expect.stringContaining('--config poststack.config.yaml\n') as string,
  }
  await expect(openStack({ cwd, env: {} })).rejects.toMatchObject(refusal)
  // Nor where conventions would apply.
  await rm(join(root, 'poststack.config.ts'))
  await expect(openStack({ cwd, env: {} })).rejects.toMatchObject(refusal)
  await writeFile(join(cwd, '.env'), 'POSTSTACK_CONFIG=poststack.config.yaml\n')
  await (await openStack({ cwd, env: {} })).close()
})

describe('mistakes', () => {
  test('are told together, each with its line and column', async () => {
    const error = await failure(`name: shop
services:
  db:
    kind: postgres
    prot: 5433
  web: { kind: container, image: web, env: { A: { $ref: dbb.url }, B: { $text: [1] } } }
  old: { port: 1 }
  new: { kind: postgers }
  api:
    kind: container
    volumes:
      - volume: data
      - { bind: ., target: / }
`)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toMatchInlineSnapshot(`
      "config.yaml has 8 mistakes:
        - services.old: expected an object with \`kind: postgres\` or \`kind: container\` (config.yaml:7:3)
        - services.new.kind: expected \`postgres\` or \`container\`: did you mean \`postgres\`?, found "postgers" (config.yaml:8:10)
        - services.db.prot: unknown key: did you mean \`port\`? (config.yaml:5:5)
        - services.web.env.B: expected a text, a number, true, false or a reference, found {"$text":[1]} (config.yaml:6:68)
        - services.api.volumes[0].target: is missing: expected an absolute path inside the container, other than \`/\` (config.yaml:12:9)
        - services.api.volumes[1].target: expected an absolute path inside the container, other than \`/\`, found "/" (config.yaml:13:20)
        - services.web.env.A: refers to \`dbb\`, which is no service: did you mean \`db\`?, found dbb.url (config.yaml:6:46)
        - services.api: says neither \`image\` nor \`build\`; exactly one of them is needed (config.yaml:9:3)"
    `)
    expect(error.details).toMatchObject({ file: 'config.yaml' })
    expect((error.details['issues'] as readonly object[])[0]).toMatchObject({
      line: expect.any(Number),
      column: expect.any(Number),
    })
  })

  test('in what stands once and is used twice are told where it stands', async () => {
    const error = await failure(
      'services:\n  a: { kind: postgres, settings: &s { "bad name": 1 } }\n  b: { kind: postgres, port: 1, settings: *s }\n',
    )
    expect(error.message).toMatchInlineSnapshot(`
      "config.yaml has 2 mistakes:
        - services.a.settings["bad name"]: has a wrong name: expected a name of a server setting (config.yaml:2:39)
        - services.b.settings["bad name"]: has a wrong name: expected a name of a server setting (config.yaml:2:39)"
    `)
  })

  test.each([
    ['a tab', 'services:\n\tdb: 1\n', 'config.yaml:2:1: '],
    ['a key said twice', 'services: {}\nservices: {}\n', 'config.yaml:2:1: map keys must be unique'],
    ['a tag that nobody knows', 'services:\n  db: !reset x\n', 'config.yaml:2:7: unresolved tag: !reset'],
    ['two documents', 'services: {}\n---\nservices: {}\n', 'config.yaml:2:1: '],
    ['an alias of nothing', 'services: *nobody\n', 'config.yaml:1:11: there is no anchor &nobody before it'],
    ['what holds itself', 'services: &all { db: *all }\n', 'its aliases cannot be followed'],
    [
      'aliases of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefg'.replaceAll(/./g, (letter) => {
        const before = String.fromCodePoint((letter.codePointAt(0) ?? 0) - 1)
        return `${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]\n`
      })}`,
      'its aliases cannot be followed',
    ],
  ])('%s cannot be read', async (what, text, said) => {
    const error = await failure(text)
    expect(error.code).toBe('CONFIG_FAILED')
    expect(error.message).toContain(said)
    expect(error.hint?.includes('tabs')).toBe(what === 'a tab')
  })

  test('several mistakes are told in the order of their lines', async () => {
    const { message } = await failure('a: !reset x\nb: {}\nb: {}\n')
    expect([...message.matchAll(/config\.yaml:(\d)/g)].map(([, line]) => line)).toEqual(['1', '3'])
  })

  test('a key that JavaScript passes over is unknown, too', async () => {
    const { message } = await failure('services: { db: { kind: postgres, __proto__: 1 } }\n__proto__: { a: 1 }\n')
    expect(message).toContain('__proto__: unknown key: leave it out (config.yaml:2:1)')
    expect(message).toContain('services.db.__proto__: unknown key: leave it out (config.yaml:1:')
  })

  test('a secret does not stand in the lines that are shown', async () => {
    const error = await failure('services:\n  db: { kind: postgres, password: "hush hush", port: [}\n')
    expect(error.message).not.toContain('hush hush')
  })

  test('an empty one is answered with an example in its own form', async () => {
    const error = await failure('\n')
    expect(error.message).toBe('config.yaml: is empty')
    expect(error.hint).toContain('kind: postgres')
    expect(error.hint).not.toContain('defineConfig')
  })

  test('a second document is told in our own words', async () => {
    expect((await failure('services: {}\n---\nservices: {}\n')).message).toContain('a second document begins here')
  })

  test.each(['- a\n', '# nothing\n', 'text\n'])('%j is no config', async (text) => {
    expect(await failure(text)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'config.yaml: expected an object with `services`',
    })
  })
})

test('the example of the documentation is a config', async () => {
  const page = await readFile(new URL('../../docs/config.md', import.meta.url), 'utf8')
  const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? []
  const root = await configProject({ 'config.yaml': text })
  expect((await open(root, 'config.yaml')).services.map(({ name }) => name)).toEqual(['db', 'web'])
})

test('editors get a schema that is closed where the program is', async () => {
  const file = new URL('../../dist/poststack.schema.json', import.meta.url)
  const schema = JSON.parse(await readFile(file, 'utf8')) as Schema
  expect(Object.keys(schema.properties)).toEqual(['$schema', ...Object.keys(stack.shape)])
  expect(schema.additionalProperties).toBe(false)
  const services = schema.properties['services']?.additionalProperties as
    | { readonly anyOf: readonly Schema[] }
    | undefined
  const [managed, external, container] = services?.anyOf ?? []
  expect(container?.additionalProperties).toBe(false)
  expect(container?.properties['ports']).toMatchObject({
    additionalProperties: {
      properties: { container: { type: 'integer', minimum: 1, maximum: 65_535 } },
      additionalProperties: false,
    },
  })
  expect(container?.properties['env']).toMatchObject({
    additionalProperties: { anyOf: expect.arrayContaining([expect.objectContaining({ required: ['$ref'] })]) },
  })
  expect(external?.required).toEqual(['kind', 'url'])
  expect(managed).toMatchObject({
    properties: { port: { anyOf: [{ minimum: 1 }, { const: 'auto' }] }, version: { minimum: 13, maximum: 18 } },
    additionalProperties: false,
  })
})

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>
  readonly additionalProperties: unknown
  readonly required?: readonly string[]
}
