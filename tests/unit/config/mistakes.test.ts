import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { isPoststackError } from '../../../src/errors.ts'
import { db, mistakes, services, web } from '../../support/mistakes.ts'

const range = (max: number, min = 1) => `expected a whole number from ${String(min)} to ${String(max)}`

describe('many mistakes', () => {
  it('are reported at once, parts and whole', async () => {
    const plain = {
      nam: 'x',
      services: {
        db: { kind: 'postgres', port: 0, versoin: 17 },
        web: { ...web, dependsOn: ['dbb', 'db'], env: { A: { $ref: 'db.url' } } },
        app: { kind: 'container', image: 'a', dependsOn: ['webb'], ports: { http: { container: 'x' } } },
      },
    }
    expect(await mistakes(plain)).toEqual([
      'nam: unknown key: did you mean `name`?',
      `services.db.port: ${range(65535)} | 0`,
      'services.db.versoin: unknown key: did you mean `version`?',
      `services.app.ports.http.container: ${range(65535)} | "x"`,
      'services.web.dependsOn[0]: there is no service `dbb`: did you mean `db`?',
      'services.app.dependsOn[0]: there is no service `webb`: did you mean `web`?',
    ])
  })

  it('in the words of compose are told with ours, each once', async () => {
    const healthcheck = { test: ['true'], interval: 5 }
    const composed = { ...web, environment: { A: 1 }, working_dir: '/', memory: '300m', healthcheck, tets: 1 }
    expect((await mistakes(services({ web: composed }))).map((line) => line.slice(13))).toEqual([
      'memory: expected a size such as `512MB`: a whole number with kB, MB or GB | "300m"',
      'healthcheck.test: unknown key: here it is `command`',
      'healthcheck.interval: unknown key: here it is `intervalSeconds`',
      'environment: unknown key: here it is `env`',
      'working_dir: unknown key: here it is `workdir`',
      expect.stringMatching(/^tets: unknown key: possible: /),
    ])
  })

  it('what services must agree on is told of services with other mistakes too, and nothing twice', async () => {
    const api = { kind: 'container', image: 5, ports: { http: { container: 0, host: 8080 } }, dependsOn: ['job', 7] }
    const job = { ...web, job: true, env: { A: { $ref: 'api.url:htp' }, B: [] }, dependsOn: { db: 'completed' } }
    const volumes = [{ volume: '', target: '/d' }, 5, { volume: 'b', target: '/d', readonly: true }]
    const cache = {
      ...web,
      ports: { http: { host: 8080 } },
      ready: { http: 'htp' },
      volumes,
      containerName: 'shop-job',
    }
    expect((await mistakes(services({ db: { ...db, version: 1 }, api, job, cache }))).map((line) => line.slice(9)))
      .toMatchInlineSnapshot(`
        [
          "db.version: expected a whole number from 13 to 18 | 1",
          "api.dependsOn[1]: expected a name: lower-case letters, digits and \`-\`, beginning with a letter, not ending with \`-\`, at most 40 characters | 7",
          "api.image: expected the name of an image | 5",
          "api.ports.http.container: expected a whole number from 1 to 65535 | 0",
          "job.env.B: expected a text, a number, true, false or a reference | []",
          "cache.ports.http.container: is missing: expected a whole number from 1 to 65535",
          "cache.volumes[0].volume: expected a name that every engine accepts: letters, digits, \`_\`, \`.\` and \`-\`, beginning with a letter or digit, at most 63 characters | """,
          "cache.volumes[1]: expected an object like { volume: 'data', target: '/data' }, { bind: './site', target: '/site' } or { tmpfs: '64MB', target: '/tmp' } | 5",
          "cache.volumes[2].readonly: unknown key: did you mean \`readOnly\`?",
          "job.dependsOn.db: a PostgreSQL service is never \`completed\`: possible: \`migrated\`, \`ready\`, \`started\` | "completed"",
          "job.env.A: \`api\` declares no port \`htp\`: did you mean \`http\`? | api.url('htp')",
          "cache.volumes[2].target: is the target of volumes[0] already | "/d"",
          "cache.ready.http: there is no port of that name: did you mean \`http\`? | "htp"",
          "api: waits for itself: api -> job -> api",
          "cache.ports.http.host: host port 8080 of 127.0.0.1 is taken by \`services.api.ports.http.host\` | 8080",
          "cache.containerName: is the name of \`job\`'s container already | "shop-job"",
        ]
      `)
  })

  it.each([
    ['a probe of a port that is wrong', { ready: { http: 'http' }, ports: { http: 80 } }, 'ports.http'],
    [
      'a probe of a host port that is wrong',
      { ready: { tcp: 'a' }, ports: { a: { container: 1, host: '1' } } },
      'ports.a.host',
    ],
    ['ports that are a list', { ready: { http: 'http' }, ports: [80] }, 'ports'],
    ['a protocol', { ports: { a: { container: 5432, host: 5432, protocol: 'udpp' } } }, 'ports.a.protocol'],
    ['an address', { ports: { a: { container: 5432, host: 5432, hostAddress: 'x' } } }, 'ports.a.hostAddress'],
    ['a job', { job: 'yes', ready: { log: 'x' } }, 'job'],
    ['an image', { image: '' }, 'image'],
    ['a name', { containerName: 'a/b' }, 'containerName'],
  ])('of %s only the cause is told', async (_, options, path) => {
    const app = { ...web, env: { A: { $ref: 'web.host' } }, dependsOn: { web: path === 'job' ? 'completed' : 'ready' } }
    const found = await mistakes(services({ web: { ...web, ...options }, db, app }))
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(new RegExp(`^services\\.web\\.${path}: expected`))
  })

  it('the message lists them with file, value and line', async () => {
    const text = 'const x = {\n  services: {\n    db: postgres({ prot: 1, version: 12 }), // version: 12\n  },\n}\n'
    const plain = { services: { db: { kind: 'postgres', prot: 1, version: 12 } } }
    const sources = [{ file: '/projects/shop/poststack.config.ts', text }]
    await expect(
      parseConfig(plain, { root: '/projects/shop', file: '/projects/shop/poststack.config.ts', sources }),
    ).rejects.toThrow(
      `poststack.config.ts has 2 mistakes:
  - services.db.version: expected a whole number from 13 to 18, found 12 (poststack.config.ts:3)
  - services.db.prot: unknown key: did you mean \`port\`? (poststack.config.ts:3)`,
    )
  })

  it.each([
    ['at its place', { web: { kind: 'container', image: 5 } }, ['services', 'web', 'image']],
    ['of a value that is missing', { web: { kind: 'container' } }, ['services', 'web', 'image']],
    ['around its place', { web: { ...web, env: { A: [null] } } }, ['services', 'web', 'env', 'A', 0]],
    ['of a service that should not be there', { db, again: db }, ['services', 'again']],
  ])('an early issue hides the echo %s', async (_, all, path) => {
    const options = { root: '/x', issues: [{ path, message: 'must be plain data' }] }
    const error: unknown = await parseConfig(services(all), options).catch((thrown: unknown) => thrown)
    expect(isPoststackError(error) && error.details['issues']).toMatchObject([{ message: 'must be plain data' }])
  })

  it('an early issue hides nothing else around its place', async () => {
    const issues = [{ path: ['services', 'web', 'env', 'A'], message: 'must be plain data' }]
    const wrong = services({ web: { kind: 'container', env: {} } })
    await expect(parseConfig(wrong, { root: '/x', issues })).rejects.toThrow('says neither `image` nor `build`')
  })
})
