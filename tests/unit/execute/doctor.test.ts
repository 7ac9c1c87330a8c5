import { expect, test } from 'vitest'
import type { EngineFacts, MachineFacts, PostgresFacts, StackFacts } from '../../../src/execute/doctor/facts.ts'
import { judge } from '../../../src/execute/doctor/findings.ts'
import { namesUser } from '../../../src/execute/doctor/subordinate-ids.ts'
import type { EngineDescription } from '../../../src/runtime/runtime.ts'

const described: EngineDescription = {
  flavour: 'podman',
  version: '4.3.1',
  address: 'unix:///run/user/1000/podman/podman.sock',
  from: undefined,
  rootless: true,
  storage: '/home/me/.local/share/containers/storage',
  names: { network: 'netavark', program: 'aardvark-dns', there: true },
}
const podman: EngineFacts = {
  name: 'podman',
  version: 'podman version 4.3.1',
  described,
  storageFreeBytes: 50 * 1024 ** 3,
}
const server: PostgresFacts = {
  major: 17,
  dump: '/usr/lib/postgresql/17/bin/pg_dump',
  wasm: false,
  wasmWay: ['Or npm install it'],
}
const machine: MachineFacts = {
  node: '25.0.0',
  compileCache: false,
  platform: 'linux x64',
  root: false,
  engines: [podman],
  postgres: [server],
  freeBytes: 50 * 1024 ** 3,
  inotify: { watches: 524_288, instances: 512 },
  cgroups: 2,
  systemd: true,
  subordinate: { user: 'jo', uids: true, gids: true },
  firstOpenPort: 1024,
  proxies: [],
  noProxy: '',
  git: true,
}
const stack: StackFacts = {
  name: 'shop',
  runtime: { name: 'podman' },
  blocked: [],
  ports: [{ service: 'db', port: 5432 }],
  clocks: [],
}

const found = (facts: Partial<MachineFacts>, more: Partial<StackFacts> = {}) =>
  judge({ ...machine, ...facts }, { ...stack, ...more }).filter(({ level }) => level !== 'ok')

test('where all is well, all is told and nothing stands in the way', () => {
  expect(found({})).toEqual([])
  expect(judge(machine, stack).map(({ check }) => check)).toEqual(
    (
      'node node-permissions node-compile-cache podman podman-names podman-disk postgresql-17 postgresql-17-client ' +
      'system cgroups systemd git disk inotify config runtime ports'
    ).split(' '),
  )
})

test('without a config file it says so, and not that one can be read', () => {
  const [config] = judge(machine, { ...stack, conventional: true }).filter(({ check }) => check === 'config')
  expect(config).toMatchObject({ level: 'ok', message: expect.stringContaining('there is no config file') as string })
})

test.each([
  ['an old Node', { node: '20.18.1' }, 'node'],
  ['a full disk', { freeBytes: 1024 }, 'disk'],
])('%s stops up', (_name, facts, check) => {
  expect(found(facts)).toMatchObject([{ check, level: 'problem', stopsUp: true }])
})

test.each<[string, Partial<MachineFacts>, string]>([
  [
    'an engine that is not there',
    { engines: [{ name: 'docker', error: { code: 'RUNTIME_MISSING', message: 'none' } }] },
    'docker',
  ],
  ['no server of a version', { postgres: [{ ...server, major: 18, error: { message: 'none' } }] }, 'postgresql-18'],
  ['no pg_dump', { postgres: [{ ...server, dump: undefined }] }, 'postgresql-17-client'],
  ['a Node that leaves the network open', { node: '24.1.0' }, 'node-permissions'],
  ['an engine that says nothing of itself', { engines: [{ name: 'podman' }] }, 'podman'],
  ['a user who has no ids to give', { subordinate: { user: 'jo', uids: false, gids: true } }, 'subuid'],
  ['little room for images', { engines: [{ ...podman, storageFreeBytes: 1024 ** 3 }] }, 'podman-disk'],
  ['no systemd', { systemd: false }, 'systemd'],
  ['few watches', { inotify: { watches: 8192, instances: 512 } }, 'inotify'],
  ['a proxy for everything', { proxies: ['HTTP_PROXY'] }, 'proxy'],
  ['no git', { git: false }, 'git'],
  ['little room', { freeBytes: 1024 ** 3 }, 'disk'],
])('%s is worth to know, with its cause, and stops nothing', (_name, facts, check) => {
  expect(found(facts)).toMatchObject([{ check, level: 'note', cause: expect.any(String), stopsUp: false }])
})

