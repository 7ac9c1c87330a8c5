import { execFileSync } from 'node:child_process'
import { parseEnv } from 'node:util'
import { describe, expect, test } from 'vitest'

import type { ExternalServiceConfig } from '../../../src/config/types.ts'
import { addressesOf } from '../../../src/plan/status.ts'
import { formatVariables, hostVariables, withoutDatabase } from '../../../src/plan/variables.ts'
import { containerService, desiredOf, postgresService, stackConfig } from '../../support/memory-stack.ts'

const db = postgresService()
const port = { container: 80, hostAddress: '127.0.0.1', protocol: 'tcp' } as const
const remote: ExternalServiceConfig = {
  kind: 'external',
  name: 'remote',
  dependsOn: [],
  readyTimeoutMs: 30,
  host: '::1',
  port: 6432,
  user: 'app user',
  database: 'app',
  password: undefined,
  parameters: 'sslmode=require&application_name=x',
  migrations: undefined,
}
const secret = { kind: 'secret', name: 'db.password', encoding: 'plain' }
const url = (...secrets: readonly unknown[]): unknown => ({
  parts: ['postgresql://poststack', ...secrets, '@127.0.0.1:5432/poststack'],
})

describe('the variables for the host', () => {
  test('lead to the chosen database, and name the password', () => {
    const dbUrl = url(':', { ...secret, encoding: 'uri' })
    expect(hostVariables([db], db)).toEqual({
      DATABASE_URL: dbUrl,
      PGHOST: '127.0.0.1',
      PGPORT: '5432',
      PGUSER: 'poststack',
      PGPASSWORD: { parts: [secret] },
      PGDATABASE: 'poststack',
      DB_URL: dbUrl,
    })
  })

  test('name each database where none is chosen', () => {
    expect(Object.keys(hostVariables([db, postgresService({ name: 'read-model' })], undefined))).toEqual([
      'DB_URL',
      'READ_MODEL_URL',
    ])
  })

  test('of a service called database do not replace those of the chosen one', () => {
    const other = postgresService({ name: 'database', port: 6000 })
    expect(hostVariables([db, other], db)['DATABASE_URL']).toEqual(url(':', { ...secret, encoding: 'uri' }))
  })

  test('carry what a URL of an external database says of TLS, and no password where there is none', () => {
    expect(hostVariables([remote], remote)).toMatchObject({
      DATABASE_URL: { parts: ['postgresql://app%20user', '@[::1]:6432/app?sslmode=require&application_name=x'] },
      PGSSLMODE: 'require',
    })
    expect(hostVariables([remote], remote)).not.toHaveProperty('PGPASSWORD')
  })

  test('have one URL for a container with one port, and each for several; none for ports that are not published', () => {
    const web = containerService({ name: 'web', ports: [{ ...port, name: 'http', host: 8080 }] })
    const api = containerService({
      name: 'api',
      ports: [
        { ...port, name: 'metrics', host: 9100 },
        { ...port, name: 'app', host: 8081, hostAddress: '0.0.0.0' },
        { ...port, name: 'other', host: 8082 },
        { ...port, name: 'inside', host: undefined },
      ],
      ready: { kind: 'http', port: 'app', path: '/', status: undefined, body: undefined },
    })
    const reader = containerService({
      name: 'reader',
      env: { API: [{ kind: 'reference', service: 'api', property: 'url:other' }] },
    })
    const hidden = containerService({ name: 'hidden', ports: [{ ...port, name: 'http', host: undefined }] })
    // The same where people read it.
    const [shown] = desiredOf(stackConfig([api, reader])).services
    expect(shown === undefined ? [] : addressesOf(shown)).toEqual([
      'tcp://127.0.0.1:9100',
      'http://127.0.0.1:8081',
      'http://127.0.0.1:8082',
    ])
    expect(hostVariables([web, api, reader, hidden], undefined)).toEqual({
      WEB_URL: 'http://127.0.0.1:8080',
      API_URL: 'http://127.0.0.1:8081',
      API_METRICS_URL: 'tcp://127.0.0.1:9100',
      API_APP_URL: 'http://127.0.0.1:8081',
      API_OTHER_URL: 'http://127.0.0.1:8082',
    })
  })
})

describe('their forms', () => {
  const values = {
    PLAIN: 'postgresql://a:b@[::1]:5/x?sslmode=require',
    SPACE: 'two words # and a hash',
    QUOTE: "it's $HOME",
    DOUBLE: 'say "yes"',
    BOTH: `'"`,
    EMPTY: '',
  }

  test('dotenv is read back by Node as it was', () => {
    expect(parseEnv(formatVariables(values, 'dotenv'))).toEqual({ ...values })
    expect(formatVariables({ A: values.PLAIN }, 'dotenv')).toBe('A=postgresql://a:b@[::1]:5/x?sslmode=require\n')
  })

  test('shell is read back by a shell as it was', () => {
    const script = `${formatVariables(values, 'shell')}\nexec printenv BOTH QUOTE DOUBLE SPACE PLAIN`
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n')).toEqual([
      values.BOTH,
      values.QUOTE,
      values.DOUBLE,
      values.SPACE,
      values.PLAIN,
    ])
  })

  test('json is one object', () => {
    expect(JSON.parse(formatVariables(values, 'json'))).toEqual(values)
  })
})

test('what leads to another database is taken out of an environment', () => {
  expect(
    withoutDatabase({ PATH: '/bin', PGHOST: 'elsewhere', DATABASE_URL: 'x', PGSERVICE: 'x', PGAPPNAME: 'mine' }),
  ).toEqual({
    PATH: '/bin',
    PGAPPNAME: 'mine',
  })
})
