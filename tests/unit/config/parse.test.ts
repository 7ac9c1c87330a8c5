import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeFrame } from '../../../src/config/locate/code-frame.ts'
import { nearest } from '../../../src/config/nearest.ts'
import { looksSecret, showValue } from '../../../src/config/schema/issues.ts'
import { locate } from '../../../src/config/locate/locate.ts'
import { parseConfig, stackName } from '../../../src/config/parse/parse.ts'
import { parsePostgresUrl } from '../../../src/config/postgres-url.ts'

const root = '/projects/shop'
const parse = (services: Record<string, unknown>) => parseConfig({ services }, { root })

async function service(name: string, services: Record<string, unknown>) {
  const { config } = await parse(services)
  const found = config.services.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no service ${name}`)
  return found
}

const db = { kind: 'postgres' }
const web = { kind: 'container', image: 'web', ports: { http: { container: 80 } } }

const needing = (env: object, more: object = {}) => ({ kind: 'container', image: 'app', env, ...more })
const secret = (name: string) => ({ kind: 'secret', name, encoding: 'plain' })

async function parseEnv(env: object) {
  const { config, literals } = await parse({ db, web: { ...web, env } })
  const found = config.services.find((one) => one.kind === 'container')
  return { env: found?.kind === 'container' ? found.env : {}, literals, text: JSON.stringify(config) }
}

describe('defaults and paths', () => {
  it('of a PostgreSQL service', async () => {
    const options = { kind: 'postgres', migrations: './migrations', settings: { b: 5, a: true } }
    expect(await service('db', { db: options })).toEqual({
      kind: 'postgres',
      name: 'db',
      dependsOn: [],
      readyTimeoutMs: 60_000,
      containerName: undefined,
      stopGraceSeconds: 30,
      restart: 'no',
      limits: {},
      labels: {},
      aliases: [],
      version: 17,
      image: undefined,
      port: 5432,
      hostAddress: '127.0.0.1',
      user: 'poststack',
      database: 'poststack',
      password: { kind: 'secret', name: 'db.password', encoding: 'plain' },
      migrations: '/projects/shop/migrations',
      settings: { a: 'true', b: '5' },
    })
  })

  it('of a container', async () => {
    const options = {
      kind: 'container',
      build: { dockerfile: './containers/web/Dockerfile' },
      ports: { metrics: { container: 9 }, http: { container: 80, host: 8080 } },
      volumes: [
        { bind: '../shared', target: '/shared', readOnly: true },
        { volume: 'data', target: '/data' },
      ],
      ready: { http: 'http' },
    }
    const port = { host: undefined, hostAddress: '127.0.0.1', protocol: 'tcp' }
    expect(await service('web', { web: options })).toMatchObject({
      stopGraceSeconds: 10,
      build: { context: root, dockerfile: '/projects/shop/containers/web/Dockerfile', args: {}, target: undefined },
      ports: [
        { ...port, name: 'http', container: 80, host: 8080 },
        { ...port, name: 'metrics', container: 9 },
      ],
      mounts: [
        { kind: 'bind', source: '/projects/shared', target: '/shared', readOnly: true },
        { kind: 'volume', volume: 'data', target: '/data', readOnly: false },
      ],
      ready: { kind: 'http', port: 'http', path: '/', status: undefined },
      job: false,
    })
  })

  it('services are sorted, whatever the order they are written in', async () => {
    const { config } = await parse({ web, db, app: web })
    expect(config.services.map(({ name }) => name)).toEqual(['app', 'db', 'web'])
    expect(config).toMatchObject({ name: 'shop', runtime: 'auto', root, images: [] })
  })

  it.each([
    ['/projects/My Shop', 'my-shop'],
    ['/projects/Größe_2', 'gro-e-2'],
    ['/projects/123', 'stack-123'],
    ['/', 'stack'],
    ['/projects/___', 'stack'],
    [`/projects/${'a'.repeat(39)}--b`, 'a'.repeat(39)],
  ])('a stack in %s is called %s', (folder, name) => {
    expect(stackName(folder)).toBe(name)
  })

  it('the name made from any folder is a valid one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (folder) => {
        const name = stackName(`/projects/${folder}`)
        const { config } = await parseConfig({ name, services: {} }, { root })
        expect(config.name).toBe(name)
      }),
    )
  })
})

describe('dependencies', () => {
  const migrated = { ...db, migrations: 'm' }
  const rows: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
    [
      'a reference to a database with migrations',
      { app: needing({ A: { $ref: 'db.url' } }), db: migrated },
      ['db migrated'],
    ],
    ['without migrations', { app: needing({ A: { $ref: 'db.host' } }), db }, ['db ready']],
    ['inside a text', { app: needing({ A: { $text: ['x', { $ref: 'db.port' }] } }), db }, ['db ready']],
    ['to a container', { app: needing({ A: { $ref: 'web.url:http' } }), web }, ['web ready']],
    [
      'to an external database',
      { app: needing({ A: { $ref: 'db.url' } }), db: { kind: 'postgres', url: 'postgres://u@h', migrations: 'm' } },
      ['db migrated'],
    ],
    [
      'a name',
      { app: needing({}, { dependsOn: ['web', 'job', 'db'] }), db: migrated, web, job: { ...web, job: true } },
      ['db migrated', 'job completed', 'web ready'],
    ],
    [
      'a weaker condition beside a reference',
      { app: needing({ A: { $ref: 'db.url' } }, { dependsOn: { db: 'started' } }), db: migrated },
      ['db migrated'],
    ],
    [
      'a stronger condition beside a reference',
      { app: needing({ A: { $ref: 'db.url' } }, { dependsOn: { db: 'migrated' } }), db: migrated },
      ['db migrated'],
    ],
    ['an explicit condition alone', { app: needing({}, { dependsOn: { db: 'ready' } }), db: migrated }, ['db ready']],
    ['migrated where nothing migrates', { app: needing({}, { dependsOn: { db: 'migrated' } }), db }, ['db ready']],
  ]
  it.each(rows)('%s', async (_, services, edges) => {
    const { dependsOn } = await service('app', services)
    expect(dependsOn.map((edge) => `${edge.service} ${edge.condition}`)).toEqual(edges)
  })
})

describe('secrets', () => {
  it('leave the config: passwords, secret variables, URLs with a password', async () => {
    const { env, literals, text } = await parseEnv({
      API_KEY: 'k-123',
      PGPASSWORD: 'p-123',
      CACHE: 'redis://:c-123@cache/0',
      MIXED: { $text: ['postgres://me:m-123@', { $ref: 'db.host' }, '/x'] },
      SAFE: { $text: ['postgres://', { $ref: 'db.user' }, ':', { $ref: 'db.password' }, '@', { $ref: 'db.host' }] },
      PUBLIC: 'https://example.org:8080/a@b',
      TOKEN: '',
    })
    expect(literals).toEqual({
      'web.env.API_KEY': 'k-123',
      'web.env.PGPASSWORD': 'p-123',
      'web.env.CACHE': 'redis://:c-123@cache/0',
      'web.env.MIXED': 'postgres://me:m-123@',
      'web.env.MIXED.2': '/x',
    })
    expect(env).toMatchObject({
      API_KEY: [secret('web.env.API_KEY')],
      MIXED: [
        secret('web.env.MIXED'),
        { kind: 'reference', service: 'db', property: 'host' },
        secret('web.env.MIXED.2'),
      ],
      PUBLIC: ['https://example.org:8080/a@b'],
      TOKEN: [],
    })
    expect(text).not.toMatch(/-123/)
  })

  it('of PostgreSQL, managed and external', async () => {
    const { config, literals } = await parse({
      a: { ...db, password: 'a b' },
      b: { kind: 'postgres', url: 'postgresql://me:p%40ss@[::1]:5433/my%20db?sslmode=require' },
      c: { kind: 'postgres', url: 'postgres://me@db.example.org' },
    })
    expect(literals).toEqual({ 'a.password': 'a b', 'b.password': 'p@ss' })
    const external = { kind: 'external', readyTimeoutMs: 60_000, dependsOn: [], migrations: undefined, user: 'me' }
    expect(config.services.slice(1)).toEqual([
      {
        ...external,
        name: 'b',
        host: '::1',
        port: 5433,
        database: 'my db',
        password: secret('b.password'),
        parameters: 'sslmode=require',
      },
      {
        ...external,
        name: 'c',
        host: 'db.example.org',
        port: 5432,
        database: 'me',
        password: undefined,
        parameters: '',
      },
    ])
  })

  it.each([
    ['DB_PASSWORD', true],
    ['dbPassword', true],
    ['PGPASSWORD', true],
    ['DB_PASS', true],
    ['JWT_SECRET', true],
    ['GITHUB_TOKEN', true],
    ['AWS_SECRET_ACCESS_KEY', true],
    ['apiKey', true],
    ['PRIVATE_KEY_PEM', true],
    ['CREDENTIALS', true],
    ['TOKENIZER', false],
    ['COMPASS', false],
    ['KEYBOARD', false],
    ['BYPASS_CACHE', false],
    ['SECRETARY', false],
  ])('%s looks secret: %s', (name, isSecret) => {
    expect(looksSecret(name)).toBe(isSecret)
  })

  it('never show in a shown value', () => {
    expect(showValue(['env', 'TOKEN'], 'abc')).toBe('"***"')
    expect(showValue(['url'], 'postgres://u:geheim@h/d')).toBe('"postgres://u:***@h/d"')
    expect(showValue(['db'], { password: 'abc', port: 1 })).toBe('{"password":"***","port":1}')
  })
})

describe('PostgreSQL URLs', () => {
  it.each([
    ['postgres://u:p#x@h/d', 'is not a valid URL'],
    ['postgres://u@h/d#x', 'contains a `#`'],
    ['postgres://u:%zz@h/d', 'has a `%` that begins no percent-encoded character'],
    ['postgres:///d', 'names no host'],
    ['postgres://h/d', 'names no user'],
    ['postgres://u@a,b/d', 'names several hosts'],
    ['postgres://u@h:0/d', 'has port 0'],
    ['postgres://u@h:70000/d', 'is not a valid URL'],
    ['postgres://u@h/d?password=x', 'says `password` after the `?`'],
    ['http://u@h/d', 'expected `postgres://'],
  ])('%s: %s', (url, message) => {
    expect(parsePostgresUrl(url)).toContain(message)
  })

  it('any user, password and database come back when they are percent-encoded', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => value !== '.' && value !== '..')
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const [u, p, d] = [user, password, database].map((part) => encodeURIComponent(part))
        expect(parsePostgresUrl(`postgres://${u}:${p}@h/${d}`)).toMatchObject({
          user,
          password,
          database,
          host: 'h',
          port: 5432,
        })
      }),
    )
  })
})