test('on native, the programs of a declared version must be there', () => {
  const postgres = [{ ...server, major: 13, error: { message: 'none', hint: 'install them' } }]
  expect(found({ postgres }, { runtime: { name: 'native' } })).toMatchObject([
    { check: 'postgresql-13', level: 'problem', cause: 'none', remedy: 'install them', stopsUp: true },
  ])
})

test('a proxy that leaves this machine alone is well', () => {
  expect(found({ proxies: ['http_proxy'], noProxy: 'example.org, localhost' })).toEqual([])
})

test('what keeps up from working is told with its way out', () => {
  const error = { code: 'RUNTIME_MISSING', message: 'no engine', hint: 'install one' } as const
  expect(found({}, { runtime: { error } })).toMatchObject([
    { check: 'runtime', cause: 'no engine', remedy: 'install one', stopsUp: true },
  ])
  const blocked = [{ subject: 'service:db', message: 'port 5432 is held', remedy: 'stop it' }]
  expect(judge(machine, { ...stack, blocked }).map(({ check }) => check)).not.toContain('ports')
  expect(found({}, { blocked })).toMatchObject([{ check: 'plan', cause: 'port 5432 is held', stopsUp: true }])
  const broken = judge(machine, { code: 'CONFIG_INVALID', message: 'x: wrong', hint: 'mend it' })
  expect(broken.at(-1)).toMatchObject({ check: 'config', cause: 'x: wrong', remedy: 'mend it', stopsUp: true })
})

test('clocks that go wrong are told', () => {
  expect(found({}, { clocks: [{ service: 'db', skewMs: 100 }] })).toEqual([])
  expect(found({}, { clocks: [{ service: 'db', skewMs: -90_000 }] })).toMatchObject([
    { check: 'clock', message: 'the clock of db is 90.0 s behind' },
  ])
})

const engineWith = (changes: Partial<EngineDescription>, more: Partial<EngineFacts> = {}): Partial<MachineFacts> => ({
  engines: [{ ...podman, described: { ...described, ...changes }, ...more }],
})
const saying = (facts: Partial<MachineFacts>, check: string): string | undefined =>
  judge({ ...machine, ...facts }, stack).find((finding) => finding.check === check)?.message

test.each<[Partial<EngineDescription>, string]>([
  [{}, 'podman 4.3.1 answers at unix:///run/user/1000/podman/podman.sock, rootless'],
  [
    { from: 'CONTAINER_HOST', address: 'tcp://127.0.0.1:2375', rootless: false },
    'podman 4.3.1 answers at tcp://127.0.0.1:2375 (from CONTAINER_HOST), as root',
  ],
  [
    { address: undefined },
    'podman 4.3.1 answers, rootless; it offers no socket, so Poststack runs its service while it needs it',
  ],
])('an engine is told with its version, its place and its user: %j', (changes, message) => {
  expect(saying(engineWith(changes), 'podman')).toBe(message)
})

test('podman behind the socket of Docker is called so', () => {
  expect(saying(engineWith({}, { name: 'docker' }), 'docker')).toMatch(/^podman 4\.3\.1 in the place of docker answers/)
})

test.each([
  ['netavark', 'aardvark-dns'],
  ['cni', 'dnsname'],
] as const)('without names in networks of %s, services of the stack do not find each other', (network, program) => {
  const facts = engineWith({ names: { network, program, there: false } })
  const words = { check: 'podman-names', cause: expect.stringContaining(program), remedy: expect.any(String) }
  expect(found(facts)).toMatchObject([{ ...words, level: 'problem', stopsUp: false }])
  expect(found(facts, { runtime: { name: 'docker' } })).toMatchObject([{ ...words, level: 'note' }])
  expect(found(engineWith({ names: { network, program, there: undefined } }))).toEqual([])
  expect(found(engineWith({ names: undefined }))).toEqual([])
})

