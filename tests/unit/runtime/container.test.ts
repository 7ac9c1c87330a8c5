import { expect, test } from 'vitest'
import type { ContainerPlan } from '../../../src/plan/types.ts'
import { buildArguments, stepIn } from '../../../src/runtime/container/build.ts'
import { createPullProgress } from '../../../src/runtime/container/pull.ts'
import { isNameConflict, portConflict } from '../../../src/runtime/container/refusals.ts'
import { containerBody } from '../../../src/runtime/container/spec.ts'
import { parseEngineAddress } from '../../../src/runtime/container/engine-address.ts'
import { formatAddress } from '../../../src/runtime/container/engine-http.ts'
import { engineImageName, parseImageName } from '../../../src/runtime/container/image-names.ts'
import { createLogLines } from '../../../src/runtime/container/logs.ts'
import { createDemultiplexer, createLineSplitter } from '../../../src/runtime/lines.ts'
import type { LogLine } from '../../../src/runtime/runtime.ts'

const plan: ContainerPlan = {
  name: 'shop-web',
  service: 'web',
  spec: {
    image: 'shop/web',
    command: ['serve'],
    ports: [
      { container: 80, host: 8080, protocol: 'tcp' },
      { container: 80, host: 8081, hostAddress: '0.0.0.0', protocol: 'tcp' },
      { container: 9000, protocol: 'udp' },
    ],
    mounts: [
      { kind: 'volume', volume: 'files', target: '/files' },
      { kind: 'bind', source: '/home/dev/shop/etc', target: '/etc/shop', readOnly: true },
    ],
    restart: 'on-failure',
    stopSignal: 'SIGINT',
    stopGraceSeconds: 7,
    shmBytes: 1024,
  },
  volumes: { files: 'shop-files' },
  network: 'shop',
  aliases: ['web'],
  labels: { one: '1' },
}

test('a plan becomes the body of a request, with ports on 127.0.0.1 unless told otherwise', () => {
  expect(containerBody(plan, { B: '2', A: 'x=y' }, { flavour: 'podman' })).toEqual({
    Image: 'localhost/shop/web:latest',
    Cmd: ['serve'],
    Env: ['A=x=y', 'B=2'],
    Labels: { one: '1' },
    ExposedPorts: { '80/tcp': {}, '9000/udp': {} },
    StopSignal: 'SIGINT',
    StopTimeout: 7,
    HostConfig: {
      PortBindings: {
        '80/tcp': [
          { HostIp: '127.0.0.1', HostPort: '8080' },
          // Every address, in podman's words.
          { HostIp: '', HostPort: '8081' },
        ],
      },
      Mounts: [
        { Type: 'volume', Source: 'shop-files', Target: '/files', ReadOnly: false },
        { Type: 'bind', Source: '/home/dev/shop/etc', Target: '/etc/shop', ReadOnly: true },
      ],
      RestartPolicy: { Name: 'on-failure' },
      ShmSize: 1024,
      NetworkMode: 'shop',
    },
    NetworkingConfig: { EndpointsConfig: { shop: { Aliases: ['web'] } } },
  })
})

test('limits, hosts, health and memory folders stand in the body as both engines read them', () => {
  const spec = {
    image: 'shop/web',
    mounts: [{ kind: 'tmpfs', bytes: 4096, target: '/scratch' }],
    memoryBytes: 64 * 1024 * 1024,
    cpus: 0.5,
    init: true,
    capAdd: ['NET_ADMIN'],
    capDrop: ['CHOWN'],
    extraHosts: { up: 'host-gateway', ns: '192.0.2.1' },
    healthcheck: { command: ['true'], intervalSeconds: 5, timeoutSeconds: 2, retries: 4, startSeconds: 1 },
  } as const
  const body = containerBody({ ...plan, spec }, {}, { flavour: 'podman', gateway: '10.1.0.1' })
  expect(body).toMatchObject({
    Healthcheck: {
      Test: ['CMD', 'true'],
      Interval: 5_000_000_000,
      Timeout: 2_000_000_000,
      Retries: 4,
      StartPeriod: 1_000_000_000,
    },
    HostConfig: {
      Mounts: [{ Type: 'tmpfs', Target: '/scratch', TmpfsOptions: { SizeBytes: 4096, Mode: 0o1777 } }],
      Memory: 67_108_864,
      NanoCpus: 500_000_000,
      Init: true,
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['CHOWN'],
      ExtraHosts: ['ns:192.0.2.1', 'up:10.1.0.1'],
    },
  })
  const onDocker = containerBody({ ...plan, spec: { ...spec, healthcheck: false } }, {}, { flavour: 'docker' })
  expect(onDocker).toMatchObject({
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { ExtraHosts: ['ns:192.0.2.1', 'up:host-gateway'] },
  })
})

test('a mount without a volume in the plan is a bug, not an unnamed volume', () => {
  expect(() => containerBody({ ...plan, volumes: {} }, {}, { flavour: 'docker' })).toThrow(/names no volume/)
})

