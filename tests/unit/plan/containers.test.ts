import { describe, expect, test } from 'vitest'

import { observe, observeRuntime } from '../../../src/execute/observe.ts'
import { planBuild } from '../../../src/plan/build.ts'
import { planClean } from '../../../src/plan/clean.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { shippedImages } from '../../../src/plan/images.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { planRemove, planStop } from '../../../src/plan/stop.ts'
import type { Plan } from '../../../src/plan/step.ts'
import type { Desired } from '../../../src/plan/types.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  postgresService,
  stackConfig,
  type MemoryStack,
} from '../../support/memory-stack.ts'

const db = postgresService()
const web = containerService({ name: 'web', dependsOn: [{ service: 'db', condition: 'ready' }] })
const seed = containerService({ name: 'seed', job: true, dependsOn: [{ service: 'db', condition: 'ready' }] })
const build = { context: '/projects/shop', dockerfile: '/projects/shop/containers/app/Dockerfile', args: {} }
const app = containerService({ name: 'app', image: undefined, build: { ...build, target: undefined } })
const shop = stackConfig([db, web])
const signal = new AbortController().signal

interface Case {
  readonly runtime: MemoryRuntime
  readonly stack: MemoryStack
  readonly desired: Desired
  readonly plan: (make: (desired: Desired, observed: Parameters<typeof planStop>[1]) => Plan) => Promise<string>
}

async function running(config = shop): Promise<Case> {
  const runtime = createMemoryRuntime()
  const behaviour = runtime.world.behaviour
  runtime.world.behaviour = (container) => (container.name.endsWith('-seed') ? { exits: 0 } : behaviour(container))
  const stack = memoryStack(runtime)
  const desired = desiredOf(config)
  const { results } = await stack.up(desired)
  expect(results.map(({ status }) => status)).not.toContain('failed')
  const plan: Case['plan'] = async (make) => {
    const observed = { ...(await observeRuntime(desired, { runtime, signal })), runtime: 'memory' as const }
    return formatPlan(make(desired, observed))
  }
  return { runtime, stack, desired, plan }
}

const restartOf = async ({ stack, desired }: Case, services: readonly string[] = []): Promise<string> =>
  formatPlan(reconcile(desired, await observe(desired, stack.world), { services, goal: 'restart' }))

const cleanOf = async ({ desired, plan, runtime }: Case, volumes = false): Promise<string> => {
  const images = await runtime.builtImages(desired, { signal })
  return await plan((_, observed) => planClean({ desired, observed, images, volumes }))
}

const imagesThere = (...refs: readonly string[]) => ({
  runtime: 'podman' as const,
  containersPossible: true,
  images: refs.map((ref) => ({ ref, id: ref, fingerprint: undefined })),
})

describe('stop', () => {
  test('of all stops dependants first, and nothing else', async () => {
    const { plan } = await running()
    expect(await plan((desired, observed) => planStop(desired, observed, { names: [], all: false })))
      .toMatchInlineSnapshot(`
        "shop on memory: 2 steps

          #1 service:web  stop  asked for  [downtime]
          #2 service:db   stop  asked for  [downtime]  after #1
        "
      `)
  })

  test('goes by service or container, leaves the rest, and has nothing to do twice', async () => {
    const { plan, runtime } = await running()
    const stop = (...names: string[]) => plan((desired, observed) => planStop(desired, observed, { names, all: false }))
    expect(await stop('shop-db', 'db')).toMatchInlineSnapshot(`
      "shop on memory: 1 step for db

        #1 service:db  stop  asked for  [downtime]
      "
    `)
    runtime.kill('shop-db', 0)
    expect(await stop('db')).toContain('nothing to do')
    await expect(stop('dv')).rejects.toMatchObject({
      code: 'UNKNOWN_SERVICE',
      hint: 'did you mean db?\none of the declared services: db, web',
    })
  })

  test('leaves what is no longer declared, unless all is said or its name', async () => {
    const { plan } = await running()
    const without = desiredOf(stackConfig([db]))
    const stop = (names: readonly string[], all: boolean) =>
      plan((_, observed) => planStop(without, observed, { names, all }))
    expect(await stop([], false)).not.toContain('service:web')
    expect(await stop([], true)).toContain('service:web  stop')
    expect(await stop(['web'], false)).toContain('service:web  stop')
  })
})

test('a database that Poststack does not run can be neither stopped nor removed', async () => {
  const { plan } = await running()
  const remote = {
    kind: 'external',
    name: 'remote',
    dependsOn: [],
    readyTimeoutMs: 30,
    host: 'db.example.org',
  } as const
  const login = { port: 5432, user: 'app', database: 'app', password: undefined, parameters: '', migrations: undefined }
  const desired = desiredOf(stackConfig([db, { ...remote, ...login }]))
  const names = ['remote']
  await expect(plan((_, seen) => planStop(desired, seen, { names, all: false }))).rejects.toMatchObject({
    code: 'USAGE',
  })
  await expect(plan((_, seen) => planRemove(desired, seen, { names, force: true }))).rejects.toThrow('does not run')
})

