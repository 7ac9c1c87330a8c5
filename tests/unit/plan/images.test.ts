import { describe, expect, test } from 'vitest'

import { desiredState } from '../../../src/plan/desired.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, postgresService, stackConfig } from '../../support/memory-stack.ts'

test('a service and a project container of one name have each the image of their own files', () => {
  const build = { context: '/projects/shop', dockerfile: '/projects/shop/apps/Dockerfile', args: {}, target: undefined }
  const web = containerService({ name: 'web', image: undefined, build })
  const images = [{ name: 'web', build: { ...build, dockerfile: '/projects/shop/docker/web/Dockerfile' } }]
  const builds = {
    'services.web.build': { fingerprint: 'of-the-service', baseImages: [] },
    'containers/web': { fingerprint: 'of-the-folder', baseImages: [] },
  }
  const config = stackConfig([web], { images })
  const desired = desiredState({
    config,
    folders: {},
    builds,
    digests: {},
    shippedImages: { folder: '', fingerprints: {} },
  })
  expect(desired.images.map(({ ref }) => ref)).toEqual(['shop/web:of-the-folde', 'shop/web:of-the-servi'])
  expect(desired.services[0]?.container?.spec.image).toBe('shop/web:of-the-servi')
})

const buildOf = (name: string) => ({
  context: '/projects/shop',
  dockerfile: `/projects/shop/containers/${name}/Dockerfile`,
  args: {},
  target: undefined,
})

/** `base` at these files, and `site`, which is built `FROM shop/base`. */
const builtFrom = (fingerprint: string) => {
  const services = [containerService({ name: 'base', image: undefined, build: buildOf('base') })]
  const images = [{ name: 'site', build: buildOf('site') }]
  return desiredState({
    config: stackConfig(services, { images }),
    folders: {},
    builds: {
      'services.base.build': { fingerprint, baseImages: ['docker.io/library/debian:trixie-slim'] },
      'containers/site': { fingerprint: 'site-of-it', baseImages: ['localhost/shop/base'] },
    },
    digests: {},
    shippedImages: { folder: '', fingerprints: {} },
  })
}

test('`latest` goes back with the files, before anything is built from it', async () => {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  for (const fingerprint of ['v1', 'v2']) await stack.up(builtFrom(fingerprint))
  runtime.world.images.delete('shop/site:site-of-it')
  const back = builtFrom('v1')
  expect(formatPlan(await stack.plan(back))).toMatchInlineSnapshot(`
    "shop on memory: 8 steps

      #1 image:shop/base:v1          tag     shop/base:latest is an image of other files
      #2 service:base                rename  the old container makes room  after #1
      #3 service:base                create  changed: image  after #1 #2
           image: shop/base:v2 -> shop/base:v1
      #4 service:base                stop    the old container; the new one takes over  [downtime]  after #3
      #5 service:base                start   created by #3  after #3 #4
      #6 service:base                wait    started by #5  after #5
      #7 service:base                remove  the old container; the new one is ready  after #6
      #8 image:shop/site:site-of-it  build   no image of the present build inputs  after #1

    if that fails:
      #9  service:base  stop    the new container, which did not get ready
      #10 service:base  remove  the new container, which did not get ready
      #11 service:base  rename  the old container gets its name back
      #12 service:base  start   the old container runs again
    "
  `)
  await stack.up(back)
  expect(runtime.world.images.get('shop/base:latest')).toBe(runtime.world.images.get('shop/base:v1'))
  expect((await stack.plan(back)).steps).toEqual([])
})

const shippedAs = (base: string, postgres: string) =>
  desiredOf(stackConfig([postgresService()]), { shipped: { 'base-debian': base, postgres } })

test('an image that another version of Poststack has built is told and left alone', async () => {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  await stack.up(shippedAs('a', 'one'))
  expect(formatPlan(await stack.plan(shippedAs('a', 'one')))).toBe('shop on memory: everything is as declared\n')
  expect(formatPlan(await stack.plan(shippedAs('a', 'two')))).toMatchInlineSnapshot(`
    "shop on memory: everything is as declared

    warning: image:poststack/postgres:17: another version of Poststack has built it. To have that of this one: poststack container build; a container takes it when it is made anew
    "
  `)
  // Nobody knows, where it could not be read, or was not told apart then.
  expect((await stack.plan(desiredOf(stackConfig([postgresService()])))).warnings).toEqual([])
})

