/* oxlint-disable typescript/restrict-template-expressions -- references inside template strings are what is tested */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { container, defineConfig, postgres } from '../../../src/config/define.ts'
import type { PostgresService } from '../../../src/config/define.ts'
import { formatPath } from '../../../src/config/schema/issues.ts'
import { serializeConfig } from '../../../src/config/serialize.ts'

const stack = () => ({ services: { db: postgres() } })
const context = { env: { NAME: 'shop' }, mode: 'test', cwd: '/projects' }
const serialize = (value: unknown) => serializeConfig(value, context)

function failing(): never {
  throw new RangeError('mine')
}

class Thing {
  readonly name = 'thing'
}

const add = (a: unknown, b: unknown) => (a as string) + (b as string)
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** The issues as lines of text. */
async function issuesOf(value: unknown): Promise<readonly string[]> {
  const { issues } = await serialize(value)
  return issues.map(({ path, message }) => `${formatPath(path)}: ${message}`)
}

describe('references', () => {
  it('become names, alone and inside template strings', async () => {
    const db = postgres({ version: 17 })
    const web = container({ image: 'web', ports: { http: { container: 80 } } })
    const env = {
      URL: db.url,
      TEXT: `host=${db.host} port=${db.port}`,
      ONLY: `${db.user}`,
      WEB: `${web.url('http')}/path`,
      PORT: web.port('http'),
      NUMBER: 5,
      FLAG: true,
    }
    const { plain, issues } = await serialize({ services: { db, web, app: container({ image: 'app', env }) } })
    expect(issues).toEqual([])
    expect(plain).toEqual({
      services: {
        db: { kind: 'postgres', version: 17 },
        web: { kind: 'container', image: 'web', ports: { http: { container: 80 } } },
        app: {
          kind: 'container',
          image: 'app',
          env: {
            URL: { $ref: 'db.url' },
            TEXT: { $text: ['host=', { $ref: 'db.host' }, ' port=', { $ref: 'db.port' }] },
            ONLY: { $ref: 'db.user' },
            WEB: { $text: [{ $ref: 'web.url:http' }, '/path'] },
            PORT: { $ref: 'web.port:http' },
            NUMBER: 5,
            FLAG: true,
          },
        },
      },
    })
  })

  it('any text around them comes back unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (before, after) => {
        const db = postgres()
        const app = container({ image: 'app', env: { TEXT: `${before}${db.host}${after}` } })
        const { plain } = await serialize({ services: { db, app } })
        const { TEXT } = (plain as { services: { app: { env: { TEXT: unknown } } } }).services.app.env
        const parts = [before, { $ref: 'db.host' }, after].filter((part) => part !== '')
        expect(TEXT).toEqual(parts.length === 1 ? parts[0] : { $text: parts })
      }),
    )
  })

  it('are carried by what JSON.stringify makes', async () => {
    const db = postgres()
    const app = container({ image: 'app', env: { JSON: JSON.stringify({ u: db.url, n: [1] }) } })
    const { plain, issues } = await serialize({ services: { db, app } })
    expect(issues).toEqual([])
    expect(plain).toMatchObject({
      services: { app: { env: { JSON: { $text: ['{"u":"', { $ref: 'db.url' }, '","n":[1]}'] } } } },
    })
  })

  it('keep a mistyped name, also in a template string, so that the checks can refuse it', async () => {
    const db = postgres() as PostgresService & Record<string, unknown>
    const made = container({ image: 'web' })
    const web = made as unknown as Readonly<Record<string, (name: string) => unknown>>
    const env = {
      A: db['urll'],
      B: `x ${db['pasword']}`,
      C: web['url'],
      D: `${web['port']}`,
      E: web['adress']?.('http'),
    }
    const { plain, issues } = await serialize({
      services: { db, web: made, app: container({ image: 'app', env } as never) },
    })
    expect(issues).toEqual([])
    expect((plain as { services: { app: { env: unknown } } }).services.app.env).toEqual({
      A: { $ref: 'db.urll' },
      B: { $text: ['x ', { $ref: 'db.pasword' }] },
      C: { $ref: 'web.url' },
      D: { $ref: 'web.port' },
      E: { $ref: 'web.adress:http' },
    })
  })

  it('are asked for nothing by the language itself', async () => {
    const db = postgres()
    expect(await Promise.resolve(db)).toBe(db)
    expect(JSON.parse(JSON.stringify(db))).toMatchObject({ kind: 'postgres' })
    expect(() => Number(db.port)).toThrow('nothing can be calculated with it')
  })

  it('of ports cannot be added to anything, which would be digits in a row; texts can be put together', async () => {
    const db = postgres()
    const web = container({ image: 'web', ports: { http: { container: 80 } } })
    for (const sum of [() => add(db.port, 1), () => add('x', db.port), () => add(web.port('http'), 1)])
      expect(sum).toThrow(/nothing can be calculated with it; to put a port into a text, use a template string/)
    const env = { URL: add(db.url, '?sslmode=require'), HOST: add('h=', db.host), PORT: `${db.port}1` }
    const { plain, issues } = await serialize({ services: { db, app: container({ image: 'app', env }) } })
    expect(issues).toEqual([])
    expect(plain).toMatchObject({
      services: {
        app: {
          env: {
            URL: { $text: [{ $ref: 'db.url' }, '?sslmode=require'] },
            HOST: { $text: ['h=', { $ref: 'db.host' }] },
            PORT: { $text: [{ $ref: 'db.port' }, '1'] },
          },
        },
      },
    })
  })

  it.each<[string, (text: string) => string, string]>([
    ['in capitals', (text) => text.toUpperCase(), '`db.url`'],
    ['percent-encoded', (text) => encodeURIComponent(text), '`db.url`'],
    ['percent-encoded twice', (text) => encodeURIComponent(encodeURIComponent(text)), '`db.url`'],
    ['in base64', (text) => base64(text), '`db.url`'],
    ['in base64 with text before it', (text) => `Basic ${base64(`user:${text}`)}`, '`db.url`'],
    ['in hexadecimal', (text) => Buffer.from(text).toString('hex'), '`db.url`'],
    ['without its end', (text) => text.slice(0, -1), '`db.url`'],
    ['with little of its beginning', (text) => text.slice(0, 8), 'a reference'],
    ['without its beginning', (text) => text.slice(15), 'a reference'],
  ])('are refused %s', async (_, change, what) => {
    const db = postgres()
    const env = { TEXT: change(`${db.url}`), BOTH: `${db.host} ${change(`${db.url}`)}` }
    const issues = await issuesOf({ services: { db, app: container({ image: 'app', env }) } })
    const why =
      'in a changed form; its value is not known yet, so it can only be used whole, or inside a template string'
    expect(issues.map((line) => line.replace(/\d+/, 'N'))).toEqual([
      `services.app.env.TEXT: holds ${what} ${why}`,
      `services.app.env.BOTH: holds ${what} ${why}`,
    ])
  })

  it('are refused outside of env, in keys, and when their service is not in the stack', async () => {
    const db = postgres()
    const other = postgres()
    const app = container({
      image: `img:${db.host}`,
      command: [`${db.port}`],
      env: { [`${db.host}`]: 'x', OTHER: other.url, BOTH: `${db.host} ${other.host}` },
    })
    expect(await issuesOf({ name: db.host, services: { db, app } })).toEqual([
      'name: is a reference; references may stand in the values of `env` only',
      'services.app.image: is a reference; references may stand in the values of `env` only',
      'services.app.command[0]: is a reference; references may stand in the values of `env` only',
      'services.app.env: has a reference in its key; references may stand in the values of `env` only',
      'services.app.env.OTHER: refers to the `url` of a service that is not in `services`',
      'services.app.env.BOTH: refers to the `host` of a service that is not in `services`',
    ])
  })
})

