import { expect, test } from 'vitest'
import { label } from '../../../src/plan/labels.ts'
import {
  containerFromInspect,
  containerFromList,
  imageFrom,
  volumeFrom,
} from '../../../src/runtime/container/inspect.ts'
import { carriesLabels, ownerOf } from '../../../src/runtime/labels.ts'
import { portsClash } from '../../../src/plan/reconcile/held-ports.ts'

const ours = {
  [label.stack]: 'shop',
  [label.project]: 'abc',
  [label.root]: '/home/dev/shop',
  [label.service]: 'db',
  [label.spec]: '{"image":"postgres"}',
}

function listed(changes: Record<string, unknown>) {
  return containerFromList({
    Id: 'one',
    Names: ['/shop-db'],
    ImageID: 'a'.repeat(64),
    State: 'running',
    Status: 'Up 1 second',
    Labels: ours,
    Ports: [],
    ...changes,
  })
}

test.each([
  ['created', 'created'],
  ['configured', 'created'],
  ['initialized', 'created'],
  ['running', 'running'],
  ['stopping', 'running'],
  ['exited', 'exited'],
  ['stopped', 'exited'],
  ['restarting', 'restarting'],
  ['paused', 'paused'],
  ['removing', 'dead'],
  ['Running', 'running'],
])('the state "%s" of an engine is %s', (State, state) => {
  expect(listed({ State }).state).toBe(state)
})

test('the exit code of a list is read from its status, and only when the process has ended', () => {
  expect(listed({ State: 'exited', Status: 'Exited (137) 2 hours ago' }).exitCode).toBe(137)
  expect(listed({ State: 'exited', Status: 'Exited' }).exitCode).toBeUndefined()
  expect(listed({ State: 'running', Status: 'Up (1) hour' }).exitCode).toBeUndefined()
})

test('ports of podman that only wait for a start are not held', () => {
  const Ports = [{ IP: '127.0.0.1', PrivatePort: 5432, PublicPort: 5433, Type: 'tcp' }]
  expect(listed({ State: 'created', Ports }).ports).toEqual([])
  expect(listed({ State: 'running', Ports }).ports).toEqual([{ host: 5433, hostAddress: '127.0.0.1' }])
})

function inspected(Status: string, Pid: number) {
  return containerFromInspect({
    Id: 'one',
    Name: '/shop-db',
    Image: 'a'.repeat(64),
    Config: { Labels: ours },
    State: { Status, Pid, ExitCode: 0 },
    NetworkSettings: { Ports: { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '5433' }] } },
  })
}

test('ports are held by a container of podman whose start was cut off before its program ran', () => {
  expect(inspected('created', 4711)).toMatchObject({
    state: 'created',
    ports: [{ host: 5433, hostAddress: '127.0.0.1' }],
  })
  expect(inspected('created', 0).ports).toEqual([])
  expect(inspected('exited', 0).ports).toEqual([])
})

test('ports are each once and sorted, without those that are not published, and no address means all', () => {
  const Ports = [
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'udp' },
    { PrivatePort: 443, Type: 'tcp' },
    { IP: '127.0.0.1', PrivatePort: 22, PublicPort: 2222, Type: 'tcp' },
  ]
  expect(listed({ Ports }).ports).toEqual([
    { host: 2222, hostAddress: '127.0.0.1' },
    { host: 8080, hostAddress: '0.0.0.0' },
    { host: 8080, hostAddress: '0.0.0.0', protocol: 'udp' },
    { host: 8080, hostAddress: '::' },
  ])
})

test('a list and an inspection of one container give the same record', () => {
  const one = containerFromInspect({
    Id: 'one',
    Name: '/shop-db',
    Image: `sha256:${'a'.repeat(64)}`,
    State: { Status: 'running', ExitCode: 0 },
    Config: { Labels: ours },
    NetworkSettings: {
      Ports: {
        '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '5433' }],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5433' }],
        '80/tcp': null,
      },
    },
  })
  const Ports = [
    { IP: '127.0.0.1', PrivatePort: 5432, PublicPort: 5433, Type: 'tcp' },
    { IP: '127.0.0.1', PrivatePort: 53, PublicPort: 5433, Type: 'udp' },
  ]
  expect(one).toEqual(listed({ Ports }))
})

