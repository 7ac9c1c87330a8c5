import { describe, expect, test } from 'vitest'

import { formatPlan } from '../../../src/plan/format.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  postgresService,
  stackConfig,
  type MemoryStack,
} from '../../support/memory-stack.ts'

const on = (name: string, host: number, options: Partial<Parameters<typeof containerService>[0]> = {}) =>
  containerService({
    name,
    ports: [{ name: 'http', container: 80, host, hostAddress: '127.0.0.1', protocol: 'tcp' }],
    ...options,
  })
const shop = stackConfig([on('api', 8080), on('web', 8081)])

async function running(config = shop): Promise<MemoryStack> {
  const stack = memoryStack(createMemoryRuntime())
  await upTo(stack, config)
  return stack
}

/** Every step is done, and nothing is left to do. */
async function upTo(stack: MemoryStack, config: typeof shop, services: readonly string[] = []): Promise<void> {
  const { plan, results } = await stack.up(desiredOf(config), services)
  expect(plan.steps.filter(({ action }) => action.kind === 'blocked')).toEqual([])
  expect(results.filter(({ status }) => status === 'failed' || status === 'skipped')).toEqual([])
  expect((await stack.plan(desiredOf(config), services)).steps).toEqual([])
}

describe('ports that pass from one service to another', () => {
  test('must be free before anybody starts, when two services swap theirs', async () => {
    const stack = await running()
    const swapped = stackConfig([on('api', 8081), on('web', 8080, { image: 'fresh' })])
    const text = formatPlan(await stack.plan(desiredOf(swapped)))
    expect(text.slice(0, text.indexOf('if that fails'))).toMatchInlineSnapshot(`
      "shop on memory: 13 steps

        #1  image:docker.io/library/fresh:latest  pull    not found
        #2  service:api                           stop    its port goes to web  [downtime]  after #1
        #3  service:web                           stop    its port goes to api  [downtime]  after #1
        #4  service:api                           rename  the old container makes room  after #2
        #5  service:api                           create  changed: ports[80]  after #4
              ports[80]: 8080 -> 8081
        #6  service:api                           start   created by #5  after #2 #3 #5
        #7  service:api                           wait    started by #6  after #6
        #8  service:api                           remove  the old container; the new one is ready  after #7
        #9  service:web                           rename  the old container makes room  after #1 #3
        #10 service:web                           create  changed: image, ports[80]  after #1 #9
              image: docker.io/library/debian:trixie-slim -> docker.io/library/fresh:latest
              ports[80]: 8081 -> 8080
        #11 service:web                           start   created by #10  after #2 #3 #10
        #12 service:web                           wait    started by #11  after #11
        #13 service:web                           remove  the old container; the new one is ready  after #12

      "
    `)
    await upTo(stack, swapped)
  })

  test('must be free before they are taken, whatever order the services come in, and also where one depends on the other', async () => {
    const stack = await running()
    await upTo(stack, stackConfig([on('api', 8081), on('web', 8082)]))
    await upTo(stack, stackConfig([on('api', 8080), on('web', 8081)]))
    const needsApi = { dependsOn: [{ service: 'api', condition: 'ready' as const }] }
    await upTo(stack, stackConfig([on('api', 8081), on('web', 8080, needsApi)]))
    await upTo(stack, stackConfig([on('web', 8081), on('api', 8080)]))
    const all = { name: 'http', container: 80, host: 8080, hostAddress: '0.0.0.0', protocol: 'tcp' } as const
    await upTo(stack, stackConfig([on('web', 8080, { ports: [all] }), on('api', 8081)]))
    await upTo(stack, stackConfig([postgresService({ port: 8080 }), on('web', 8081), on('api', 8082)]))
  })

  test('stop nobody whose number is another port: of UDP, or of another address', async () => {
    const udp = { name: 'dns', container: 53, host: 8080, hostAddress: '127.0.0.1', protocol: 'udp' } as const
    const elsewhere = { name: 'http', container: 80, host: 8080, hostAddress: '127.0.0.2', protocol: 'tcp' } as const
    for (const port of [udp, elsewhere]) {
      const stack = await running(stackConfig([on('api', 0, { ports: [port] })]))
      const more = desiredOf(stackConfig([on('api', 0, { ports: [port] }), on('web', 8080)]))
      const kinds = (await stack.plan(more, ['web'])).steps.map(({ action }) => action.kind)
      expect(kinds).toEqual(['create', 'start', 'wait'])
    }
  })
})

