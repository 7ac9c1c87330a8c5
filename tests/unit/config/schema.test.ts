import { describe, expect, it } from 'vitest'
import { db, mistakes, services, web } from '../../support/mistakes.ts'

const postgres = (options: object) => services({ db: { ...db, ...options } })
const container = (options: object) => services({ db, web: { ...web, ...options } })
const range = (max: number, min = 1) => `expected a whole number from ${String(min)} to ${String(max)}`

describe('one mistake', () => {
  const rows: readonly (readonly [string, unknown, string])[] = [
    ['an unknown key', { services: {}, nmae: 'x' }, 'nmae: unknown key: did you mean `name`?'],
    [
      'nothing near',
      { services: {}, zzzzz: 1 },
      'zzzzz: unknown key: possible: `name`, `runtime`, `hooks`, `profiles`, `logs`, `services`',
    ],
    ['no services', {}, 'services: is missing: expected an object like { db: postgres() }'],
    ['a mistyped services', { servces: {} }, 'servces: unknown key: did you mean `services`?'],
    [
      'a runtime',
      { services: {}, runtime: 'dokcer' },
      'runtime: expected one of auto, podman, docker, native: did you mean `docker`? | "dokcer"',
    ],
    [
      'a stack name',
      { services: {}, name: 'Shop_1' },
      'name: expected a name: lower-case letters, digits and `-`, beginning with a letter, not ending with `-`, at most 40 characters | "Shop_1"',
    ],
    [
      'a service name',
      services({ My_Svc: db }),
      'services.My_Svc: expected a name: lower-case letters, digits and `-`, beginning with a letter, not ending with `-`, at most 40 characters; for example `my-svc` | "My_Svc"',
    ],
    [
      'a service name that no other container could reach',
      services({ localhost: db }),
      'services.localhost: expected another name: every container takes this one for itself | "localhost"',
    ],
    [
      'a host name that no other container could reach',
      container({ aliases: ['LocalHost'] }),
      'services.web.aliases[0]: expected another name: every container takes this one for itself | "LocalHost"',
    ],
    [
      'a volume without its name',
      container({ volumes: [{ target: '/d' }] }),
      'services.web.volumes[0].volume: is missing: expected the name of a volume, or in its place `bind` with a path or `tmpfs` with a size',
    ],
    [
      'no service',
      services({ db: { version: 17 } }),
      'services.db: expected a service made with postgres(…) or container(…)',
    ],
    [
      'a kind',
      services({ db: { kind: 'postgre' } }),
      'services.db.kind: expected a service made with postgres(…) or container(…): did you mean `postgres`?',
    ],
    ['a key of postgres()', postgres({ prot: 5433 }), 'services.db.prot: unknown key: did you mean `port`?'],
    ['a type', postgres({ port: '5433' }), `services.db.port: ${range(65535)}, or 'auto' | "5433"`],
    ['a range', postgres({ port: 70000 }), `services.db.port: ${range(65535)} | 70000`],
    ['a fraction', postgres({ port: 1.5 }), `services.db.port: ${range(65535)} | 1.5`],
    ['a version', postgres({ version: 12 }), `services.db.version: ${range(18, 13)} | 12`],
    ['a time', postgres({ readyTimeoutSeconds: 0 }), `services.db.readyTimeoutSeconds: ${range(3600)} | 0`],
    [
      'a role',
      postgres({ user: 'pg_me' }),
      'services.db.user: expected 1 to 63 bytes, not beginning with `pg_` | "pg_me"',
    ],
    [
      'a long database',
      postgres({ database: 'ä'.repeat(32) }),
      `services.db.database: expected 1 to 63 bytes | "${'ä'.repeat(32)}"`,
    ],
    [
      'an empty password',
      postgres({ password: '' }),
      'services.db.password: expected a text that is not empty, without control characters | "***"',
    ],
    [
      'a setting',
      postgres({ settings: { 'shared-buffers': 1 } }),
      'services.db.settings.shared-buffers: has a wrong name: expected a name of a server setting',
    ],
    [
      'a container name',
      postgres({ containerName: '-db' }),
      'services.db.containerName: expected a name that every engine accepts: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 63 characters | "-db"',
    ],
    [
      'an address',
      postgres({ hostAddress: 'localhost' }),
      'services.db.hostAddress: expected an IP address of this machine | "localhost"',
    ],
    [
      'a URL',
      postgres({ url: 'mysql://x' }),
      'services.db.url: expected `postgres://user:password@host:port/database` | "mysql://x"',
    ],
    [
      'an option beside url',
      postgres({ url: 'postgres://u@h/d', port: 1 }),
      'services.db.port: does not go together with `url`: that database is run by somebody else',
    ],
    [
      'a password in a bad URL',
      postgres({ url: 'postgres://u:geheim@h:99999/d' }),
      'services.db.url: is not a valid URL; in user and password write `@ : / ? # %` percent-encoded (`@` is `%40`) | "postgres://u:***@h:99999/d"',
    ],
    [
      'neither image nor build',
      services({ web: { kind: 'container' } }),
      'services.web: says neither `image` nor `build`; exactly one of them is needed',
    ],
    [
      'both',
      container({ build: { dockerfile: 'D' } }),
      'services.web: says both `image` and `build`; exactly one of them is needed',
    ],
    [
      'a key of build',
      services({ web: { kind: 'container', build: { dockerFile: 'D' } } }),
      'services.web.build.dockerFile: unknown key: did you mean `dockerfile`?',
    ],
    [
      'a port',
      container({ ports: { http: { container: 80, host: 0 } } }),
      `services.web.ports.http.host: ${range(65535)} | 0`,
    ],
    [
      'a missing port',
      container({ ports: { http: { host: 80 } } }),
      `services.web.ports.http.container: is missing: ${range(65535)}`,
    ],
    [
      'a restart policy',
      container({ restart: 'allways' }),
      'services.web.restart: expected one of no, always, unless-stopped, on-failure: did you mean `always`? | "allways"',
    ],
    [
      'a variable name',
      container({ env: { 'A=B': '' } }),
      'services.web.env["A=B"]: has a wrong name: expected a name of a variable, without `=`',
    ],
    [
      'a variable',
      container({ env: { A: null } }),
      'services.web.env.A: expected a text, a number, true, false or a reference | null',
    ],
    [
      'a secret variable',
      container({ env: { API_KEY: ['abc'] } }),
      'services.web.env.API_KEY: expected a text, a number, true, false or a reference | "***"',
    ],
    ['a probe', container({ ready: { htp: 'http' } }), 'services.web.ready.htp: unknown key: did you mean `http`?'],
    [
      'a probe path',
      container({ ready: { http: 'http', path: 'x' }, ports: { http: { container: 1, host: 1 } } }),
      'services.web.ready.path: expected a path beginning with `/` | "x"',
    ],
    [
      'a log pattern',
      container({ ready: { log: '(' } }),
      'services.web.ready.log: expected a JavaScript regular expression: Unterminated group | "("',
    ],
    [
      'a probe of an unknown port',
      container({ ready: { http: 'web' }, ports: { http: { container: 80, host: 80 } } }),
      'services.web.ready.http: there is no port of that name: possible: `http` | "web"',
    ],
    [
      'a probe of a port that is not published',
      container({ ready: { tcp: 'http' }, ports: { http: { container: 80 } } }),
      'services.web.ready.tcp: port `http` is not published: probes run from the host, so it needs a `host` port; or use `exec` or `log`',
    ],
    [
      'a probe over udp',
      container({ ready: { tcp: 'dns' }, ports: { dns: { container: 53, host: 53, protocol: 'udp' } } }),
      'services.web.ready.tcp: port `dns` is udp; tcp needs tcp',
    ],
    [
      'a volume target',
      container({ volumes: [{ volume: 'a', target: 'data' }] }),
      'services.web.volumes[0].target: expected an absolute path inside the container, other than `/` | "data"',
    ],
    [
      'a volume key',
      container({ volumes: [{ bind: './a', target: '/a', readonly: true }] }),
      'services.web.volumes[0].readonly: unknown key: did you mean `readOnly`?',
    ],
    [
      'a target twice',
      container({
        volumes: [
          { volume: 'a', target: '/d' },
          { bind: 'b', target: '/d/' },
        ],
      }),
      'services.web.volumes[1].target: is the target of volumes[0] already | "/d/"',
    ],
    [
      'an unknown dependency',
      container({ dependsOn: ['dv'] }),
      'services.web.dependsOn[0]: there is no service `dv`: did you mean `db`?',
    ],
    [
      'itself as a dependency',
      container({ dependsOn: ['web'] }),
      'services.web.dependsOn[0]: a service cannot wait for itself',
    ],
    [
      'an unknown condition',
      container({ dependsOn: { db: 'redy' } }),
      'services.web.dependsOn.db: expected one of started, ready, migrated, completed: did you mean `ready`? | "redy"',
    ],
    [
      'a condition that never comes',
      container({ dependsOn: { db: 'completed' } }),
      'services.web.dependsOn.db: a PostgreSQL service is never `completed`: possible: `migrated`, `ready`, `started` | "completed"',
    ],
    [
      'a job with ready',
      container({ job: true, ready: { exec: ['x'] } }),
      'services.web.ready: a job is done when it ends with exit code 0; it cannot have `ready`',
    ],
    [
      'a job for ever',
      container({ job: true, restart: 'always' }),
      'services.web.restart: a job ends, so it cannot be restarted for ever; possible: `no`, `on-failure` | "always"',
    ],
    [
      'an unknown property',
      container({ env: { A: { $ref: 'db.urll' } } }),
      'services.web.env.A: `db` has no `urll`: did you mean `url`? | db.urll',
    ],
    [
      'a reference to no service',
      container({ env: { A: { $ref: 'dbb.url' } } }),
      'services.web.env.A: refers to `dbb`, which is no service: did you mean `db`? | dbb.url',
    ],
    [
      'a reference to itself',
      container({ env: { A: { $ref: 'web.host' } } }),
      'services.web.env.A: refers to its own service | web.host',
    ],
  ]
  it.each(rows)('%s', async (_, plain, line) => {
    expect(await mistakes(plain)).toEqual([line])
  })

  it('a port that the other container does not declare', async () => {
    const app = { kind: 'container', image: 'a', env: { A: { $ref: 'web.url:htp' } } }
    const ports = { http: { container: 80 } }
    expect(await mistakes(services({ app, web: { ...web, ports } }))).toEqual([
      "services.app.env.A: `web` declares no port `htp`: did you mean `http`? | web.url('htp')",
    ])
  })

  it.each([
    ['ready of a job', { ...web, job: true }, 'ready', 'a job is never `ready`: possible: `completed`, `started`'],
    ['migrated of a container', web, 'migrated', 'a container is never `migrated`: possible: `ready`, `started`'],
    [
      'started of an external database',
      { kind: 'postgres', url: 'postgres://u@h' },
      'started',
      'an external database is never `started`: possible: `migrated`, `ready`',
    ],
  ])('%s', async (_, target, condition, message) => {
    const app = { kind: 'container', image: 'a', dependsOn: { web: condition } }
    expect(await mistakes(services({ app, web: target }))).toEqual([
      `services.app.dependsOn.web: ${message} | "${condition}"`,
    ])
  })

  it('a job or an external database without a password as the target of a reference', async () => {
    const app = { kind: 'container', image: 'a', env: { A: { $ref: 'web.host' }, B: { $ref: 'db.password' } } }
    expect(
      await mistakes(services({ app, web: { ...web, job: true }, db: { kind: 'postgres', url: 'postgres://u@h' } })),
    ).toEqual([
      'services.app.env.A: refers to `web`, a job: once it is done it has no address | web.host',
      'services.app.env.B: refers to the password of `db`, but its `url` names none | db.password',
    ])
  })
})