test.each([
  ['shop/web', 'docker', 'shop/web:latest'],
  ['shop/web:2', 'podman', 'localhost/shop/web:2'],
  ['web', 'podman', 'localhost/web:latest'],
  ['docker.io/library/nginx:1', 'podman', 'docker.io/library/nginx:1'],
  ['docker.io/library/nginx', 'docker', 'docker.io/library/nginx:latest'],
  ['localhost:5000/web', 'podman', 'localhost:5000/web:latest'],
  ['localhost/web', 'podman', 'localhost/web:latest'],
  ['ghcr.io/a/b@sha256:abc', 'docker', 'ghcr.io/a/b@sha256:abc'],
  ['ghcr.io/a/b:1@sha256:abc', 'docker', 'ghcr.io/a/b@sha256:abc'],
] as const)('%s is for %s %s', (ref, engine, name) => {
  expect(engineImageName(ref, engine)).toBe(name)
})

test('a name without a host in front is local', () => {
  expect(parseImageName('shop/web').local).toBe(true)
  expect(parseImageName('postgres:17').local).toBe(true)
  expect(parseImageName('registry.example.com/web').local).toBe(false)
  expect(parseImageName('registry:5000/web').local).toBe(false)
})

test.each([
  ['listen tcp4 127.0.0.1:45877: bind: address already in use', 45877],
  [
    'driver failed programming external connectivity on endpoint a (0123): Bind for 127.0.0.1:5432 failed: port is already allocated',
    5432,
  ],
  ['failed to bind host port for 127.0.0.1:5432:172.17.0.2:80/tcp: address already in use', 5432],
  ['failed to bind host port 127.0.0.1:5433/tcp: address already in use', 5433],
  ['Error starting userland proxy: listen tcp6 [::1]:5432: bind: address already in use', 5432],
  ['something else: address already in use', undefined],
])('a held port is found in "%s"', (message, port) => {
  const answer = { status: 500, body: Buffer.from(JSON.stringify({ message })) }
  expect(portConflict('shop-db', answer)).toMatchObject({ code: 'PORT_IN_USE' })
  expect(portConflict('shop-db', answer)?.details['port']).toBe(port)
})

test('another failure of a start is no port conflict', () => {
  expect(
    portConflict('shop-db', { status: 500, body: Buffer.from('{"message":"exec: no such file"}') }),
  ).toBeUndefined()
})

test('a taken name is known by its text in both engines', () => {
  expect(conflict('Conflict. The container name "/a" is already in use by container "b".')).toBe(true)
  expect(
    conflict('creating container storage: the container name "a" is already in use by b. You have to remove it'),
  ).toBe(true)
  expect(conflict('no such image')).toBe(false)
})

test('an engine address is a socket or a port, and ssh is told how to forward', () => {
  expect(parseEngineAddress('unix:///run/x.sock', 'DOCKER_HOST')).toEqual({ kind: 'socket', path: '/run/x.sock' })
  expect(parseEngineAddress('tcp://[::1]:2375', 'DOCKER_HOST')).toEqual({ kind: 'tcp', host: '::1', port: 2375 })
  expect(formatAddress(parseEngineAddress('tcp://[::1]:2375', 'DOCKER_HOST'))).toBe('tcp://[::1]:2375')
  expect(() => parseEngineAddress('ssh://me@host', 'DOCKER_HOST')).toThrow(/DOCKER_HOST names an address/)
  expect(() => parseEngineAddress('tcp://host', 'DOCKER_HOST')).toThrow(/DOCKER_HOST names an address/)
})

test('the arguments of a build are sorted, and each engine gets its own', () => {
  const request = {
    ref: 'shop/web',
    aliases: [],
    build: { context: '/src', dockerfile: '/src/a/Dockerfile', args: { B: '2', A: '1' }, target: 'final' },
    labels: { l: 'v' },
  }
  const context = { flags: ['-f', 'a/Dockerfile'], source: '-' }
  const common = [
    '-f',
    'a/Dockerfile',
    '--label',
    'l=v',
    '--build-arg',
    'A=1',
    '--build-arg',
    'B=2',
    '--target',
    'final',
    '-',
  ]
  expect(buildArguments(request, { name: 'podman', flavour: 'podman' }, context)).toEqual([
    'build',
    '--format',
    'docker',
    '-t',
    'localhost/shop/web:latest',
    ...common,
  ])
  expect(buildArguments(request, { name: 'docker', flavour: 'docker' }, context)).toEqual([
    'build',
    '--force-rm',
    '-t',
    'shop/web:latest',
    ...common,
  ])
})

