import { expect, test } from 'vitest'
import { judge, type MachineFacts, type StackFacts } from '../../../src/execute/doctor/findings.ts'

const machine: MachineFacts = {
  node: '20.19.0',
  platform: 'linux x64',
  root: false,
  engines: [{ name: 'podman', version: 'podman version 4.3.1' }],
  postgres: [{ major: 17, dump: '/usr/lib/postgresql/17/bin/pg_dump' }],
  freeBytes: 50 * 1024 ** 3,
  inotify: { watches: 524_288, instances: 512 },
  cgroups: 2,
  systemd: true,
  proxies: [],
  noProxy: '',
  git: true,
}
const stack: StackFacts = { name: 'shop', runtime: { name: 'podman' }, blocked: [], clocks: [] }

const found = (facts: Partial<MachineFacts>, more: Partial<StackFacts> = {}) =>
  judge({ ...machine, ...facts }, { ...stack, ...more }).filter(({ level }) => level !== 'ok')

test('where all is well, all is told and nothing stands in the way', () => {
  expect(found({})).toEqual([])
  expect(judge(machine, stack).map(({ check }) => check)).toEqual(
    'node podman postgresql-17 postgresql-17-client system cgroups systemd git disk inotify config runtime'.split(' '),
  )
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
  ['no server of a version', { postgres: [{ major: 18, dump: 'x', error: { message: 'none' } }] }, 'postgresql-18'],
  ['no pg_dump', { postgres: [{ major: 18, dump: undefined }] }, 'postgresql-18-client'],
  ['no systemd', { systemd: false }, 'systemd'],
  ['few watches', { inotify: { watches: 8192, instances: 512 } }, 'inotify'],
  ['a proxy for everything', { proxies: ['HTTP_PROXY'] }, 'proxy'],
  ['no git', { git: false }, 'git'],
  ['little room', { freeBytes: 1024 ** 3 }, 'disk'],
])('%s is worth to know, with its cause, and stops nothing', (_name, facts, check) => {
  expect(found(facts)).toMatchObject([{ check, level: 'note', cause: expect.any(String), stopsUp: false }])
})

test('on native, the programs of a declared version must be there', () => {
  const postgres = [{ major: 13, dump: 'x', error: { message: 'none', hint: 'install them' } }]
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