test('a full disk of the engine stops up where the stack is on that engine', () => {
  const full = { engines: [{ ...podman, storageFreeBytes: 1024 }] }
  expect(found(full)).toMatchObject([{ check: 'podman-disk', level: 'problem', stopsUp: true }])
  expect(found(full, { runtime: { name: 'native' } })).toMatchObject([{ check: 'podman-disk', stopsUp: false }])
})

test('a port that only root may have is refused to rootless podman and to a native server, and doubtful on rootless Docker', () => {
  const ports = [
    { service: 'web', port: 80 },
    { service: 'db', port: 5432 },
  ]
  const low = { check: 'low-port', cause: expect.any(String), remedy: expect.stringContaining('port_start=80') }
  expect(found({}, { ports })).toMatchObject([{ ...low, message: 'web cannot have port 80', stopsUp: true }])
  expect(found({}, { ports, runtime: { name: 'native' } })).toMatchObject([{ ...low, stopsUp: true }])
  const docker = { engines: [{ ...podman, name: 'docker' as const }] }
  expect(found(docker, { ports, runtime: { name: 'docker' } })).toMatchObject([{ ...low, stopsUp: false }])
  for (const facts of [engineWith({ rootless: false }), { firstOpenPort: 80 }, engineWith({ storage: undefined })])
    expect(found(facts, { ports })).toEqual([])
  expect(found({ root: true }, { ports, runtime: { name: 'native' } })).toEqual([])
})

test('who has no ids to give is told what to do, unless podman runs as root or elsewhere', () => {
  const subordinate = { user: 'jo', uids: false, gids: false }
  expect(found({ subordinate })).toMatchObject([
    {
      message: '/etc/subuid and /etc/subgid do not name jo',
      remedy: 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 jo && podman system migrate',
    },
  ])
  for (const changes of [{ rootless: false }, { from: 'CONTAINER_HOST' }])
    expect(found({ subordinate, ...engineWith(changes) })).toEqual([])
  const error = { code: 'RUNTIME_UNREACHABLE', message: 'it does not start' } as const
  const silent = { engines: [{ name: 'podman' as const, version: 'podman version 4.3.1', error }] }
  expect(found({ subordinate, ...silent }).map(({ check }) => check)).toEqual(['podman', 'subuid'])
})

test('ids are given to users by name or number', () => {
  const jo = { user: 'jo', uid: 1000 }
  expect(namesUser('root:1:5\njo:100000:65536\n', jo)).toBe(true)
  expect(namesUser('1000:100000:65536', jo)).toBe(true)
  for (const text of ['', 'joe:100000:65536', 'jo:100000:0', '# jo']) expect(namesUser(text, jo)).toBe(false)
})

test('what guards a config depends on Node', () => {
  const guard = (node: string): string | undefined => saying({ node }, 'node-permissions')
  expect(guard('25.0.0')).toBe('guarded configs may not write files, run programs or reach the network')
  expect(guard('22.13.0')).toBe('guarded configs may not write files or run programs, but may reach the network')
  expect(guard('20.19.0')).toMatch(
    /run programs \(this Node calls its guard an experiment\), but may reach the network$/,
  )
  expect(saying({ node: '20.19.0' }, 'node-compile-cache')).toMatch(/^no compile cache/)
  expect(saying({ compileCache: true }, 'node-compile-cache')).toBe('compile cache: NODE_COMPILE_CACHE is set')
})

test('without pg_dump the one in WebAssembly is named where it would do, and told where it is there', () => {
  const without = { ...server, dump: undefined }
  const remedy = expect.stringMatching(/^Install the client programs.*\nOr npm install it$/)
  expect(found({ postgres: [without] })).toMatchObject([{ remedy }])
  expect(found({ postgres: [{ ...without, wasm: true }] })).toMatchObject([
    { message: expect.stringContaining('WebAssembly'), remedy: expect.not.stringContaining('npm') },
  ])
})