describe('places', () => {
  const source =
    "export default {\n  db: { port: 70000, user: 'me' },\n  web: { port: 80 }, // port: 70000\n  'a.b': { host: 0 }, nmae: 1,\n}\n"
  const at = (path: readonly (string | number)[], value?: string, message = 'x') =>
    locate({ path, message, ...(value !== undefined && { value }) }, [{ file: '/c.ts', text: source }])

  it('of a value that stands once', () => {
    expect(at(['services', 'db', 'port'], '70000')).toEqual({ file: '/c.ts', line: 2, column: 9 })
    expect(at(['db', 'user'], '"me"')).toMatchObject({ line: 2 })
    expect(at(['nmae'], undefined, 'unknown key: …')).toMatchObject({ line: 4, column: 23 })
  })

  it('no place where there is a doubt', () => {
    expect(at(['db', 'port'], '7000')).toBeUndefined()
    expect(at(['db', 'port'])).toBeUndefined()
    expect(at(['port'], undefined, 'unknown key: …')).toBeUndefined()
    expect(at(['db', 'password'], '"***"')).toBeUndefined()
  })

  it('in a code frame: caret, tabs, ends of the file, secrets covered', () => {
    expect(codeFrame('a\n\tb c\nd', { line: 2, column: 4 })).toBe('  1 | a\n> 2 | \tb c\n    | \t  ^\n  3 | d')
    expect(codeFrame('a', { line: 2, column: 1 })).toBeUndefined()
    expect(codeFrame("x({ password: 'geheim', y })", { line: 1, column: 25 })).toBe(
      "> 1 | x({ password: '******', y })\n    |                         ^",
    )
    expect(codeFrame("u('postgres://me:geheim@h')", { line: 1, column: 1 })).toContain("u('postgres://me:******@h')")
  })

  it.each([
    ['dependOn', 'dependsOn'],
    ['prot', 'port'],
    ['Image', 'image'],
    ['zzz', undefined],
  ])('the nearest word to %s is %s', (word, expected) => {
    expect(nearest(word, ['dependsOn', 'port', 'image', 'ready'])).toBe(expected)
  })
})
