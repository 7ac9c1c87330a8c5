import { describe, expect, it } from 'vitest'
import { composePostgres, leftOfCompose } from '../../../src/config/starter/compose.ts'
import { starterText, usualChoices, type StarterFacts } from '../../../src/config/starter/starter.ts'

const empty: StarterFacts = { name: 'shop', images: [], left: [], variables: {}, isConventional: false }
const text = (facts: Partial<StarterFacts>): string => {
  const all = { ...empty, ...facts }
  return starterText(all, usualChoices(all))
}

const compose = (service: object) =>
  composePostgres('compose.yaml', { services: { web: { image: 'web' }, pg: service } })

describe('a first config', () => {
  it('of an empty folder', () => {
    expect(text({})).toMatchInlineSnapshot(`
      "import { defineConfig, postgres } from 'poststack'

      // The stack: \`poststack up\` makes it so, \`poststack plan\` shows what it would do.
      export default defineConfig({
        // Prefix of the containers, volumes and network.
        name: 'shop',
        services: {
          db: postgres({
            version: 17,
            // A free port, which stays the same; or a number.
            port: 'auto',
            // Made by: poststack database new "create users"
            // migrations: './migrations',
          }),
        },
      })
      "
    `)
  })

  it('of all that can be found', () => {
    expect(
      text({
        migrations: './migrations',
        images: [{ folder: 'web', port: 8080 }, { folder: 'worker-2' }],
        compose: {
          file: 'compose.yaml',
          service: 'pg',
          version: 16,
          image: 'docker.io/postgis/postgis:16-3.4',
          port: 5433,
          user: "o'neil",
          database: 'shop',
          hasPassword: true,
        },
        variables: { port: '5434', containerName: 'shop-pg' },
      }),
    ).toMatchInlineSnapshot(`
      "import { defineConfig, postgres } from 'poststack'

      // The stack: \`poststack up\` makes it so, \`poststack plan\` shows what it would do.
      export default defineConfig({
        // Prefix of the containers, volumes and network.
        name: 'shop',
        services: {
          pg: postgres({
            // As service pg of compose.yaml has it.
            version: 16,
            image: 'docker.io/postgis/postgis:16-3.4',
            // POSTSTACK_POSTGRES_HOST_PORT in .env wins over it.
            port: 5434,
            containerName: 'shop-pg',
            user: 'o\\'neil',
            database: 'shop',
            // Without one it is generated, and kept out of every file that is shared.
            // password: process.env['POSTGRES_PASSWORD'],
            migrations: './migrations',
          }),
          // \`poststack container build-project\` builds these. To run one as well, import \`container\`, too:
          // web: container({ build: {}, ports: { http: { container: 8080, host: 'auto' } } }),
          // 'worker-2': container({ build: {} }),
        },
      })
      "
    `)
  })

  const existing = { variable: 'DATABASE_URL', database: "shop's\n", host: 'db.example', port: 5432 }

  it('says how to use a database that .env names, and does not by itself', () => {
    expect(text({ existing })).toMatchInlineSnapshot(`
      "import { defineConfig, postgres } from 'poststack'

      // The stack: \`poststack up\` makes it so, \`poststack plan\` shows what it would do.
      export default defineConfig({
        // Prefix of the containers, volumes and network.
        name: 'shop',
        services: {
          // DATABASE_URL in .env names database shop's? at db.example:5432. For that one instead of a server of the stack's own:
          // import \`env\` and \`readText\`, too, and \`parseEnv\` from 'node:util', and write
          // db: postgres({ url: env('DATABASE_URL', parseEnv(readText('.env'))['DATABASE_URL']), migrations: './migrations' }),
          db: postgres({
            version: 17,
            // A free port, which stays the same; or a number.
            port: 'auto',
            // Made by: poststack database new "create users"
            // migrations: './migrations',
          }),
        },
      })
      "
    `)
  })

  it('uses that database when it is wanted', () => {
    const all = { ...empty, existing, migrations: './migrations' }
    expect(starterText(all, { ...usualChoices(all), usesExisting: true })).toMatchInlineSnapshot(`
      "import { parseEnv } from 'node:util'
      import { defineConfig, env, postgres, readText } from 'poststack'

      // The stack: \`poststack up\` makes it so, \`poststack plan\` shows what it would do.
      export default defineConfig({
        // Prefix of the containers, volumes and network.
        name: 'shop',
        services: {
          db: postgres({
            // database shop's? at db.example:5432: it is migrated, and never created, stopped or deleted.
            url: env('DATABASE_URL', parseEnv(readText('.env'))['DATABASE_URL']),
            migrations: './migrations',
          }),
        },
      })
      "
    `)
  })

  it('of a project that has run without one keeps the names, and with them the data', () => {
    const said = text({ isConventional: true })
    expect(said).toContain(
      "postgres: postgres({\n      version: 17,\n      port: 5432,\n      containerName: 'poststack-postgres',",
    )
  })
})

