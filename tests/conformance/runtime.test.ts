/**
 * What every runtime must do, run over each of them. A behaviour that only one has is not the contract's.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan, ObservedContainer, RuntimeSnapshot } from '../../src/plan/types.ts'
import type { Runtime, Scope } from '../../src/runtime/runtime.ts'
import { query, ready } from '../support/postgres-case.ts'
import { runtimesUnderTest } from '../support/runtimes.ts'
import type { PostgresCase, RuntimeHarness } from '../support/runtimes.ts'

const signal = new AbortController().signal
const options = { signal }

describe.each(await runtimesUnderTest())('$title', ({ name, missing, create }) => {
  let harness: RuntimeHarness
  let runtime: Runtime

  beforeAll(async () => {
    if (missing !== undefined) return
    harness = await create()
    runtime = await harness.open()
  })

  afterAll(async () => {
    if (missing === undefined) await harness.cleanUp()
  })

  /** `containers`: needs images, networks and arbitrary programs. `real`: needs a real server behind it. */
  const obligation = (text: string, needs: readonly ('containers' | 'real')[], body: () => Promise<void>) => {
    const native = name === 'native'
    const lacking = (native && needs.includes('containers')) || (name === 'memory' && needs.includes('real'))
    // What a runtime does not have it does not owe: that is no test left out.
    if (lacking) return
    test.skipIf(missing !== undefined)(`${name}: ${text}`, body)
  }

  const observe = (extra: Partial<Scope> = {}): Promise<RuntimeSnapshot> =>
    runtime.observe({ ...emptyScope(harness), ...extra }, options)

  const observed = async (container: ContainerPlan): Promise<ObservedContainer | undefined> =>
    (await observe()).containers.find((one) => one.name === container.name)

  const make = async (service: string): Promise<PostgresCase> => {
    const made = await harness.postgres(service)
    await makeVolume(made)
    await runtime.createContainer(made.container, made.env, options)
    return made
  }

  const makeVolume = ({ volume, container }: PostgresCase) =>
    runtime.createVolume(volume, { ...harness.labels, [label.volume]: `${container.service}-data` }, options)

  const start = async (made: PostgresCase): Promise<PostgresCase> => {
    await runtime.startContainer({ name: made.container.name }, made.files, options)
    return made
  }

  const stop = (made: PostgresCase) => runtime.stopContainer({ name: made.container.name }, 20, options)

  obligation('it says what it is', [], async () => {
    expect(runtime.name).toBe(name)
    expect(runtime.containersPossible).toBe(harness.containersPossible)
    await Promise.resolve()
  })

  obligation('where nothing is, nothing is observed', [], async () => {
    const nothing = {
      ...emptyScope(harness),
      stack: `${harness.prefix}nobody`,
      containerNames: [`${harness.prefix}no`],
    }
    expect(await runtime.observe(nothing, options)).toEqual({ containers: [], volumes: [], networks: [], images: [] })
  })

  obligation('what is not there is nothing, not an error, and removing it is done', [], async () => {
    const target = { name: `${harness.prefix}nothing` }
    expect(await runtime.inspect(target, options)).toBeUndefined()
    await runtime.stopContainer(target, 1, options)
    await runtime.removeContainer(target, options)
    await runtime.removeVolume(target, options)
    await runtime.removeNetwork(target, options)
    await expect(runtime.startContainer(target, {}, options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    await expect(runtime.exec(target, ['true'], options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
  })

  obligation('a made container is created, ours, and carries its spec', [], async () => {
    const made = await make('made')
    const container = await observed(made.container)
    expect(container).toMatchObject({
      name: made.container.name,
      owner: { stack: harness.stack, project: harness.project, root: harness.labels[label.root] },
      service: 'made',
      state: 'created',
      exitCode: undefined,
      spec: JSON.parse(made.container.labels[label.spec] ?? ''),
      ports: [],
    })
    expect(await runtime.inspect({ name: made.container.name }, options)).toEqual(container)
    expect(await runtime.inspect({ name: 'another', id: container?.id ?? '' }, options)).toEqual(container)
  })

  obligation(
    'a container holds its ports while it runs, and starting and stopping twice changes nothing',
    [],
    async () => {
      const made = await start(await make('twice'))
      const ports = [{ host: made.port, hostAddress: '127.0.0.1' }]
      const running = await observed(made.container)
      expect(running).toMatchObject({ state: 'running', exitCode: undefined, ports })
      await start(made)
      expect(await observed(made.container)).toEqual(running)
      expect(await runtime.portHolder(made.port, options)).toContain(made.container.name)
      if (harness.real) await ready(made)
      await stop(made)
      const stopped = await observed(made.container)
      expect(stopped).toMatchObject({ id: running?.id, state: 'exited', ports: [] })
      expect(stopped?.exitCode).toEqual(expect.any(Number))
      expect(await runtime.inspect({ name: made.container.name }, options)).toEqual(stopped)
      await stop(made)
      expect(await observed(made.container)).toEqual(stopped)
      expect(await runtime.portHolder(made.port, options)).toBeUndefined()
    },
  )

  obligation('a running container is not removed', [], async () => {
    const made = await start(await make('kept'))
    await expect(runtime.removeContainer({ name: made.container.name }, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
    })
    expect(await observed(made.container)).toMatchObject({ state: 'running' })
  })

  obligation('a container that never ran stays created when it is stopped', [], async () => {
    const made = await make('unstarted')
    await stop(made)
    expect(await observed(made.container)).toMatchObject({ state: 'created', exitCode: undefined })
  })

  obligation('a second container of the same name is refused, and the first stays', [], async () => {
    const made = await make('taken')
    const before = await observed(made.container)
    await expect(runtime.createContainer(made.container, made.env, options)).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    })
    expect(await observed(made.container)).toEqual(before)
  })

  obligation('a renamed container is the same one under its new name', [], async () => {
    const made = await make('before')
    const id = (await observed(made.container))?.id
    const other = await make('other')
    const to = `${harness.prefix}after`
    await expect(
      runtime.renameContainer({ name: made.container.name }, other.container.name, options),
    ).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    await runtime.renameContainer({ name: made.container.name }, to, options)
    await runtime.renameContainer({ name: made.container.name, id: id ?? '' }, to, options)
    expect(await runtime.inspect({ name: to }, options)).toMatchObject({ id, name: to, service: 'before' })
    expect(await runtime.inspect({ name: made.container.name }, options)).toBeUndefined()
    // The old name is free again, and the renamed one starts: this is how a container is replaced.
    await runtime.createContainer(made.container, made.env, options)
    await runtime.removeContainer({ name: made.container.name }, options)
    await runtime.startContainer({ name: to }, made.files, options)
    expect(await runtime.inspect({ name: to }, options)).toMatchObject({ state: 'running' })
  })

  obligation('a container that is killed has ended with its exit code, and starts again', [], async () => {
    const made = await make('killed')
    if (harness.real) await ready(await start(made))
    else await start(made)
    await harness.outside.killMain(made.container.name)
    await expect.poll(async () => (await observed(made.container))?.state, { timeout: 10_000 }).toBe('exited')
    const ended = await observed(made.container)
    expect(ended).toMatchObject({ exitCode: 137, ports: [] })
    expect(await runtime.inspect({ name: made.container.name }, options)).toEqual(ended)
    await start(made)
    expect(await observed(made.container)).toMatchObject({ state: 'running' })
    if (harness.real) await ready(made)
  })

  obligation('two containers do not get one port, and the second one says which', [], async () => {
    const first = await start(await make('port-one'))
    const second = await harness.postgres('port-two', { port: first.port })
    await makeVolume(second)
    await runtime.createContainer(second.container, second.env, options)
    await expect(start(second)).rejects.toMatchObject({ code: 'PORT_IN_USE', details: { port: first.port } })
    expect(await observed(second.container)).toMatchObject({ ports: [] })
    expect(await observed(first.container)).toMatchObject({ state: 'running' })
    if (harness.real) await ready(first)
    await stop(first)
    await start(second)
    expect(await observed(second.container)).toMatchObject({ state: 'running' })
  })

  obligation(
    'a volume keeps its data when its container is removed, and loses it only by removeVolume',
    ['real'],
    async () => {
      const made = await start(await make('data'))
      await query(made, 'create table kept (value int); insert into kept values (42)')
      await stop(made)
      await runtime.removeContainer({ name: made.container.name }, options)
      await runtime.removeContainer({ name: made.container.name }, options)
      expect((await observe()).volumes).toContainEqual({
        name: made.volume,
        owner: expect.objectContaining({ stack: harness.stack }),
        key: 'data-data',
      })
      await makeVolume(made)
      await runtime.createContainer(made.container, made.env, options)
      await start(made)
      expect(await query(made, 'select value from kept')).toEqual([{ value: 42 }])
      await expect(runtime.removeVolume({ name: made.volume }, options)).rejects.toMatchObject({
        code: 'ENGINE_REFUSED',
      })
      await stop(made)
      await runtime.removeContainer({ name: made.container.name }, options)
      await runtime.removeVolume({ name: made.volume }, options)
      await runtime.removeVolume({ name: made.volume }, options)
      expect((await observe()).volumes.map((volume) => volume.name)).not.toContain(made.volume)
      await makeVolume(made)
      await runtime.createContainer(made.container, made.env, options)
      await start(made)
      await expect(query(made, 'select value from kept')).rejects.toMatchObject({ code: '42P01' })
    },
  )

  obligation('the password is the one in the file, and another one is refused', ['real'], async () => {
    const made = await start(await make('password'))
    expect(await query(made, 'select current_user::text as name')).toEqual([{ name: made.user }])
    await expect(query({ ...made, password: 'wrong' }, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  obligation('a volume that was made twice is one, and a foreign one is refused', [], async () => {
    const labels = { ...harness.labels, [label.volume]: 'same' }
    const volume = `${harness.prefix}same`
    await runtime.createVolume(volume, labels, options)
    await runtime.createVolume(volume, labels, options)
    const other = { ...labels, [label.project]: 'another' }
    await expect(runtime.createVolume(volume, other, options)).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    expect((await observe()).volumes.filter((one) => one.name === volume)).toHaveLength(1)
  })

  obligation('names are compared whole, not by their beginning', [], async () => {
    const volume = `${harness.prefix}whole`
    await runtime.createVolume(`${volume}-longer`, {}, options)
    const made = await make('long-name')
    const shorter = made.container.name.slice(0, -1)
    expect(await observe({ volumeNames: [volume], containerNames: [shorter] })).toMatchObject({
      volumes: expect.not.arrayContaining([expect.objectContaining({ name: `${volume}-longer` })]),
    })
    expect(await runtime.inspect({ name: shorter }, options)).toBeUndefined()
    const id = (await observed(made.container))?.id ?? ''
    expect(await runtime.inspect({ name: id.slice(0, 12) }, options)).toBeUndefined()
    await runtime.removeVolume({ name: volume }, options)
    expect((await observe({ volumeNames: [`${volume}-longer`] })).volumes).toContainEqual({
      name: `${volume}-longer`,
      owner: undefined,
      key: undefined,
    })
  })

  obligation('a look is sorted by name, and the same twice', [], async () => {
    const one = await observe()
    const sorted = one.containers.map((container) => container.name).toSorted()
    expect(one.containers.map((container) => container.name)).toEqual(sorted)
    expect(await observe()).toEqual(one)
  })

  obligation('a stopped signal stops a call before it begins, with the reason of the stop', [], async () => {
    const made = await harness.postgres('aborted')
    const aborted = { signal: AbortSignal.abort() }
    await expect(runtime.createContainer(made.container, made.env, aborted)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    await expect(runtime.observe(emptyScope(harness), aborted)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await observed(made.container)).toBeUndefined()
  })

  obligation('two runtimes over one machine see the same, and what runs outlives both', [], async () => {
    const made = await start(await make('shared'))
    const second = await harness.open()
    expect(await second.inspect({ name: made.container.name }, options)).toEqual(await observed(made.container))
    await second.close()
    await second.close()
    const third = await harness.open()
    if (harness.real) await ready(made)
    expect(await third.inspect({ name: made.container.name }, options)).toMatchObject({ state: 'running' })
    await third.stopContainer({ name: made.container.name }, 20, options)
    expect(await observed(made.container)).toMatchObject({ state: 'exited' })
    await third.close()
  })

  obligation('the log has the last lines, oldest first', ['real'], async () => {
    const made = await make('logs')
    await ready(await start(made))
    const lines = await runtime.logs({ name: made.container.name }, 500, options)
    expect(lines.join('\n')).toMatch(/database system is ready to accept connections/)
    expect(await runtime.logs({ name: made.container.name }, 1, options)).toEqual(lines.slice(-1))
    expect(await runtime.logs({ name: made.container.name }, 0, options)).toEqual([])
  })

  obligation(
    'objects of others are seen by name, are nobody of ours, and their names are taken',
    ['containers'],
    async () => {
      const theirs = {
        container: `${harness.prefix}theirs`,
        volume: `${harness.prefix}their-volume`,
        network: `${harness.prefix}their-network`,
      }
      await harness.outside.container(theirs.container)
      await harness.outside.volume(theirs.volume)
      await harness.outside.network(theirs.network)
      const plain = { ...emptyScope(harness), stack: `${harness.prefix}nobody` }
      expect(await runtime.observe(plain, options)).toMatchObject({ containers: [], volumes: [], networks: [] })
      const found = await observe({
        containerNames: [theirs.container],
        volumeNames: [theirs.volume],
        networkNames: [theirs.network],
      })
      expect(found.containers).toContainEqual(
        expect.objectContaining({ name: theirs.container, owner: undefined, service: undefined, spec: undefined }),
      )
      expect(found.volumes).toContainEqual({ name: theirs.volume, owner: undefined, key: undefined })
      expect(found.networks).toContainEqual(expect.objectContaining({ name: theirs.network, owner: undefined }))
      const taken = { code: 'NAME_TAKEN' }
      await expect(runtime.createContainer(harness.plain(theirs.container), {}, options)).rejects.toMatchObject(taken)
      await expect(runtime.createVolume(theirs.volume, harness.labels, options)).rejects.toMatchObject(taken)
      await expect(runtime.createNetwork(theirs.network, harness.labels, options)).rejects.toMatchObject(taken)
    },
  )

  obligation('files are in place at each start, and commands run and say how they ended', ['containers'], async () => {
    const container = harness.plain('files')
    await runtime.createContainer(container, {}, options)
    const target = { name: container.name }
    const file = '/run/poststack/deep/token'
    await runtime.startContainer(target, { [file]: 'first ünicode' }, options)
    expect(await runtime.exec(target, ['cat', file], options)).toEqual({ exitCode: 0, output: 'first ünicode' })
    expect(await runtime.exec(target, ['false'], options)).toMatchObject({ exitCode: 1 })
    expect(await runtime.exec(target, ['echo', 'a  b', '$HOME'], options)).toEqual({
      exitCode: 0,
      output: 'a  b $HOME\n',
    })
    expect(await runtime.exec(target, ['no-such-program'], options)).toMatchObject({ exitCode: 127 })
    await runtime.stopContainer(target, 0, options)
    await runtime.startContainer(target, { [file]: 'second' }, options)
    expect(await runtime.exec(target, ['cat', file], options)).toEqual({ exitCode: 0, output: 'second' })
  })

  obligation('a network is made once, is used by name, and is kept while it is used', ['containers'], async () => {
    const network = `${harness.prefix}network`
    await runtime.createNetwork(network, harness.labels, options)
    await runtime.createNetwork(network, harness.labels, options)
    const [found, ...more] = (await observe()).networks.filter((one) => one.name === network)
    expect(found).toMatchObject({ owner: { stack: harness.stack, project: harness.project } })
    expect(more).toEqual([])
    const server = { ...harness.plain('server'), network, aliases: ['server', 'api'] }
    await runtime.createContainer(server, {}, options)
    await runtime.startContainer({ name: server.name }, {}, options)
    await expect(runtime.removeNetwork({ name: network }, options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    if (harness.real) {
      const lookup = await runtime.exec({ name: server.name }, ['getent', 'hosts', 'api'], options)
      expect(lookup.exitCode).toBe(0)
    }
    await runtime.stopContainer({ name: server.name }, 0, options)
    await runtime.removeContainer({ name: server.name }, options)
    await runtime.removeNetwork({ name: network, id: found?.id ?? '' }, options)
    await runtime.removeNetwork({ name: network, id: found?.id ?? '' }, options)
    expect((await observe({ networkNames: [network] })).networks).toEqual([])
  })

  obligation('a missing image refuses the container and names it', ['containers'], async () => {
    const container = harness.plain('imageless', { image: `${harness.prefix}no/image` })
    await expect(runtime.createContainer(container, {}, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringContaining(`${harness.prefix}no/image`),
    })
    expect(await observed(container)).toBeUndefined()
  })

  obligation('images are observed by the name that was asked for', ['containers'], async () => {
    const refs = ['docker.io/library/postgres:17', 'docker.io/library/debian:trixie-slim']
    const { images } = await observe({ imageRefs: [...refs, ...refs, `${harness.prefix}none/such`] })
    expect(images.map(({ ref }) => ref)).toEqual(refs.toSorted())
    const container = harness.plain('image-id')
    await runtime.createContainer(container, {}, options)
    expect((await observed(container))?.imageId).toBe(images[0]?.id)
  })
})

function emptyScope(harness: RuntimeHarness): Scope {
  const { stack, project } = harness
  return { stack, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
}