describe('between services', () => {
  it('a cycle is named, from explicit edges and from references', async () => {
    const a = { ...web, dependsOn: ['b'] }
    const b = { ...web, env: { C: { $ref: 'c.host' } } }
    const c = { ...web, dependsOn: { a: 'started' } }
    expect(await mistakes(services({ c, b, a }))).toEqual(['services.a: waits for itself: a -> b -> c -> a'])
  })

  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '0.0.0.0', true],
    ['::', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
  ])('one host port on %s and %s', async (first, second, isTaken) => {
    const ports = { http: { container: 80, host: 5432, hostAddress: second } }
    const found = await mistakes(services({ db: { ...db, hostAddress: first }, web: { ...web, ports } }))
    expect(found).toHaveLength(isTaken ? 1 : 0)
    if (isTaken)
      expect(found[0]).toContain(
        `services.web.ports.http.host: host port 5432 of ${second} is taken by \`services.db.port\``,
      )
  })

  it('tcp and udp share a number', async () => {
    const ports = { a: { container: 53, host: 53 }, b: { container: 53, host: 53, protocol: 'udp' } }
    expect(await mistakes(container({ ports }))).toEqual([])
  })

  it('two containers of one name, also by default', async () => {
    const again = { ...web, containerName: 'shop-db' }
    expect(await mistakes(services({ db, web: again }))).toEqual([
      'services.web.containerName: is the name of `db`\'s container already | "shop-db"',
    ])
  })
})

describe('a setting', () => {
  it.each([
    [{ port: 1234 }, 'port: cannot be set here: use `port` of the service'],
    [{ LISTEN_addresses: '*' }, 'LISTEN_addresses: cannot be set here: use `hostAddress` of the service'],
    [{ data_directory: '/d' }, 'data_directory: cannot be set here: the data are kept in a volume'],
    [{ unix_socket_directories: '/s' }, 'unix_socket_directories: cannot be set here: the programs of the image'],
    [{ hba_file: '/h' }, "hba_file: cannot be set here: Poststack's image has no such file"],
  ])('%j would leave a server that nobody finds', async (settings, line) => {
    const found = await mistakes(postgres({ settings: { work_mem: '8MB', ...settings } }))
    expect(found).toEqual([expect.stringContaining(`services.db.settings.${line}`)])
  })

  it('may name a file that an image of its own has', async () => {
    expect(await mistakes(postgres({ image: 'own', settings: { config_file: '/etc/p.conf' } }))).toEqual([])
  })
})
