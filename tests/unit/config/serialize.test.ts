/* oxlint-disable typescript/restrict-template-expressions -- references inside template strings are what is tested */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { container, defineConfig, postgres } from '../../../src/config/define.ts'
import { formatPath } from '../../../src/config/issues.ts'
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
      'services.web.readyTimeoutSeconds: must be plain data, but is NaN',
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

  it('options that are no object', async () => {
    expect(await issuesOf({ services: { db: postgres('17' as never) } })).toEqual([
      'services.db: postgres() takes an object of options, but was given a string',
    ])
  })

  it('never fails on any JSON, and gives it back unchanged', async () => {
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
