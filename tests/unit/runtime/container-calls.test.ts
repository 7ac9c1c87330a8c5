import { expect, onTestFinished, test, vi } from 'vitest'

import { findContainer, inspectContainer, listWanted, read, readList } from '../../../src/runtime/container/calls.ts'
import { watchEnds } from '../../../src/runtime/container/events.ts'
import { label } from '../../../src/plan/labels.ts'
import type { Engine } from '../../../src/runtime/container/engine-connect.ts'
import type { EngineRequest } from '../../../src/runtime/container/engine-http.ts'
import { removeImage } from '../../../src/runtime/container/images.ts'
import { createReads } from '../../../src/runtime/container/reads.ts'
import { createWrites } from '../../../src/runtime/container/writes.ts'

const { signal } = new AbortController()

/** An engine that gives these answers one after the other. */
function answering(...answers: readonly (readonly [status: number, message: string])[]) {
  return engineOf((asked) => {
    const [status, message] = answers[Math.min(asked, answers.length - 1)] ?? [500, '']
    return { status, body: status === 200 ? [] : { message } }
  })
}

function engineOf(
  answer: (asked: number, request: EngineRequest) => { readonly status: number; readonly body: unknown },
) {
  let asked = 0
  const engine: Engine = {
    name: 'podman',
    flavour: 'podman',
    podmanVersion: '4.3.1',
    client: {
      send: async (request) => {
        const { status, body } = answer(asked++, request)
        return { status, headers: {}, body: Buffer.from(JSON.stringify(body)) }
      },
      close: () => undefined,
    },
    local: true,
    reached: undefined,
    remoteHost: undefined,
    program: { name: 'podman', args: [], env: {} },
    close: async () => undefined,
  }
  return { engine, asked: () => asked }
}

test.each([
  'reading image "aaf3": locating image with ID "aaf3": image not known',
  'failed to convert ImageData to ImageInspect: locating item named "manifest" for image with ID "2be6": file does not exist',
  'no such container',
])('what fails because of something else that comes or goes must be asked again: %s', async (message) => {
  const { engine, asked } = answering([500, message], [500, message], [200, ''])
  expect(await readList(engine, '/images/json', signal)).toEqual([])
  expect(asked()).toBe(3)
})

test('an engine that does not tell its events must be asked ever less often', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const controller = new AbortController()
  const { engine, asked } = answering([501, 'not implemented'])
  const onEnd = vi.fn<(service: string | undefined) => void>()
  const watching = watchEnds(engine, { stack: 'shop', project: 'abc' }, { signal: controller.signal, onEnd })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked()).toBeGreaterThan(5)
  expect(asked()).toBeLessThan(12)
  expect(onEnd).toHaveBeenCalledWith(undefined)
  controller.abort()
  await watching
})

test('an event of another form is not ours, and ends nothing', async () => {
  const controller = new AbortController()
  const said: (string | undefined)[] = []
  const { engine } = engineOf((_, { onData }) => {
    onData?.(Buffer.from('{"Action":"die"}\n{"Action":"die","Actor":[]}\nnull\n'))
    controller.abort()
    return { status: 200, body: [] }
  })
  const ends = { signal: controller.signal, onEnd: (service: string | undefined) => void said.push(service) }
  await watchEnds(engine, { stack: 'shop', project: 'abc' }, ends)
  expect(said).toEqual([])
})

test('what an image was built upon must go with it, also where podman has removed a part of that itself', async () => {
  const below: Readonly<Record<string, string>> = { 'localhost%2Fshop%2Fweb%3A1': 'two', two: 'one', one: 'base' }
  const deleted: string[] = []
  const { engine } = engineOf((_, { method, path }) => {
    const image = path.split('/')[2] ?? ''
    if (method === 'GET') {
      const labels = image === 'base' ? {} : { [label.project]: 'p' }
      return { status: 200, body: { RepoTags: [], Parent: below[image] ?? '', Config: { Labels: labels } } }
    }
    const isFirst = !deleted.includes(image)
    deleted.push(image)
    if (image === 'two') return { status: 404, body: { message: 'no such image' } }
    // Another image goes at the same time.
    return isFirst ? { status: 500, body: { message: 'image not known' } } : { status: 200, body: [] }
  })
  await removeImage(engine, { name: 'shop/web:1' }, signal)
  const top = 'localhost%2Fshop%2Fweb%3A1'
  expect(deleted).toEqual([top, top, 'two', 'one', 'one'])
})

