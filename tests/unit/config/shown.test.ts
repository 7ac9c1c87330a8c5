import { describe, expect, it } from 'vitest'
import { originOf } from '../../../src/config/origin.ts'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { asObject, pathText, shownValues } from '../../../src/config/shown.ts'

const plain = {
  name: 'shop',
  services: {
    db: { kind: 'postgres', port: 5433, password: 'hunter2-long', settings: { log_statement: 'all' } },
    web: {
      kind: 'container',
      image: 'web',
      command: ['serve', '--key', 'hunter2-long'],
      env: {
        URL: { $text: ['x=', { $ref: 'db.url' }] },
        HOST: { $ref: 'db.host' },
        API_TOKEN: 'tok',
        REDIS: 'redis://u:secretpw@r',
      },
    },
  },
}

const text = `import { container, env, postgres } from 'poststack'
const port = Number(env('DB_PORT', '5433'))
const db = postgres({ port, password: process.env['DB_PASSWORD'], settings: { log_statement: 'all' } })
export default {
  name: 'shop',
  services: { db, web: container({ image: 'web' }) },
}
`

async function shown() {
  const { config, literals } = await parseConfig(plain, { root: '/p' })
  return shownValues({ plain, config, literals })
}

describe('a config that is shown', () => {
  it('has what was declared, the defaults beside it, and no secret wherever it stands', async () => {
    const values = await shown()
    const lines = Object.fromEntries(values.map((one) => [pathText(one), one.value]))
    expect(lines).toMatchObject({
      name: 'shop',
      runtime: 'auto',
      'logs.level': 'info',
      'logs.folder': './logs',
      'services.db.port': 5433,
      'services.db.password': '***',
      'services.db.user': 'poststack',
      'services.db.version': 17,
      'services.db.settings.log_statement': 'all',
      'services.web.env.URL': 'x=${db.url}',
      'services.web.env.HOST': '${db.host}',
      'services.web.env.API_TOKEN': '***',
      'services.web.env.REDIS': 'redis://u:***@r',
      'services.web.command': ['serve', '--key', '***'],
      'services.web.dependsOn': ['db: ready'],
    })
    const all = JSON.stringify([values, asObject(values)])
    for (const secret of ['hunter2', 'tok"', 'secretpw']) expect(all).not.toContain(secret)
    expect(asObject(values)).toMatchObject({
      name: 'shop',
      services: { db: { port: 5433 }, web: { env: { HOST: '${db.host}' } } },
    })
  })

  it('says of each value where it comes from', async () => {
    const inputs = {
      files: [],
      candidates: [],
      packages: [],
      globs: [],
      variables: ['DB_PORT', 'DB_PASSWORD'],
      allVariables: false,
    }
    const sources = [{ file: '/p/poststack.config.ts', text }]
    const from = {
      root: '/p',
      file: '/p/poststack.config.ts',
      sources,
      inputs,
      environment: new Map(),
      flags: { runtime: '--runtime' },
    }
    const origins = Object.fromEntries((await shown()).map((one) => [pathText(one), originOf(one, from)]))
    const file = 'poststack.config.ts'
    expect(origins).toMatchObject({
      name: { kind: 'config', file, line: 5, column: 3 },
      runtime: { kind: 'flag', flag: '--runtime' },
      'services.db.port': { kind: 'config', file, line: 3, column: 23, variables: ['DB_PORT'] },
      'services.db.password': { kind: 'config', file, line: 3, column: 29, variables: ['DB_PASSWORD'] },
      'services.db.settings.log_statement': { kind: 'config', file, line: 3 },
      'services.db.user': { kind: 'default' },
      'services.web.image': { kind: 'config', file, line: 6 },
      'services.web.dependsOn': { kind: 'references' },
    })
    for (const path of ['services.db.settings.log_statement', 'services.db.kind'])
      expect(origins[path]).not.toHaveProperty('variables')
    const conventional = originOf(
      { path: ['services', 'db', 'port'], value: 1, isDeclared: true },
      { ...from, file: undefined },
    )
    expect(conventional).toEqual({ kind: 'conventions' })
  })
})