describe('a plan whose image cannot be had', () => {
  test('leaves the next one free to ask for another version', async () => {
    const runtime = createMemoryRuntime({ registry: [] })
    const stack = memoryStack(runtime)
    const failed = await stack.up(desiredOf(stackConfig([postgresService({ version: 16, image: 'nope/pg:16' })])))
    expect(failed.results.find(({ status }) => status === 'failed')?.error?.code).toBe('PULL_FAILED')
    const { results } = await stack.up(desiredOf(stackConfig([postgresService({ version: 17 })])))
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['done']))
  })

  test('leaves the old container its name', async () => {
    const worker = containerService({ name: 'worker', image: 'one' })
    const runtime = createMemoryRuntime({ registry: ['docker.io/library/one:latest'] })
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(stackConfig([worker])))
    const { plan, results } = await stack.up(desiredOf(stackConfig([{ ...worker, image: 'two' }])))
    expect(formatPlan(plan)).toMatchInlineSnapshot(`
      "shop on memory: 7 steps

        #1 image:docker.io/library/two:latest  pull    not found
        #2 service:worker                      rename  the old container makes room  after #1
        #3 service:worker                      create  changed: image  after #1 #2
             image: docker.io/library/one:latest -> docker.io/library/two:latest
        #4 service:worker                      stop    the old container; the new one takes over  [downtime]  after #3
        #5 service:worker                      start   created by #3  after #3 #4
        #6 service:worker                      wait    started by #5  after #5
        #7 service:worker                      remove  the old container; the new one is ready  after #6

      if that fails:
        #8  service:worker  stop    the new container, which did not get ready
        #9  service:worker  remove  the new container, which did not get ready
        #10 service:worker  rename  the old container gets its name back
        #11 service:worker  start   the old container runs again
      "
    `)
    expect(results.find(({ kind }) => kind === 'rename')?.status).toBe('skipped')
    expect(runtime.calls.map(({ method }) => method)).not.toContain('renameContainer')
  })
})

/** A registry whose image of any name holds PostgreSQL 17, and says so. */
function withMajor(runtime = createMemoryRuntime()): MemoryRuntime {
  return {
    ...runtime,
    observe: async (scope, options) => {
      const snapshot = await runtime.observe(scope, options)
      return { ...snapshot, images: snapshot.images.map((image) => ({ ...image, postgres: 17 })) }
    },
  }
}

const official = (version: number, image = 'postgres:17') =>
  desiredOf(stackConfig([postgresService({ version, image })]))

describe('an image of another major version than the declared one', () => {
  const refused = 'image docker.io/library/postgres:17 is of PostgreSQL 17, and `version` of db is 16'

  test('is refused when it is pulled, before a volume is made for the wrong version', async () => {
    const runtime = withMajor()
    const stack = memoryStack(runtime)
    const { results } = await stack.up(official(16))
    const [failed] = results.filter(({ status }) => status === 'failed')
    expect(failed?.error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: refused,
      hint: 'set `version` of db to 17; or `image` to one of PostgreSQL 16',
    })
    expect([...runtime.world.volumes.keys(), ...runtime.world.containers.keys()]).toEqual([])
    expect((await stack.plan(official(16))).steps).toMatchObject([
      { action: { kind: 'blocked', code: 'CONFIG_INVALID' }, cause: { text: refused } },
    ])
    expect((await stack.up(official(17))).results.filter(({ status }) => status !== 'done')).toEqual([])
  })

  test('is refused in place of one that runs', async () => {
    const runtime = createMemoryRuntime()
    runtime.world.images.set('docker.io/library/postgres:17', { id: 'there', labels: {} })
    await memoryStack(runtime).up(official(16, 'postgres:16'))
    const { steps } = await memoryStack(withMajor(runtime)).plan(official(16))
    expect(steps).toMatchObject([{ action: { kind: 'blocked', code: 'CONFIG_INVALID' }, cause: { text: refused } }])
  })

  test('goes on where it has made its data already, as only that can read them, and is told', async () => {
    const runtime = createMemoryRuntime()
    await memoryStack(runtime).up(official(16))
    const { steps, warnings } = await memoryStack(withMajor(runtime)).plan(official(16))
    expect(steps).toEqual([])
    expect(warnings).toMatchObject([{ subject: 'service:db' }])
    expect(warnings[0]?.message).toContain(`${refused}, for which its volume was made`)
  })
})