describe('a compose file', () => {
  const unsaid = { user: 'postgres', database: 'postgres' }

  it.each([
    [{ image: 'postgres:16-alpine' }, { version: 16 }],
    [{ image: 'postgres' }, {}],
    [{ image: 'docker.io/library/postgres:17.4@sha256:00' }, { version: 17 }],
    [{ image: 'postgis/postgis:16-3.4' }, { version: 16, image: 'docker.io/postgis/postgis:16-3.4' }],
    [{ image: 'pgvector/pgvector:pg17' }, { version: 17, image: 'docker.io/pgvector/pgvector:pg17' }],
    [{ image: 'ghcr.io/x/timescaledb:2.17.2-pg16' }, { version: 16, image: 'ghcr.io/x/timescaledb:2.17.2-pg16' }],
    [{ image: 'postgis/postgis:latest' }, {}],
    [{ image: 'postgres:${PG:-15}' }, { version: 15 }],
  ])('%j', (service, facts) => {
    expect(compose(service)).toEqual({ ...unsaid, file: 'compose.yaml', service: 'pg', hasPassword: false, ...facts })
  })

  it.each([
    [{ ports: ['5433:5432'] }, { port: 5433 }],
    [{ ports: ['127.0.0.1:5434:5432/tcp'] }, { port: 5434 }],
    [{ ports: [{ target: 5432, published: '5435' }] }, { port: 5435 }],
    [{ ports: [{ target: 5432, published: '${PORT:-5437}' }] }, { port: 5437 }],
    [{ ports: ['${PORT:-5436}:5432'] }, { port: 5436 }],
    [{ ports: ['${PORT}:5432', '5432', '99999:5432'] }, {}],
    [{ environment: { POSTGRES_PASSWORD: 'example' } }, { hasPassword: true }],
    [{ environment: { POSTGRES_DB: 'shop' } }, { database: 'shop' }],
    [{ env_file: 'db.env' }, { user: undefined, database: undefined }],
    [
      { environment: { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'x' } },
      { user: 'shop', database: 'shop', hasPassword: true },
    ],
    [{ environment: ['POSTGRES_DB=store', 'POSTGRES_USER=${USER}'] }, { user: undefined, database: 'store' }],
    [{ environment: ['POSTGRES_USER=pg_bad'] }, { user: undefined, database: undefined }],
  ])('%j', (more, facts) => {
    expect(compose({ image: 'postgres:17', ...more })).toEqual({
      file: 'compose.yaml',
      service: 'pg',
      version: 17,
      ...unsaid,
      hasPassword: false,
      ...facts,
    })
  })

  it.each([
    undefined,
    null,
    1,
    {},
    { services: [] },
    { services: { a: null, b: { image: 'redis' }, c: { image: 1 } } },
  ])('%j has none', (value) => {
    expect(composePostgres('compose.yaml', value)).toBeUndefined()
  })

  it('what of it is not taken over is told', () => {
    const file = {
      services: {
        web: { image: 'web' },
        pg: {
          image: 'postgres:latest',
          ports: ['${PORT}:5432', '5433:5432', { target: 9187, published: '9187' }],
          environment: { POSTGRES_USER: 'shop', POSTGRES_DB: '${DB}', POSTGRES_PASSWORD: 'hush', TZ: 'UTC' },
          volumes: ['data:/var/lib/postgresql/data'],
        },
        cache: { image: 'redis' },
      },
    }
    expect(leftOfCompose('compose.yaml', file, composePostgres('compose.yaml', file))).toEqual([
      'compose.yaml: services web, cache',
      'compose.yaml, service pg: image postgres:latest (its tag names no version from 13 to 18), port ${PORT}:5432, port 9187:9187, variable POSTGRES_DB, variable POSTGRES_PASSWORD, variable TZ, volumes',
    ])
    const whole = { services: { pg: { image: 'postgres:17', ports: ['5433:5432'] } } }
    expect(leftOfCompose('compose.yaml', whole, composePostgres('compose.yaml', whole))).toEqual([])
    const none = { services: { web: { image: 'web' } } }
    expect(leftOfCompose('compose.yaml', none, undefined)).toEqual([
      'compose.yaml: no service of it has an image of PostgreSQL',
      'compose.yaml: service web',
    ])
    expect(leftOfCompose('compose.yaml', 1, undefined)).toEqual(['compose.yaml: it has no services'])
  })
})