describe('remove', () => {
  test('of a second checkout takes no name of the first one', async () => {
    const { runtime } = await running()
    const config = stackConfig([postgresService({ port: 5433 })], { root: '/projects/shop-2' })
    const stack = memoryStack(runtime)
    await stack.up(desiredOf(config))
    const desired = desiredOf(config)
    const observed = { ...(await observeRuntime(desired, { runtime, signal })), runtime: 'memory' as const }
    const remove = (name: string): Plan => planRemove(desired, observed, { names: [name], force: true })
    expect(() => remove('shop-db')).toThrow('there is no service shop-db')
    const own = observed.containers.find(({ owner }) => owner?.project === desired.project)?.name ?? ''
    expect(own).toMatch(/^shop-db-\w+$/)
    expect(remove(own).steps.map(({ subject }) => subject)).toContain('service:db')
  })

  test('refuses what runs, and says both ways', async () => {
    const { plan, runtime } = await running()
    const remove = (force: boolean, ...names: string[]) =>
      plan((desired, observed) => planRemove(desired, observed, { names, force }))
    expect(await remove(false, 'web')).toMatchInlineSnapshot(`
      "shop on memory: 1 step for web, 1 blocked: nothing will be done until that is mended

        #1 service:web  blocked  container shop-web is running
             - stop it first: poststack container stop web
             - or say --force: it is stopped and removed
      "
    `)
    expect(await remove(true, 'web', 'db')).toMatchInlineSnapshot(`
      "shop on memory: 4 steps for db, web

        #1 service:web  stop    asked for  [downtime]
        #2 service:web  remove  asked for  after #1
        #3 service:db   stop    asked for  [downtime]  after #2
        #4 service:db   remove  asked for  after #2 #3
      "
    `)
    runtime.kill('shop-web', 0)
    expect(await remove(false, 'web')).toContain('#1 service:web  remove  asked for')
    runtime.drop('shop-web')
    expect(await remove(false, 'web')).toContain('nothing to do')
  })
})

describe('restart', () => {
  test('of all stops dependants first and starts them last', async () => {
    expect(await restartOf(await running())).toMatchInlineSnapshot(`
      "shop on memory: 6 steps

        #1 service:web  stop   restart  [downtime]
        #2 service:db   stop   restart  [downtime]  after #1
        #3 service:db   start  restart  after #2
        #4 service:db   wait   started by #3  after #3
        #5 service:web  start  restart  after #1 #4
        #6 service:web  wait   started by #5  after #5
      "
    `)
  })

  test('of one leaves what depends on it, and starts what it depends on', async () => {
    const shopRunning = await running()
    expect(await restartOf(shopRunning, ['db'])).not.toContain('service:web')
    shopRunning.runtime.kill('shop-db', 1)
    expect(await restartOf(shopRunning, ['web'])).toMatchInlineSnapshot(`
      "shop on memory: 5 steps for web

        #1 service:web  stop   restart  [downtime]
        #2 service:db   start  ended with exit code 1
        #3 service:db   wait   started by #2  after #2
        #4 service:web  start  restart  after #1 #3
        #5 service:web  wait   started by #4  after #4
      "
    `)
  })

  test('runs a job that has done its work only when it is named', async () => {
    const withJob = await running(stackConfig([db, seed]))
    expect(await restartOf(withJob)).not.toContain('service:seed')
    expect(await restartOf(withJob, ['seed'])).toContain('service:seed  start')
  })

  test('replaces what has changed, and stops it once', async () => {
    const { stack } = await running()
    const changed = desiredOf(stackConfig([db, { ...web, workdir: '/srv' }]))
    const plan = formatPlan(reconcile(changed, await observe(changed, stack.world), { goal: 'restart' }))
    expect(plan.match(/service:web +stop .*takes over/g)).toHaveLength(1)
    expect(plan).toContain('changed: workdir')
  })

  test('start leaves alone what is no longer declared', async () => {
    const { stack } = await running()
    const without = desiredOf(stackConfig([db]))
    const observed = await observe(without, stack.world)
    expect(reconcile(without, observed, { goal: 'start' }).steps).toEqual([])
    expect(reconcile(without, observed).steps.map(({ action }) => action.kind)).toEqual(['stop', 'remove'])
  })
})

