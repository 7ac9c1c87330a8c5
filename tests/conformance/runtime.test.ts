/**
 * What every runtime must do, run over each of them. A behaviour that only one has is not the contract's.
 */
import { describe, expect } from 'vitest'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan, ObservedContainer, RuntimeSnapshot } from '../../src/plan/types.ts'
import type { Scope } from '../../src/runtime/runtime.ts'
import { query, ready } from '../support/postgres-case.ts'
import { runtimesUnderTest } from '../support/runtimes.ts'
import type { PostgresCase, RuntimeHarness } from '../support/runtimes.ts'
import { underTest } from '../support/under-test.ts'

const signal = new AbortController().signal
const options = { signal }

describe.each(await runtimesUnderTest())('$title', (tested) => {
  const on = underTest(tested)

  const observe = (extra: Partial<Scope> = {}): Promise<RuntimeSnapshot> =>
    on.runtime.observe({ ...emptyScope(on.harness), ...extra }, options)

  const observed = async (container: ContainerPlan): Promise<ObservedContainer | undefined> =>
    (await observe()).containers.find((one) => one.name === container.name)

  const make = async (service: string): Promise<PostgresCase> => {
    const made = await on.harness.postgres(service)
    await makeVolume(made)
    await on.runtime.createContainer(made.container, made.env, options)
    return made
  }

  const makeVolume = ({ volume, container }: PostgresCase) =>
    on.runtime.createVolume(volume, { ...on.harness.labels, [label.volume]: `${container.service}-data` }, options)

  const start = async (made: PostgresCase): Promise<PostgresCase> => {
    await on.runtime.startContainer({ name: made.container.name }, made.files, options)
    return made
  }

  const stop = (made: PostgresCase) => on.runtime.stopContainer({ name: made.container.name }, 20, options)

  on.obligation('it says what it is', [], async () => {
    expect(on.runtime.name).toBe(tested.name)
    expect(on.runtime.containersPossible).toBe(on.harness.containersPossible)
    await Promise.resolve()
  })

  on.obligation('where nothing is, nothing is observed', [], async () => {
    const nothing = {
      ...emptyScope(on.harness),
      stack: `${on.harness.prefix}nobody`,
      containerNames: [`${on.harness.prefix}no`],
    }
    expect(await on.runtime.observe(nothing, options)).toEqual({
      containers: [],
      volumes: [],
      networks: [],
      images: [],
    })
  })

  on.obligation('what is not there is nothing, not an error, and removing it is done', [], async () => {
    const target = { name: `${on.harness.prefix}nothing` }
    expect(await on.runtime.inspect(target, options)).toBeUndefined()
    await on.runtime.stopContainer(target, 1, options)
    await on.runtime.removeContainer(target, options)
    await on.runtime.removeVolume(target, options)
    await on.runtime.removeNetwork(target, options)
    await expect(on.runtime.startContainer(target, {}, options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    await expect(on.runtime.exec(target, ['true'], options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
  })

  on.obligation('a made container is created, ours, and carries its spec', [], async () => {
    const made = await make('made')
    const container = await observed(made.container)
    expect(container).toMatchObject({
      name: made.container.name,
      owner: { stack: on.harness.stack, project: on.harness.project, root: on.harness.labels[label.root] },
      service: 'made',
      state: 'created',
      exitCode: undefined,
      spec: JSON.parse(made.container.labels[label.spec] ?? ''),
      ports: [],
    })
    const { name } = made.container
    expect(await on.runtime.inspect({ name }, options)).toEqual(container)
    expect(await on.runtime.inspect({ name, owner: container?.owner }, options)).toEqual(container)
    const theirs = { stack: on.harness.stack, project: 'another' }
    expect(await on.runtime.inspect({ name, owner: theirs }, options)).toBeUndefined()
    expect(await on.runtime.inspect({ name: 'another', id: container?.id ?? '' }, options)).toEqual(container)
  })

  on.obligation(
    'a container holds its ports while it runs, and starting and stopping twice changes nothing',
    [],
    async () => {
      const made = await start(await make('twice'))
      const ports = [{ host: made.port, hostAddress: '127.0.0.1' }]
      const running = await observed(made.container)
      expect(running).toMatchObject({ state: 'running', exitCode: undefined, ports })
      await start(made)
      expect(await observed(made.container)).toEqual(running)
      expect(await on.runtime.portHolder(made.port, options)).toContain(made.container.name)
      if (on.harness.real) await ready(made)
      await stop(made)
      const stopped = await observed(made.container)
      expect(stopped).toMatchObject({ id: running?.id, state: 'exited', ports: [] })
      expect(stopped?.exitCode).toEqual(expect.any(Number))
      expect(await on.runtime.inspect({ name: made.container.name }, options)).toEqual(stopped)
      await stop(made)
      expect(await observed(made.container)).toEqual(stopped)
      expect(await on.runtime.portHolder(made.port, options)).toBeUndefined()
    },
  )

  on.obligation('a running container is not removed', [], async () => {
    const made = await start(await make('kept'))
    await expect(on.runtime.removeContainer({ name: made.container.name }, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
    })
    expect(await observed(made.container)).toMatchObject({ state: 'running' })
  })

  on.obligation('a container that never ran stays created when it is stopped', [], async () => {
    const made = await make('unstarted')
    await stop(made)
    expect(await observed(made.container)).toMatchObject({ state: 'created', exitCode: undefined })
  })

  on.obligation('a second container of the same name is refused, and the first stays', [], async () => {
    const made = await make('taken')
    const before = await observed(made.container)
    await expect(on.runtime.createContainer(made.container, made.env, options)).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    })
    expect(await observed(made.container)).toEqual(before)
  })

  on.obligation('a renamed container is the same one under its new name', [], async () => {
    const made = await make('before')
    const id = (await observed(made.container))?.id
    const other = await make('other')
    const to = `${on.harness.prefix}after`
    await expect(
      on.runtime.renameContainer({ name: made.container.name }, other.container.name, options),
    ).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    await on.runtime.renameContainer({ name: made.container.name }, to, options)
    await on.runtime.renameContainer({ name: made.container.name, id: id ?? '' }, to, options)
    expect(await on.runtime.inspect({ name: to }, options)).toMatchObject({ id, name: to, service: 'before' })
    expect(await on.runtime.inspect({ name: made.container.name }, options)).toBeUndefined()
    // The old name is free again, and the renamed one starts: this is how a container is replaced.
    await on.runtime.createContainer(made.container, made.env, options)
    await on.runtime.removeContainer({ name: made.container.name }, options)
    await on.runtime.startContainer({ name: to }, made.files, options)
    expect(await on.runtime.inspect({ name: to }, options)).toMatchObject({ state: 'running' })
  })

  on.obligation('a container that is killed has ended with its exit code, and starts again', [], async () => {
    const made = await make('killed')
    if (on.harness.real) await ready(await start(made))
    else await start(made)
    await on.harness.outside.killMain(made.container.name)
    await expect.poll(async () => (await observed(made.container))?.state, { timeout: 10_000 }).toBe('exited')
    const ended = await observed(made.container)
    expect(ended).toMatchObject({ exitCode: 137, ports: [] })
    expect(await on.runtime.inspect({ name: made.container.name }, options)).toEqual(ended)
    await start(made)
    expect(await observed(made.container)).toMatchObject({ state: 'running' })
    if (on.harness.real) await ready(made)
  })

  on.obligation('two containers do not get one port, and the second one says which', [], async () => {
    const first = await start(await make('port-one'))
    const second = await on.harness.postgres('port-two', { port: first.port })
    await makeVolume(second)
    await on.runtime.createContainer(second.container, second.env, options)
    await expect(start(second)).rejects.toMatchObject({ code: 'PORT_IN_USE', details: { port: first.port } })
    expect(await observed(second.container)).toMatchObject({ ports: [] })
    expect(await observed(first.container)).toMatchObject({ state: 'running' })
    if (on.harness.real) await ready(first)
    await stop(first)
    await start(second)
    expect(await observed(second.container)).toMatchObject({ state: 'running' })
  })

  on.obligation(
    'a volume keeps its data when its container is removed, and loses it only by removeVolume',
    ['real'],
    async () => {
      const made = await start(await make('data'))
      await query(made, 'create table kept (value int); insert into kept values (42)')
      await stop(made)
      await on.runtime.removeContainer({ name: made.container.name }, options)
      await on.runtime.removeContainer({ name: made.container.name }, options)
      // Which major wrote the data is told by the data natively, and by a label, which this volume has not, elsewhere.
      expect((await observe()).volumes).toContainEqual(
        expect.objectContaining({
          name: made.volume,
          owner: expect.objectContaining({ stack: on.harness.stack }),
          key: 'data-data',
        }),
      )
      await makeVolume(made)
      await on.runtime.createContainer(made.container, made.env, options)
      await start(made)
      expect(await query(made, 'select value from kept')).toEqual([{ value: 42 }])
      await expect(on.runtime.removeVolume({ name: made.volume }, options)).rejects.toMatchObject({
        code: 'ENGINE_REFUSED',
      })
      await stop(made)
      await on.runtime.removeContainer({ name: made.container.name }, options)
      await on.runtime.removeVolume({ name: made.volume }, options)
      await on.runtime.removeVolume({ name: made.volume }, options)
      expect((await observe()).volumes.map((volume) => volume.name)).not.toContain(made.volume)
      await makeVolume(made)
      await on.runtime.createContainer(made.container, made.env, options)
      await start(made)
      await expect(query(made, 'select value from kept')).rejects.toMatchObject({ code: '42P01' })
    },
  )

  on.obligation('the password is the one in the file, and another one is refused', ['real'], async () => {
    const made = await start(await make('password'))
    expect(await query(made, 'select current_user::text as name')).toEqual([{ name: made.user }])
    await expect(query({ ...made, password: 'wrong' }, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  on.obligation('a volume that was made twice is one, and a foreign one is refused', [], async () => {
    const labels = { ...on.harness.labels, [label.volume]: 'same' }
    const volume = `${on.harness.prefix}same`
    await on.runtime.createVolume(volume, labels, options)
    await on.runtime.createVolume(volume, labels, options)
    const other = { ...labels, [label.project]: 'another' }
    await expect(on.runtime.createVolume(volume, other, options)).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    expect((await observe()).volumes.filter((one) => one.name === volume)).toHaveLength(1)
  })

  on.obligation('names are compared whole, not by their beginning', [], async () => {
    const volume = `${on.harness.prefix}whole`
    await on.runtime.createVolume(`${volume}-longer`, {}, options)
    const made = await make('long-name')
    const shorter = made.container.name.slice(0, -1)
    expect(await observe({ volumeNames: [volume], containerNames: [shorter] })).toMatchObject({
      volumes: expect.not.arrayContaining([expect.objectContaining({ name: `${volume}-longer` })]),
    })
    expect(await on.runtime.inspect({ name: shorter }, options)).toBeUndefined()
    const id = (await observed(made.container))?.id ?? ''
    expect(await on.runtime.inspect({ name: id.slice(0, 12) }, options)).toBeUndefined()
    await on.runtime.removeVolume({ name: volume }, options)
    const { volumes } = await observe({ volumeNames: [`${volume}-longer`] })
    const longer = { name: `${volume}-longer`, owner: undefined, key: undefined }
    expect(volumes).toContainEqual(expect.objectContaining(longer))
  })

  on.obligation('a look is sorted by name, and the same twice', [], async () => {
    const one = await observe()
    const sorted = one.containers.map((container) => container.name).toSorted()
    expect(one.containers.map((container) => container.name)).toEqual(sorted)
    expect(await observe()).toEqual(one)
  })

  on.obligation('a stopped signal stops a call before it begins, with the reason of the stop', [], async () => {
    const made = await on.harness.postgres('aborted')
    const aborted = { signal: AbortSignal.abort() }
    await expect(on.runtime.createContainer(made.container, made.env, aborted)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    await expect(on.runtime.observe(emptyScope(on.harness), aborted)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await observed(made.container)).toBeUndefined()
  })

  on.obligation('two runtimes over one machine see the same, and what runs outlives both', [], async () => {
    const made = await start(await make('shared'))
    const second = await on.harness.open()
    // A list does not say when and how often it was started.
    const { startedAt: _, restarts: __, ...seen } = (await second.inspect({ name: made.container.name }, options)) ?? {}
    expect(seen).toEqual(await observed(made.container))
    await second.close()
    await second.close()
    const third = await on.harness.open()
    if (on.harness.real) await ready(made)
    expect(await third.inspect({ name: made.container.name }, options)).toMatchObject({ state: 'running' })
    await third.stopContainer({ name: made.container.name }, 20, options)
    expect(await observed(made.container)).toMatchObject({ state: 'exited' })
    await third.close()
  })

  on.obligation('the log has the last lines, oldest first', ['real'], async () => {
    const made = await make('logs')
    await ready(await start(made))
    const lines = await on.runtime.logs({ name: made.container.name }, 500, options)
    expect(lines.join('\n')).toMatch(/database system is ready to accept connections/)
    expect(await on.runtime.logs({ name: made.container.name }, 1, options)).toEqual(lines.slice(-1))
    expect(await on.runtime.logs({ name: made.container.name }, 0, options)).toEqual([])
  })

  on.obligation(
    'objects of others are seen by name, are nobody of ours, and their names are taken',
    ['containers'],
    async () => {
      const theirs = {
        container: `${on.harness.prefix}theirs`,
        volume: `${on.harness.prefix}their-volume`,
        network: `${on.harness.prefix}their-network`,
      }
      await on.harness.outside.container(theirs.container)
      await on.harness.outside.volume(theirs.volume)
      await on.harness.outside.network(theirs.network)
      const plain = { ...emptyScope(on.harness), stack: `${on.harness.prefix}nobody` }
      expect(await on.runtime.observe(plain, options)).toMatchObject({ containers: [], volumes: [], networks: [] })
      const found = await observe({
        containerNames: [theirs.container],
        volumeNames: [theirs.volume],
        networkNames: [theirs.network],
      })
      expect(found.containers).toContainEqual(
        expect.objectContaining({ name: theirs.container, owner: undefined, service: undefined, spec: undefined }),
      )
      expect(found.volumes).toContainEqual(expect.objectContaining({ name: theirs.volume, owner: undefined }))
      expect(found.networks).toContainEqual(expect.objectContaining({ name: theirs.network, owner: undefined }))
      const taken = { code: 'NAME_TAKEN' }
      await expect(on.runtime.createContainer(on.harness.plain(theirs.container), {}, options)).rejects.toMatchObject(
        taken,
      )
      await expect(on.runtime.createVolume(theirs.volume, on.harness.labels, options)).rejects.toMatchObject(taken)
      await expect(on.runtime.createNetwork(theirs.network, on.harness.labels, options)).rejects.toMatchObject(taken)
    },
  )

  on.obligation(
    'files are in place at each start, and commands run and say how they ended',
    ['containers'],
    async () => {
      const container = on.harness.plain('files')
      await on.runtime.createContainer(container, {}, options)
      const target = { name: container.name }
      const file = '/run/poststack/deep/token'
      await on.runtime.startContainer(target, { [file]: 'first ünicode' }, options)
      expect(await on.runtime.exec(target, ['cat', file], options)).toEqual({ exitCode: 0, output: 'first ünicode' })
      expect(await on.runtime.exec(target, ['false'], options)).toMatchObject({ exitCode: 1 })
      expect(await on.runtime.exec(target, ['echo', 'a  b', '$HOME'], options)).toEqual({
        exitCode: 0,
        output: 'a  b $HOME\n',
      })
      expect(await on.runtime.exec(target, ['no-such-program'], options)).toMatchObject({ exitCode: 127 })
      await on.runtime.stopContainer(target, 0, options)
      await on.runtime.startContainer(target, { [file]: 'second' }, options)
      expect(await on.runtime.exec(target, ['cat', file], options)).toEqual({ exitCode: 0, output: 'second' })
    },
  )

  on.obligation('a network is made once, is used by name, and is kept while it is used', ['containers'], async () => {
    const network = `${on.harness.prefix}network`
    await on.runtime.createNetwork(network, on.harness.labels, options)
    await on.runtime.createNetwork(network, on.harness.labels, options)
    const [found, ...more] = (await observe()).networks.filter((one) => one.name === network)
    expect(found).toMatchObject({ owner: { stack: on.harness.stack, project: on.harness.project } })
    expect(more).toEqual([])
    const server = { ...on.harness.plain('server'), network, aliases: ['server', 'api'] }
    await on.runtime.createContainer(server, {}, options)
    await on.runtime.startContainer({ name: server.name }, {}, options)
    await expect(on.runtime.removeNetwork({ name: network }, options)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    if (on.harness.real) {
      const lookup = await on.runtime.exec({ name: server.name }, ['getent', 'hosts', 'api'], options)
      expect(lookup.exitCode).toBe(0)
    }
    await on.runtime.stopContainer({ name: server.name }, 0, options)
    await on.runtime.removeContainer({ name: server.name }, options)
    await on.runtime.removeNetwork({ name: network, id: found?.id ?? '' }, options)
    await on.runtime.removeNetwork({ name: network, id: found?.id ?? '' }, options)
    expect((await observe({ networkNames: [network] })).networks).toEqual([])
  })

  on.obligation('a missing image refuses the container and names it', ['containers'], async () => {
    const container = on.harness.plain('imageless', { image: `${on.harness.prefix}no/image` })
    await expect(on.runtime.createContainer(container, {}, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringContaining(`${on.harness.prefix}no/image`),
    })
    expect(await observed(container)).toBeUndefined()
  })

  on.obligation('images are observed by the name that was asked for', ['containers'], async () => {
    const refs = ['docker.io/library/postgres:17', 'docker.io/library/debian:trixie-slim']
    const { images } = await observe({ imageRefs: [...refs, ...refs, `${on.harness.prefix}none/such`] })
    expect(images.map(({ ref }) => ref)).toEqual(refs.toSorted())
    const container = on.harness.plain('image-id')
    await on.runtime.createContainer(container, {}, options)
    expect((await observed(container))?.imageId).toBe(images[0]?.id)
  })
})

function emptyScope(harness: RuntimeHarness): Scope {
  const { stack, project } = harness
  return { stack, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
}