describe('what a config may export', () => {
  const made = { services: { db: { kind: 'postgres' } } }

  it.each([
    ['an object', stack()],
    ['a promise', Promise.resolve(stack())],
    ['a function', stack],
    ['an async function', async () => await Promise.resolve(stack())],
    ['a default', { default: stack() }],
    ['a default of a default', { default: { default: stack } }],
    ['a function that returns a module', () => ({ default: stack() })],
    ['what defineConfig returns', defineConfig(stack())],
  ])('%s', async (_, exported) => {
    expect(await serialize(exported)).toEqual({ plain: made, issues: [] })
  })

  it('hands the context to a function', async () => {
    const config = defineConfig(({ env, mode, cwd }) => ({ name: `${env['NAME']}-${mode}-${cwd}`, services: {} }))
    expect((await serialize(config)).plain).toEqual({ name: 'shop-test-/projects', services: {} })
  })

  it('passes on what the function throws', async () => {
    await expect(serialize(failing)).rejects.toThrow(new RangeError('mine'))
  })
})

describe('what is not plain data', () => {
  it('is named with its path, all at once, and left out', async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    const options = {
      image: () => 'x',
      readyTimeoutSeconds: Number.NaN,
      restart: Symbol('x'),
      user: 5n,
      workdir: new Date(0),
      build: new Thing(),
      command: ['a', undefined, new Map()],
      env: { A: undefined },
      volumes: cyclic,
    }
    const { plain, issues } = await serialize({ services: { web: container(options as never) } })
    expect(issues.map(({ path, message }) => `${formatPath(path)}: ${message}`)).toEqual([
      'services.web.image: must be plain data, but is the function `image`',
      'services.web.readyTimeoutSeconds: is NaN, and must be a number: what it is made of may be missing',
      'services.web.restart: must be plain data, but is a symbol',
      'services.web.user: must be plain data, but is a bigint',
      'services.web.workdir: must be plain data, but is an instance of Date',
      'services.web.build: must be plain data, but is an instance of Thing',
      'services.web.command[1]: is undefined',
      'services.web.command[2]: must be plain data, but is an instance of Map',
      'services.web.env.A: is undefined; leave the variable out, or give a default: `process.env.NAME ?? ""`',
      'services.web.volumes.self: contains itself: a config is plain data without cycles',
    ])
    expect(plain).toEqual({
      services: { web: { kind: 'container', command: ['a', null, null], env: {}, volumes: {} } },
    })
  })

  it('the same object in two places is no cycle', async () => {
    const ports = { http: { container: 80 } }
    const services = { a: container({ image: 'a', ports }), b: container({ image: 'b', ports }) }
    expect((await serialize({ services })).issues).toEqual([])
  })

  it('a service under two names, inside another one, or changed after it was made', async () => {
    const db = postgres()
    expect(await issuesOf({ services: { db, again: db } })).toEqual([
      'services.again: the same service object stands under `db` already; make another one with postgres()',
    ])
    expect(await issuesOf({ services: { web: container({ image: 'x', dependsOn: [db] } as never) } })).toEqual([
      'services.web.dependsOn[0]: is a service object, which may stand in `services` only; elsewhere use its name or a reference',
    ])
    expect(await issuesOf({ services: { db: { ...postgres(), port: 5433 } } })).toEqual([
      'services.db.port: was set on the finished service; give it to postgres() as an option',
    ])
  })

  it('a database of somebody else whose URL is not set, and a service that was not called', async () => {
    const services = { db: postgres({ url: undefined }), cache: postgres as never, web: container as never }
    expect(await issuesOf({ services })).toEqual([
      'services.db.url: is undefined; without `url` Poststack would run a database of its own',
      'services.cache: is the function `postgres`; a service is what it returns: call it',
      'services.web: is the function `container`; a service is what it returns: call it',
    ])
  })

  it('options that are no object', async () => {
    expect(await issuesOf({ services: { db: postgres('17' as never) } })).toEqual([
      'services.db: postgres() takes an object of options, but was given a string',
    ])
  })

  // Slow where the machine is busy: the parts of a text are any that there are.
  it('never fails on any JSON, and gives it back unchanged', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: 'binary' }), async (value) => {
        const { plain, issues } = await serialize({ services: {}, extra: value })
        expect(issues).toEqual([])
        expect(JSON.parse(JSON.stringify(plain))).toEqual(JSON.parse(JSON.stringify({ services: {}, extra: value })))
      }),
      { numRuns: 40 },
    )
  })
})

describe('a file without a default export', () => {
  it('is told from a config with a mistake, whatever object CommonJS makes of it', async () => {
    expect(await issuesOf({ default: {} })).toEqual([': the file exports nothing, or an empty object'])
    expect(await issuesOf({ default: { config: stack() } })).toEqual([': the file exports config, but no default'])
    expect(await issuesOf({ default: { servces: { db: {} } } })).toEqual([])
    expect(await issuesOf({ default: () => ({}) })).toEqual([])
  })
})