describe('clean', () => {
  test('finds nothing in a stack that runs, and keeps the container of a job that is done', async () => {
    expect(await cleanOf(await running(stackConfig([db, web, seed])))).toBe('shop on memory: nothing is left over\n')
  })

  test('removes what is stopped, the network when nothing is left on it, and data only when it is asked to', async () => {
    const stopped = await running()
    stopped.runtime.kill('shop-web', 1)
    expect(await cleanOf(stopped, true)).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 service:web  remove  it is stopped
      "
    `)
    stopped.runtime.kill('shop-db', 0)
    expect(await cleanOf(stopped)).toMatchInlineSnapshot(`
      "shop on memory: 3 steps

        #1 service:db    remove          it is stopped
        #2 service:web   remove          it is stopped
        #3 network:shop  remove-network  no container is on it  after #1 #2
      "
    `)
    expect(await cleanOf(stopped, true)).toMatch(/remove-volume +no container uses it  \[data-loss\]/)
  })

  test('leaves alone what remembers a job, which is no data and is needed while there are any', async () => {
    const { desired, runtime, stack } = await running(stackConfig([db, seed]))
    expect([...runtime.world.volumes.keys()].toSorted()).toEqual([
      'shop-db-data',
      expect.stringMatching(/^shop-seed-done-/),
    ])
    runtime.kill('shop-db', 0)
    const observed = { ...(await observeRuntime(desired, stack.world)), runtime: 'memory' as const }
    const clean = (volumes: boolean): Plan => planClean({ desired, observed, images: [], volumes })
    expect(clean(false).keptVolumes).toEqual(['shop-db-data'])
    const removed = clean(true).steps.filter(({ action }) => action.kind === 'remove-volume')
    expect(removed.map(({ subject }) => subject)).toEqual(['volume:shop-db-data'])
  })

  test('removes images of older files, but none that is in use', async () => {
    const built = await running(stackConfig([app]))
    const labels = built.runtime.world.images.get('shop/app:latest')?.labels ?? {}
    expect(await cleanOf(built)).toContain('nothing is left over')
    built.runtime.world.images.set('shop/app:old', { id: 'image:old', labels })
    expect(await cleanOf(built)).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 image:shop/app:old  remove-image  built from older files
      "
    `)
    const used = [...built.runtime.world.containers.values()][0]?.imageId ?? ''
    built.runtime.world.images.set('shop/app:old', { id: used, labels })
    expect(await cleanOf(built)).toContain('nothing is left over')
  })
})

describe('build', () => {
  const [base, postgres] = shippedImages([17], { folder: '/package/containers', fingerprints: {} })
  const bases = [base]
  const desired = desiredOf(stackConfig([app]))
  const project = desired.images.filter((image) => image.kind === 'build' && !image.shipped) as [typeof base]
  const none = { desired, bases, noCache: false }

  test("builds Poststack's own even when they are there, on a base that is", () => {
    const wanted = postgres === undefined ? [] : [postgres]
    const there = imagesThere('poststack/base-debian:latest', 'poststack/postgres:17')
    expect(formatPlan(planBuild({ ...none, observed: there, wanted }))).toMatchInlineSnapshot(`
      "shop on podman: 1 step

        #1 image:poststack/postgres:17  build  asked for
      "
    `)
    expect(formatPlan(planBuild({ ...none, observed: imagesThere(), wanted }))).toMatchInlineSnapshot(`
      "shop on podman: 2 steps

        #1 image:poststack/base-debian:latest  build  not found
        #2 image:poststack/postgres:17         build  not found  after #1
      "
    `)
  })

  test("builds the project's when their files have changed, or without cache, and labels them as the stack's", () => {
    const [image] = project
    const there = imagesThere(image.ref)
    expect(planBuild({ ...none, observed: there, wanted: project }).steps).toEqual([])
    const stale = { ...there, images: [...there.images, { ref: 'shop/app:latest', id: 'old', fingerprint: 'old' }] }
    expect(planBuild({ ...none, observed: stale, wanted: project }).steps).toMatchObject([
      { action: { kind: 'tag', ref: image.ref, names: ['shop/app:latest'] } },
    ])
    const { steps } = planBuild({ ...none, observed: there, wanted: project, noCache: true })
    expect(steps).toMatchObject([
      { action: { kind: 'build', noCache: true, labels: { 'dev.poststack.stack': 'shop' } } },
    ])
  })

  test('of a large context that nothing is left out of warns, in a plan of the stack and in one of its images', async () => {
    const bulk = { files: 23_000, bytes: 300.5 * 1024 * 1024, most: 'node_modules' }
    const images = desired.images.map((image) =>
      image.kind === 'build' && !image.shipped ? { ...image, bulk } : image,
    )
    const [image] = images.filter((one) => one.ref === project[0].ref) as [typeof base]
    const warning = {
      subject: `image:${image.ref}`,
      message:
        'all 23000 files (301 MB) of its build context are copied, most of that node_modules, and there is no .dockerignore: name in one what the image does not need',
    }
    expect(planBuild({ ...none, observed: imagesThere(), wanted: [image] }).warnings).toEqual([warning])
    expect(planBuild({ ...none, observed: imagesThere(image.ref), wanted: [image] }).warnings).toEqual([])
    const stack = memoryStack(createMemoryRuntime())
    expect((await stack.plan({ ...desired, images })).warnings).toEqual([warning])
    await stack.up({ ...desired, images })
    expect((await stack.plan({ ...desired, images })).warnings).toEqual([])
  })

  test('is blocked where no images can be', () => {
    const observed = { ...imagesThere(), runtime: 'native' as const, containersPossible: false }
    expect(formatPlan(planBuild({ ...none, observed, wanted: project }))).toContain('native runtime builds no images')
  })
})