test('platform, cache and secrets of a build are flags of the program, and no value is among them', () => {
  const request = {
    ref: 'shop/web',
    aliases: ['localhost/shop/web'],
    build: {
      context: '/shop',
      dockerfile: '/shop/Dockerfile',
      args: {},
      target: undefined,
      platform: 'linux/arm64',
      cache: false,
      cacheFrom: ['shop/cache'],
      cacheTo: ['type=local,dest=/cache'],
    },
    labels: {},
    secrets: { token: 'hunter22' },
  } as const
  const context = { flags: [], source: '/shop', secrets: ['--secret', 'id=token,src=/tmp/0'] }
  const args = buildArguments(request, { name: 'podman', flavour: 'podman' }, context).join(' ')
  expect(args).toBe(
    'build --format docker -t localhost/shop/web:latest --secret id=token,src=/tmp/0 --platform linux/arm64 --no-cache ' +
      '--cache-from shop/cache --cache-to type=local,dest=/cache /shop',
  )
})

test.each([
  ['Step 2/3 : RUN false', 'RUN false'],
  ['STEP 2/3: RUN false', 'RUN false'],
  ['#7 [2/3] RUN false', 'RUN false'],
  ['#7 [builder 2/3] COPY . .', 'COPY . .'],
  ['#7 DONE 0.1s', undefined],
  ['hello', undefined],
])('the line "%s" begins the step %s', (line, step) => {
  expect(stepIn(line)).toBe(step)
})

test('a pull adds up its layers and speaks at most twice a second', () => {
  const said: string[] = []
  let clock = 0
  const { take, failure } = createPullProgress(
    'r/x:1',
    (line) => said.push(line),
    () => clock,
  )
  const send = (entry: unknown) => {
    take(JSON.stringify(entry))
  }
  send({ id: 'a', status: 'Pulling fs layer' })
  send({ id: 'b', status: 'Already exists' })
  clock = 600
  send({ id: 'a', status: 'Downloading', progressDetail: { current: 5_000_000, total: 20_000_000 } })
  clock = 1200
  send({ id: 'a', status: 'Pull complete', progressDetail: {} })
  take('no json')
  expect(said).toEqual([
    'pulling r/x:1: 0 of 1 layers',
    'pulling r/x:1: 1 of 2 layers, 5 of 20 MB',
    'pulling r/x:1: 2 of 2 layers, 5 of 20 MB',
  ])
  expect(failure()).toBeUndefined()
  send({ errorDetail: { message: 'gone' }, error: 'gone' })
  expect(failure()).toBe('gone')
})

test('lines are cut wherever the pieces end, and a torn character stays whole', () => {
  const lines: string[] = []
  const splitter = createLineSplitter((line) => lines.push(line))
  for (const byte of Buffer.from('größe\r\nzwei\n\nmitte')) splitter.push(Buffer.from([byte]))
  splitter.push(Buffer.from([0xff]))
  splitter.end()
  expect(lines).toEqual(['größe', 'zwei', '', 'mitte\u{FFFD}'])
})

test('a line without end is given out before it fills the memory', () => {
  const lines: string[] = []
  const splitter = createLineSplitter((line) => lines.push(line))
  for (let n = 0; n < 10; n += 1) splitter.push(Buffer.alloc(10_000, 'x'))
  expect(lines.length).toBeGreaterThan(0)
})

test('both streams of a container are told apart wherever the pieces end', () => {
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, 'more')])
  for (const size of [1, 3, 8, 100]) {
    const got: Record<number, string> = { 1: '', 2: '' }
    const demultiplexer = createDemultiplexer((stream, data) => {
      got[stream] += data.toString()
    })
    for (let at = 0; at < bytes.length; at += size) demultiplexer.push(bytes.subarray(at, at + size))
    expect(got).toEqual({ 1: 'outmore', 2: 'err' })
  }
})

function instant(second: number): string {
  return `2026-11-26T10:17:0${String(second)}.5Z`
}

test('a line that was written in pieces is one line, with the time of its first', () => {
  const lines: LogLine[] = []
  const { push, end } = createLogLines((line) => lines.push(line))
  push(frame(1, `${instant(1)} one `))
  push(frame(2, `${instant(2)} no time: 2026-11-26T10:17:00Z x\n`))
  push(frame(1, `${instant(3)} two `))
  push(frame(1, `${instant(4)} three\n`))
  push(frame(1, `${instant(5)} four`))
  end()
  expect(lines.map(({ stream, text, time }) => [stream, text, time?.slice(17, 19)])).toEqual([
    ['stderr', 'no time: 2026-11-26T10:17:00Z x', '02'],
    ['stdout', 'one two three', '01'],
    ['stdout', 'four', '05'],
  ])
})

test('the output of a terminal has no headers and passes as it is', () => {
  let text = ''
  const demultiplexer = createDemultiplexer((_stream, data) => {
    text += data.toString()
  })
  demultiplexer.push(Buffer.from('hello '))
  demultiplexer.push(Buffer.from('a terminal'))
  expect(text).toBe('hello a terminal')
})

function conflict(message: string): boolean {
  return isNameConflict({ status: 500, body: Buffer.from(JSON.stringify({ message })) })
}

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}
