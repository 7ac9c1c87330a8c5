import { describe, expect, it } from 'vitest'
import { applyEnvironment } from '../../../src/config/environment/apply.ts'
import type { Variable } from '../../../src/config/environment/environment.ts'
import type { PlainValue } from '../../../src/config/serialize.ts'
import { isPoststackError } from '../../../src/errors.ts'

/** Variables of the process, and with `file` of `.env`, one on each line. */
function variables(own: Readonly<Record<string, string>>, file: Readonly<Record<string, string>> = {}) {
  const said = Object.entries(file).map(([name, value], index) => ({ name, value, file: '.env', line: index + 1 }))
  const all: readonly Variable[] = [...said, ...Object.entries(own).map(([name, value]) => ({ name, value }))]
  return { variables: new Map(all.map((variable) => [variable.name, variable])) }
}

const db = { kind: 'postgres', port: 5432, user: 'shop' }
const one: PlainValue = { name: 'shop', services: { db, web: { kind: 'container', image: 'web' } } }
const two: PlainValue = { services: { db, 'old-db': { kind: 'postgres' }, theirs: { kind: 'postgres', url: 'x' } } }

function mistakes(plain: PlainValue, ...said: Parameters<typeof variables>): string {
  try {
    applyEnvironment(plain, variables(...said))
  } catch (error) {
    if (isPoststackError(error) && error.code === 'ENV_INVALID') return error.message
    throw error
  }
  throw new Error('expected ENV_INVALID')
}

const port = (...said: Parameters<typeof variables>) =>
  applyEnvironment(one, variables(...said)).origins.get('services.db.port')?.value

describe('one PostgreSQL service', () => {
  it('gets what the variables say, and keeps the rest', () => {
    const { plain, origins, warnings } = applyEnvironment(
      one,
      variables(
        { POSTSTACK_POSTGRES_HOST_PORT: '5433', POSTSTACK_CONTAINER_RUNTIME: 'Podman' },
        { POSTSTACK_POSTGRES_CONTAINER_NAME: 'shop-pg', POSTSTACK_MIGRATIONS_PATH: './db/migrations' },
      ),
    )
    expect(plain).toEqual({
      name: 'shop',
      runtime: 'podman',
      services: {
        db: { ...db, port: 5433, containerName: 'shop-pg', migrations: './db/migrations' },
        web: { kind: 'container', image: 'web' },
      },
    })
    expect([...origins].map(([path, { file, line }]) => [path, file, line])).toEqual([
      ['runtime', undefined, undefined],
      ['services.db.port', undefined, undefined],
      ['services.db.containerName', '.env', 1],
      ['services.db.migrations', '.env', 2],
    ])
    expect(warnings).toEqual([])
    expect(one).toMatchObject({ services: { db: { port: 5432 } } })
  })

  it('has its own name as well; the process wins over the file, then the name that says more', () => {
    const [general, specific] = ['POSTSTACK_POSTGRES_HOST_PORT', 'POSTSTACK_DB_HOST_PORT']
    expect(port({ [general]: '1', [specific]: '2' })).toBe('2')
    expect(port({ [general]: '1' }, { [specific]: '2' })).toBe('1')
    expect(port({ [specific]: 'auto' }, { [general]: '1' })).toBe('auto')
  })

  it('may be called postgres', () => {
    const { plain } = applyEnvironment(
      { services: { postgres: { kind: 'postgres' }, db } },
      variables({ POSTSTACK_POSTGRES_HOST_PORT: '5433', POSTSTACK_DB_HOST_PORT: '5434' }),
    )
    expect(plain).toMatchObject({ services: { postgres: { port: 5433 }, db: { port: 5434 } } })
  })
})

