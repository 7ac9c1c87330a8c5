import { describe, expect, it } from 'vitest'
import { container, defineConfig, postgres } from '../../../src/config/define.ts'
import { mergeLayers } from '../../../src/config/layers.ts'
import { serializeConfig } from '../../../src/config/serialize.ts'

const context = { env: {}, mode: 'test', cwd: '/p' }
const service = (...layers: readonly object[]) => {
  const merged = mergeLayers(layers.map((one) => ({ services: { a: { kind: 'container', ...one } } })))
  return (merged.plain as { services: { a: object } }).services.a
}

describe('layers', () => {
  it.each([
    ['a value is replaced', [{ user: 'a' }, { user: 'b' }], { user: 'b' }],
    ['a list is replaced', [{ command: ['a', 'b'] }, { command: ['c'] }], { command: ['c'] }],
    [
      'env is merged by key',
      [{ env: { A: '1', B: '2' } }, { env: { B: '3', C: '4' } }],
      { env: { A: '1', B: '3', C: '4' } },
    ],
    [
      'a reference is one value',
      [{ env: { A: { $ref: 'db.url' } } }, { env: { A: { $ref: 'x.url' } } }],
      { env: { A: { $ref: 'x.url' } } },
    ],
    [
      'ports are merged, and each by key',
      [{ ports: { h: { container: 80, host: 1 } } }, { ports: { h: { container: 80, host: 2 }, g: { container: 9 } } }],
      { ports: { h: { container: 80, host: 2 }, g: { container: 9 } } },
    ],
    [
      'build arguments are merged',
      [{ build: { context: '.', args: { A: '1' } } }, { build: { args: { B: '2' } } }],
      { build: { context: '.', args: { A: '1', B: '2' } } },
    ],
    ['a build takes the place of an image', [{ image: 'x', user: 'u' }, { build: {} }], { user: 'u', build: {} }],
    ['an image takes the place of a build', [{ build: { args: { A: '1' } } }, { image: 'x' }], { image: 'x' }],
    [
      'a probe is replaced as a whole',
      [{ ready: { http: 'h', path: '/' } }, { ready: { tcp: 'h' } }],
      { ready: { tcp: 'h' } },
    ],
    [
      'conditions are merged, lists are not',
      [{ dependsOn: { a: 'ready' } }, { dependsOn: { b: 'started' } }, { dependsOn: ['c'] }],
      { dependsOn: ['c'] },
    ],
  ])('%s', (_, layers, expected) => {
    expect(service(...layers)).toEqual({ kind: 'container', ...expected })
  })

  it('take hooks one by one', () => {
    const [early, late] = [{ file: '/p/a.ts' }, { file: '/p/b.ts', once: 'per-content' }]
    const { plain } = mergeLayers([
      { hooks: { beforeUp: early, afterMigrate: early } },
      { hooks: { afterMigrate: late } },
    ])
    expect(plain).toEqual({ hooks: { beforeUp: early, afterMigrate: late } })
  })

  it('replace a service of another kind, or of a database that is run elsewhere, and remember whose each value is', () => {
    const layers = [
      {
        name: 'base',
        services: {
          a: { kind: 'postgres', port: 1 },
          b: { kind: 'postgres', settings: { x: 1 } },
          url: { kind: 'postgres' },
        },
      },
      { services: { a: { kind: 'container', image: 'x' }, b: { kind: 'postgres', settings: { y: 2 } } } },
      { name: 'top', services: { b: { kind: 'postgres', url: 'postgres://h/d' } } },
    ]
    expect(mergeLayers(layers)).toEqual({
      plain: {
        name: 'top',
        services: {
          a: { kind: 'container', image: 'x' },
          b: { kind: 'postgres', url: 'postgres://h/d' },
          url: { kind: 'postgres' },
        },
      },
      values: {
        name: 2,
        'services.a.kind': 1,
        'services.a.image': 1,
        'services.b.kind': 2,
        'services.b.url': 2,
        'services.url.kind': 0,
      },
    })
    expect(mergeLayers(layers.slice(0, 2)).values).toMatchObject({
      'services.b.settings.x': 0,
      'services.b.settings.y': 1,
    })
  })

  it('are named by a config, as objects, functions or promises, and references lead to the service of that name', async () => {
    const db = postgres({ port: 1, migrations: './m' })
    const base = defineConfig({
      name: 'base',
      services: { db, web: container({ image: 'web', env: { URL: db.url } }) },
    })
    const byMode = defineConfig(({ mode }) => ({ name: mode, services: {} }))
    const top = defineConfig({ extends: [base, byMode], services: { db: postgres({ port: 2 }) } })
    const { plain, issues } = await serializeConfig(Promise.resolve(top), context)
    expect(issues).toEqual([])
    expect(plain).toEqual({
      name: 'test',
      services: {
        db: { kind: 'postgres', port: 2, migrations: './m' },
        web: { kind: 'container', image: 'web', env: { URL: { $ref: 'db.url' } } },
      },
    })
  })

  it('that are none, or extend themselves, are told with the rest', async () => {
    const self: Record<string, unknown> = { services: {} }
    self['extends'] = { services: {}, extends: [5, self] }
    const { issues } = await serializeConfig({ default: self }, context)
    expect(issues).toEqual([
      { path: ['extends', 'extends', 0], message: 'is a number, which is no config' },
      { path: ['extends', 'extends', 1], message: 'extends itself' },
    ])
  })
})