test('a container that only inherited labels from its image is nobody of ours', () => {
  const { [label.service]: _, ...inherited } = ours
  expect(listed({ Labels: inherited })).toMatchObject({ owner: undefined, service: undefined, spec: undefined })
})

test('a spec that cannot be read is absent, and the container stays ours', () => {
  for (const spec of ['not json', '[]', 'null', '"text"'])
    expect(listed({ Labels: { ...ours, [label.spec]: spec } })).toMatchObject({ service: 'db', spec: undefined })
})

test('an owner needs a stack and a project', () => {
  expect(ownerOf(ours)).toEqual({ stack: 'shop', project: 'abc', root: '/home/dev/shop' })
  expect(ownerOf({ [label.stack]: 'shop' })).toBeUndefined()
  expect(ownerOf({ [label.stack]: '', [label.project]: 'abc' })).toBeUndefined()
})

test('labels that the engine added do not matter, a missing one does', () => {
  expect(carriesLabels({ a: '1', b: '2' }, { a: '1' })).toBe(true)
  expect(carriesLabels({ a: '1' }, { a: '1', b: '2' })).toBe(false)
  expect(carriesLabels({ a: '2' }, { a: '1' })).toBe(false)
})

test('an image has the name that was asked for, and one id whatever the version of podman', () => {
  const answer = { Id: 'b'.repeat(64), Config: { Labels: { [label.fingerprint]: 'f1' } } }
  expect(imageFrom('shop/web', answer, 'podman')).toEqual({
    ref: 'shop/web',
    id: `sha256:${'b'.repeat(64)}`,
    fingerprint: 'f1',
  })
  expect(imageFrom('shop/web', { Id: 'sha256:c', Config: { Labels: null } }, 'podman').fingerprint).toBeUndefined()
})

const majorOf = (Env: unknown) => imageFrom('pg', { Id: 'sha256:c', Config: { Env } }, 'podman').postgres

test('an image of PostgreSQL says which major version it is of, as the official one does', () => {
  expect(majorOf(['PATH=/bin', 'PG_MAJOR=17'])).toBe(17)
  for (const none of [['A=1'], null]) expect(majorOf(none)).toBeUndefined()
})

test('whether an image has a health check is known of Docker, which says so; podman leaves it out', () => {
  const checked = { Id: 'sha256:c', Config: { Healthcheck: { Test: ['CMD-SHELL', 'true'] } } }
  expect(imageFrom('shop/web', checked, 'docker').hasHealthcheck).toBe(true)
  expect(imageFrom('shop/web', { Id: 'sha256:c', Config: {} }, 'docker').hasHealthcheck).toBe(false)
  expect(imageFrom('shop/web', { Id: 'sha256:c', Config: {} }, 'podman').hasHealthcheck).toBeUndefined()
})

test('labels may be null', () => {
  expect(volumeFrom({ Name: 'data', Labels: null })).toEqual({ name: 'data', owner: undefined, key: undefined })
  // When it was made is not read: Docker gives the last change at its root for it.
  const [first, second] = ['2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z'].map((at) =>
    volumeFrom({ Name: 'data', Labels: null, CreatedAt: at }),
  )
  expect(first).toEqual(second)
})

test.each([null, 'text', [], { Id: 1 }, { Id: 'x', Names: 'y' }])(
  'an answer that is no container (%j) is an error that says so',
  (answer) => {
    expect(() => containerFromList(answer)).toThrow(/The engine answered/)
  },
)

test('ports clash when addresses overlap', () => {
  const local = { host: 80, hostAddress: '127.0.0.1' }
  expect(portsClash(local, { host: 80, hostAddress: '127.0.0.1' })).toBe(true)
  expect(portsClash(local, { host: 80, hostAddress: '0.0.0.0' })).toBe(true)
  expect(portsClash({ host: 80, hostAddress: '::' }, local)).toBe(true)
  expect(portsClash(local, { host: 80, hostAddress: '127.0.0.2' })).toBe(false)
  expect(portsClash(local, { host: 81, hostAddress: '127.0.0.1' })).toBe(false)
  expect(portsClash(local, { ...local, protocol: 'udp' })).toBe(false)
})