test('podman must remove one image after the other, also after one that it refused', async () => {
  let open = 0
  const { engine, asked } = engineOf(() => ({ status: 200, body: {} }))
  const slow: Engine = {
    ...engine,
    client: {
      ...engine.client,
      send: async (request) => {
        expect(request.method === 'DELETE' ? ++open : 1).toBe(1)
        const answer = await engine.client.send(request)
        await new Promise(setImmediate)
        if (request.method === 'DELETE') open--
        return request.path.endsWith('refused') ? { ...answer, status: 409 } : answer
      },
    },
  }
  const names = ['one', 'refused', 'two']
  const removals = names.map((id) => removeImage(slow, { name: id, id }, signal))
  expect((await Promise.allSettled(removals)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(asked()).toBe(6)
})

test('what stays wrong must be told with the words of the engine, after a bounded number of tries', async () => {
  const { engine, asked } = answering([500, 'image not known'])
  await expect(readList(engine, '/images/json', signal)).rejects.toMatchObject({
    code: 'ENGINE_REFUSED',
    message: expect.stringContaining('image not known'),
  })
  expect(asked()).toBe(5)
})

test.each([
  [404, 'no such image'],
  [400, 'not found in the filter'],
  [500, 'out of memory'],
] as const)('an answer of %i %s must be taken as it is', async (status, message) => {
  const { engine, asked } = answering([status, message])
  expect((await read(engine, '/images/x/json', signal)).status).toBe(status)
  expect(asked()).toBe(1)
})

const ended = (Status: string, ExitCode = 0) => ({
  status: 200,
  body: { Id: 'a1', Name: '/job', Config: { Labels: {} }, State: { Status, ExitCode }, Image: 'sha256:b2' },
})

test('podman must be asked until an ended container is off its network, and docker once', async () => {
  const { engine, asked } = engineOf((before) => ended(before < 3 ? 'stopped' : 'exited'))
  expect(await findContainer(engine, { name: 'job' }, signal)).toMatchObject({ state: 'exited', exitCode: 0 })
  expect(asked()).toBe(4)
  const other = engineOf(() => ended('stopped'))
  await findContainer({ ...other.engine, flavour: 'docker' }, { name: 'job' }, signal)
  expect(other.asked()).toBe(1)
})

test('a container whose program ends while podman looks at it must be looked at again', async () => {
  const { engine, asked } = engineOf((times) =>
    times === 0 ? { status: 500, body: { message: 'read /proc/27001/cgroup: no such process' } } : ended('exited'),
  )
  expect(await inspectContainer(engine, { name: 'job' }, signal)).toMatchObject({ name: 'job', exitCode: 0 })
  expect(asked()).toBe(2)
})

test('a container that stays on its network, as after a kill of its monitor, must be told as ended all the same', async () => {
  const { engine } = engineOf(() => ended('stopped', 137))
  expect(await findContainer(engine, { name: 'job' }, signal)).toMatchObject({ state: 'exited', exitCode: 137 })
})

test.each([
  ['Up 3 seconds', 'always', 4],
  ['Up Less than a second', 'on-failure', 4],
  ['Up 12 seconds', 'always', undefined],
  ['Up 3 minutes', 'always', undefined],
  ['Up 3 seconds', undefined, undefined],
  // Started again since it was listed
  ['Exited (3) Less than a second ago', 'always', 4],
] as const)(
  'one that runs since a moment and may be started again must be looked at: %s, %s',
  async (Status, restart, restartedLately) => {
    const spec = JSON.stringify({ image: 'x', ...(restart === undefined ? {} : { restart }) })
    const Labels = { [label.stack]: 'shop', [label.project]: 'abc', [label.service]: 'web', [label.spec]: spec }
    const State = { Status: 'running', ExitCode: 0 }
    const listed = Status.startsWith('Up') ? 'running' : 'stopped'
    const { engine } = engineOf((_asked, { path }) => {
      if (path.startsWith('/containers/json'))
        return { status: 200, body: [{ Id: 'a1', Names: ['/web'], Labels, State: listed, Status, ImageID: 'b2' }] }
      if (!path.startsWith('/containers/')) return { status: 200, body: {} }
      return {
        status: 200,
        body: {
          ...ended('running').body,
          Name: '/web',
          Config: { Labels },
          State,
          NetworkSettings: {},
          RestartCount: 4,
        },
      }
    })
    const names = { containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
    const { containers } = await createReads(engine).observe({ stack: 'shop', project: 'abc', ...names }, { signal })
    expect(containers.map((one) => one.restartedLately)).toEqual([restartedLately])
  },
)

/** Podman with a container that its restart policy starts again: what it is at each look, the last one for ever. */
function looping(...states: readonly string[]) {
  const asked: string[] = []
  let looks = 0
  const { engine } = engineOf((_asked, { method, path }) => {
    asked.push(`${method} ${path}`)
    if (method === 'POST') return { status: states[looks] === 'running' ? 204 : 304, body: {} }
    const spec = JSON.stringify({ image: 'x', restart: 'always' })
    const labels = { [label.stack]: 'shop', [label.project]: 'abc', [label.service]: 'web', [label.spec]: spec }
    if (path.startsWith('/containers/json'))
      return {
        status: 200,
        body: [{ Id: 'a1', Names: ['/web'], Labels: labels, State: 'exited', Status: 'Exited (3)', ImageID: 'b2' }],
      }
    if (!path.startsWith('/containers/')) return { status: 200, body: { State: { Status: states[looks] } } }
    if (looks < states.length - 1) looks += 1
    const { body } = ended(states[looks] === 'stopped' ? 'exited' : (states[looks] ?? ''), 3)
    const more = { HostConfig: { RestartPolicy: { Name: 'always' } }, NetworkSettings: {}, Config: { Labels: labels } }
    return { status: 200, body: { ...body, ...more } }
  })
  return { engine, stops: () => asked.filter((one) => one.startsWith('POST')).length }
}

test('podman must be told to stop a container until it is not started again', async () => {
  const { engine, stops } = looping('', 'stopped', 'running', 'running', 'exited')
  await createWrites(engine).stopContainer({ name: '/web', id: 'a1' }, 0, { signal })
  expect(stops()).toBe(2)
  const endless = looping('', 'running')
  const stopping = createWrites(endless.engine).stopContainer({ name: 'web', id: 'a1' }, 0, { signal })
  await expect(stopping).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
})

test('one that Docker does not rename between two starts must be stopped and renamed', async () => {
  const asked: string[] = []
  const { engine } = engineOf((_asked, { method, path }) => {
    if (method !== 'POST') return ended(asked.length < 2 ? 'restarting' : 'exited', 3)
    asked.push(path.replace(/\?.*/, ''))
    return asked.length === 1
      ? { status: 500, body: { message: 'sandbox 7459910b26b4 not found' } }
      : { status: 204, body: {} }
  })
  await createWrites({ ...engine, flavour: 'docker' }).renameContainer({ name: 'job', id: 'a1' }, 'old', { signal })
  expect(asked).toEqual(['/containers/a1/rename', '/containers/a1/stop', '/containers/a1/rename'])
})

test.each([
  ['running', 'running'],
  ['exited', 'exited'],
] as const)('a container between two starts must not be told as ended: then %s', async (then, state) => {
  const { engine } = looping('', 'stopped', then)
  const names = { containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
  const { containers } = await createReads(engine).observe({ stack: 'shop', project: 'abc', ...names }, { signal })
  expect(containers).toMatchObject([{ service: 'web', state }])
})

test('however many services there are, an engine must be given one pattern for their names, which fits them all', async () => {
  const filters: unknown[] = []
  const { engine } = engineOf((_asked, { path }) => {
    filters.push(JSON.parse(new URL(path, 'http://engine').searchParams.get('filters') ?? ''))
    return { status: 200, body: [] }
  })
  const names = [...Array.from({ length: 20 }, (_, index) => `shop-app${index}`), 'shop', 'a.b']
  await listWanted(engine, 'containers', { stack: 'shop', project: 'abc', names }, signal)
  expect(filters).toEqual([
    { label: [`${label.stack}=shop`, `${label.project}=abc`] },
    { name: [String.raw`^/?(shop-.*|shop|a\.b)$`] },
  ])
})
