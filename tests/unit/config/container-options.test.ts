import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { bytesOf } from '../../../src/config/sizes.ts'

const root = '/projects/shop'
const web = { kind: 'container', image: 'web', ports: { http: { container: 80, host: 8080 } } }

async function parsed(options: object) {
  const { config, literals } = await parseConfig({ services: { web: { ...web, ...options } } }, { root })
  return { service: config.services[0], literals }
}

/** Path and message of every mistake. */
async function mistakes(options: object, others: object = {}): Promise<readonly string[]> {
  try {
    // As plain data are: what is undefined is not there.
    const plain: unknown = JSON.parse(JSON.stringify({ services: { web: { ...web, ...options }, ...others } }))
    const { fileProblem } = await parseConfig(plain, { root })
    const problem = fileProblem(['web'])
    if (problem !== undefined) throw problem
    return []
  } catch (error) {
    const { issues } = (error as { details: { issues: readonly { path: string; message: string }[] } }).details
    return issues.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('sizes', () => {
  it.each([
    ['512MB', 536_870_912],
    ['1 GB', 1_073_741_824],
    ['64kB', 65_536],
    ['64kb', 65_536],
    ['0MB', undefined],
    ['12', undefined],
    ['1.5GB', undefined],
    ['1TB', undefined],
    ['MB', undefined],
  ])('%s', (text, bytes) => {
    expect(bytesOf(text)).toBe(bytes)
  })
})

describe('what a container declares', () => {
  it('limits, labels and names are sorted and in bytes', async () => {
    const { service } = await parsed({
      memory: '64MB',
      cpus: 0.5,
      shmSize: '1GB',
      labels: { b: '2', a: '1' },
      aliases: ['www', 'api', 'www'],
      capAdd: ['SYS_TIME', 'NET_ADMIN'],
      extraHosts: { up: 'host-gateway' },
      volumes: [{ tmpfs: '8MB', target: '/scratch' }],
    })
    expect(service).toMatchObject({
      limits: { memoryBytes: 67_108_864, cpus: 0.5, shmBytes: 1_073_741_824 },
      labels: { a: '1', b: '2' },
      aliases: ['api', 'www'],
      capAdd: ['NET_ADMIN', 'SYS_TIME'],
      capDrop: [],
      extraHosts: { up: 'host-gateway' },
      mounts: [{ kind: 'tmpfs', bytes: 8_388_608, target: '/scratch' }],
      init: false,
      healthcheck: undefined,
    })
  })

  it('a health check is the probe, unless `ready` says another one', async () => {
    const healthcheck = { command: ['check'] }
    const full = { command: ['check'], intervalSeconds: 30, timeoutSeconds: 30, retries: 3, startSeconds: 0 }
    const alone = await parsed({ healthcheck })
    expect(alone.service).toMatchObject({ healthcheck: full, ready: { kind: 'exec', command: ['check'] } })
    const both = await parsed({ healthcheck, ready: { tcp: 'http' } })
    expect(both.service).toMatchObject({ healthcheck: full, ready: { kind: 'tcp' } })
    const off = await parsed({ healthcheck: false })
    expect(off.service).toMatchObject({ healthcheck: false, ready: { kind: 'running' } })
  })

  it('the password of a probe is a secret, and its database is the role by default', async () => {
    const { service, literals } = await parsed({ ready: { postgres: 'http', user: 'app', password: 'hunter22' } })
    expect(service).toMatchObject({
      ready: { kind: 'postgres', port: 'http', user: 'app', database: 'app', password: { name: 'web.ready.password' } },
    })
    expect(JSON.stringify(service)).not.toContain('hunter22')
    expect(literals).toEqual({ 'web.ready.password': 'hunter22' })
  })
})

describe('a build', () => {
  it('has its secrets beside it, and the platform of the container', async () => {
    const build = { dockerfile: 'D', secrets: { token: 'hunter22' }, cache: false, cacheFrom: ['a'] }
    const { config, literals } = await parseConfig(
      { services: { web: { kind: 'container', build, platform: 'linux/arm64' } } },
      { root },
    )
    const secrets = { token: { kind: 'secret', name: 'web.build.token', encoding: 'plain' } }
    expect(config.services[0]).toMatchObject({
      build: { dockerfile: '/projects/shop/D', platform: 'linux/arm64', secrets, cache: false, cacheFrom: ['a'] },
    })
    expect(literals).toEqual({ 'web.build.token': 'hunter22' })
  })

  it('without a Dockerfile has it in its own folder, or is a mistake', async () => {
    expect(await mistakes({ image: undefined, build: {} })).toEqual([
      'services.web.build: names no `dockerfile`, and there is none in containers/web/',
    ])
  })
})

describe('mistakes', () => {
  const at = 'services.web'
  const range =
    'expected one number: ranges and mappings cannot be declared, so give each port a name and an entry of its own'
  it.each<[string, object, readonly string[]]>([
    ['a range', { ports: { http: { container: '8000-8010' } } }, [`${at}.ports.http.container: ${range}`]],
    ['a mapping', { ports: { http: { container: 80, host: '127.0.0.1:80' } } }, [`${at}.ports.http.host: ${range}`]],
    [
      'a size without a unit',
      { shmSize: '64' },
      [`${at}.shmSize: expected a size such as \`512MB\`: a whole number with kB, MB or GB`],
    ],
    ['too little memory', { memory: '1MB' }, [`${at}.memory: expected at least 6MB, the least that engines accept`]],
    ['a share of none', { cpus: 0 }, [`${at}.cpus: expected a number from 0.01 to 1024`]],
    [
      'a label of ours',
      { labels: { 'dev.poststack.stack': 'x' } },
      [
        `${at}.labels["dev.poststack.stack"]: has a wrong name: expected a name of a label, not beginning with \`dev.poststack.\``,
      ],
    ],
    ['a signal by number', { stopSignal: '9' }, [`${at}.stopSignal: expected a name of a signal, such as SIGTERM`]],
    [
      'a host without an address',
      { extraHosts: { a: 'b' } },
      [`${at}.extraHosts.a: expected an IP address, or \`host-gateway\` for this machine`],
    ],
    [
      'a probe of a port that is not published',
      { ports: { pg: { container: 1 } }, ready: { postgres: 'pg' } },
      [
        `${at}.ready.postgres: port \`pg\` is not published: probes run from the host, so it needs a \`host\` port; or use \`exec\` or \`log\``,
      ],
    ],
    [
      'a health check without a command',
      { healthcheck: { retries: 2 } },
      [`${at}.healthcheck.command: is missing: expected a list of texts`],
    ],
  ])('%s', async (_, options, issues) => {
    expect(await mistakes(options)).toEqual(issues)
  })

  it('two services under one host name', async () => {
    const app = { kind: 'container', image: 'app', aliases: ['WWW'] }
    expect(await mistakes({ aliases: ['app', 'www'] }, { app })).toEqual([
      'services.web.aliases[0]: is a host name of `app` already',
      'services.app.aliases[0]: is a host name of `web` already',
    ])
  })
})