test('a start waits for what goes for good only where its port is that very one, or open on every address', async () => {
  const http = { name: 'http', container: 80, host: 8080, hostAddress: '127.0.0.1', protocol: 'tcp' } as const
  const waitsFor = async (port: typeof http | { readonly hostAddress: string; readonly protocol: 'udp' | 'tcp' }) => {
    const stack = await running(stackConfig([on('api', 0, { ports: [{ ...http, ...port }] })]))
    const { steps } = await stack.plan(desiredOf(stackConfig([on('web', 8080)])))
    const removed = steps.find(({ action, subject }) => action.kind === 'remove' && subject === 'service:api')
    const started = steps.find(({ action, subject }) => action.kind === 'start' && subject === 'service:web')
    return started?.needs.includes(removed?.id ?? 0)
  }
  expect(await waitsFor(http)).toBe(true)
  expect(await waitsFor({ hostAddress: '0.0.0.0', protocol: 'tcp' })).toBe(true)
  expect(await waitsFor({ hostAddress: '127.0.0.2', protocol: 'tcp' })).toBe(false)
  expect(await waitsFor({ hostAddress: '127.0.0.1', protocol: 'udp' })).toBe(false)
})

test('a service that fails in a swap must be told that its old port is gone, and get its new one when it is mended', async () => {
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  await upTo(stack, shop)
  const swapped = stackConfig([on('api', 8081), on('web', 8080, { image: 'broken' })])
  runtime.world.behaviour = ({ plan }) => (plan?.spec.image.includes('broken') === true ? { exits: 1 } : 'runs')
  const { results } = await stack.up(desiredOf(swapped))
  const errors = results.flatMap(({ error, kind }) => (error === undefined ? [] : [[kind, error.code, error.message]]))
  expect(errors).toEqual([
    ['wait', 'NOT_READY', expect.stringContaining('Service web ended with exit code 1')],
    [
      'start',
      'PORT_IN_USE',
      'The old container of web cannot run again: its port has gone to api, as declared. web does not run now.',
    ],
  ])
  await upTo(stack, stackConfig([on('api', 8081), on('web', 8080, { image: 'mended' })]))
})

describe('a port that a container of the stack holds which the plan leaves alone', () => {
  test('must be told with the service that has to come along', async () => {
    const stack = await running()
    const moved = desiredOf(stackConfig([on('api', 8081), on('web', 8082)]))
    expect(formatPlan(await stack.plan(moved, ['api']))).toMatchInlineSnapshot(`
      "shop on memory: 1 step for api, 1 blocked: nothing will be done until that is mended

        #1 service:api  blocked  port 8081 on 127.0.0.1 is held by container shop-web of web
             - bring up both: poststack up api web
      "
    `)
    await upTo(stack, stackConfig([on('api', 8081), on('web', 8082)]), ['api', 'web'])
  })

  test('must be told with the way to remove it, when it is of a service that is no longer declared', async () => {
    const stack = await running()
    const without = stackConfig([on('api', 8081)])
    expect(formatPlan(await stack.plan(desiredOf(without), ['api']))).toMatchInlineSnapshot(`
      "shop on memory: 1 step for api, 1 blocked: nothing will be done until that is mended

        #1 service:api  blocked  port 8081 on 127.0.0.1 is held by container shop-web of web, which is no longer declared
             - poststack up, which removes it
             - or poststack container remove web --force
      "
    `)
    await upTo(stack, without)
  })
})