describe('several PostgreSQL services', () => {
  it('have a name each', () => {
    const { plain } = applyEnvironment(
      two,
      variables({ POSTSTACK_OLD_DB_HOST_PORT: '5434', POSTSTACK_THEIRS_MIGRATIONS_PATH: './theirs' }),
    )
    expect(plain).toMatchObject({
      services: { db, 'old-db': { port: 5434 }, theirs: { url: 'x', migrations: './theirs' } },
    })
  })

  it('refuse the name that does not say which, and name the others', () => {
    expect(mistakes(two, {}, { POSTSTACK_POSTGRES_HOST_PORT: '5433' })).toBe(
      'POSTSTACK_POSTGRES_HOST_PORT (.env:1) does not say which of several PostgreSQL services it means: ' +
        'use POSTSTACK_DB_HOST_PORT or POSTSTACK_OLD_DB_HOST_PORT',
    )
    expect(mistakes(two, { POSTSTACK_MIGRATIONS_PATH: './db' })).toContain('or POSTSTACK_THEIRS_MIGRATIONS_PATH')
  })
})

describe('mistakes', () => {
  it('are told together, each with its place', () => {
    expect(
      mistakes(
        one,
        { POSTSTACK_CONTAINER_RUNTIME: 'dockr', POSTSTACK_LOG_DIR: '', POSTSTACK_LOG_LEVEL: 'DEBUGG' },
        { POSTSTACK_POSTGRES_HOST_PORT: '70000', POSTSTACK_POSTGRES_CONTAINER_NAME: '' },
      ),
    ).toMatchInlineSnapshot(`
      "5 variables are wrong:
        - POSTSTACK_POSTGRES_CONTAINER_NAME (.env:2) is empty
        - POSTSTACK_LOG_DIR (environment) is empty
        - POSTSTACK_CONTAINER_RUNTIME (environment) is "dockr": did you mean \`docker\`?
        - POSTSTACK_LOG_LEVEL (environment) is "DEBUGG": did you mean \`debug\`?
        - POSTSTACK_POSTGRES_HOST_PORT (.env:1) is "70000", not a whole number from 1 to 65535, or auto"
    `)
  })

  it('a database that is none, without showing it', () => {
    expect(mistakes(one, { POSTSTACK_DATABASE_URL: 'hush@db' })).toBe(
      'POSTSTACK_DATABASE_URL (environment) is not of the form `postgres://user:password@host:port/database`',
    )
    expect(() =>
      applyEnvironment(one, variables({ POSTSTACK_DATABASE_URL: 'postgres://me@/shop?host=/run' })),
    ).not.toThrow()
  })

  it.each(['0', '65536', '-1', '5433.5', '1e3', '0x10', ' 5433', 'Auto', '8080:80'])('port %j', (value) => {
    expect(mistakes(one, { POSTSTACK_POSTGRES_HOST_PORT: value })).toContain(
      'not a whole number from 1 to 65535, or auto',
    )
  })

  it('a variable that can be about nothing', () => {
    const web = { services: { web: { kind: 'container' } } }
    expect(mistakes(web, { POSTSTACK_POSTGRES_HOST_PORT: '5433' })).toContain(
      'the config declares no PostgreSQL service that the stack runs',
    )
    const theirs = { services: { db: { kind: 'postgres', url: 'x' } } }
    expect(mistakes(theirs, { POSTSTACK_DB_HOST_PORT: '5433' })).toContain('a database that somebody else runs')
  })

  it('a name that nobody knows is a warning, with what may be meant; one around us that resembles none is not', () => {
    const said = variables(
      { POSTSTACK_SOMEBODY_ELSES: 'x', POSTSTACK_MIGRATION_PATH: 'x' },
      { POSTSTACK_POSTGRES_PORT: '1', POSTSTACK_BD_HOST_PORT: '2', POSTSTACK_ELSEWHERE: 'x' },
    )
    expect(applyEnvironment(one, said)).toEqual({
      plain: one,
      origins: new Map(),
      warnings: [
        'POSTSTACK_POSTGRES_PORT (.env:1) is no variable of Poststack: did you mean POSTSTACK_POSTGRES_HOST_PORT?',
        'POSTSTACK_BD_HOST_PORT (.env:2) is no variable of Poststack: did you mean POSTSTACK_DB_HOST_PORT?',
        'POSTSTACK_ELSEWHERE (.env:3) is no variable of Poststack: it changes nothing',
        'POSTSTACK_MIGRATION_PATH (environment) is no variable of Poststack: did you mean POSTSTACK_MIGRATIONS_PATH?',
      ],
    })
  })

  it('a config that is none is left to who reads it', () => {
    expect(applyEnvironment(null, variables({})).plain).toBe(null)
  })
})
