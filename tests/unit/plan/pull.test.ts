import { describe, expect, test } from 'vitest'

import { formatPlan } from '../../../src/plan/format.ts'
import { isForPlatform } from '../../../src/plan/images.ts'
import { planPull, warnOfPulls } from '../../../src/plan/reconcile/pull.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { observe } from '../../../src/execute/observe.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, stackConfig } from '../../support/memory-stack.ts'

const ref = 'docker.io/library/app:latest'
const app = containerService({ name: 'app', image: 'app' })

async function planOf(service: typeof app, platform?: string): Promise<string> {
  const stack = memoryStack(createMemoryRuntime())
  const desired = desiredOf(stackConfig([service]))
  const observed = await observe(desired, stack.world)
  const images = platform === undefined ? [] : [{ ref, id: 'image', fingerprint: undefined, platform }]
  return formatPlan(reconcile(desired, { ...observed, images }))
}

describe('an image that must not be pulled', () => {
  test('stands in the way when it is not there, with the ways to get it', async () => {
    expect(await planOf({ ...app, pull: 'never' })).toMatchInlineSnapshot(`
      "shop on memory: 5 steps, 1 blocked: nothing will be done until that is mended

        #1 image:docker.io/library/app:latest  blocked         not found, and \`pull: 'never'\` forbids pulling it
             - bring it here: memory pull docker.io/library/app:latest, or memory load -i FILE
             - or leave \`pull\` out of the config, and it is pulled
        #2 network:shop                        create-network  not found
        #3 service:app                         create          not found  after #1 #2
        #4 service:app                         start           created by #3  after #3
        #5 service:app                         wait            started by #4  after #4
      "
    `)
    expect(await planOf({ ...app, pull: 'never' }, 'linux/amd64')).not.toContain('image:')
  })
})

describe('an image for another platform', () => {
  test('is not the one that is wanted', async () => {
    expect(await planOf({ ...app, platform: 'linux/arm64' }, 'linux/amd64')).toContain(
      `image:${ref}  pull            it is there for linux/amd64, and wanted for linux/arm64`,
    )
    expect(await planOf({ ...app, platform: 'linux/arm64' }, 'linux/arm64/v8')).not.toContain('image:')
    expect(await planOf({ ...app, platform: 'linux/arm64', pull: 'never' }, 'linux/amd64')).toContain(
      'memory pull --platform linux/arm64',
    )
  })

  test.each([
    ['linux/arm64', 'linux/arm64/v8', false],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/arm/v7', 'linux/arm', true],
    ['windows/amd64', 'linux/amd64', false],
  ])('an image for %s, wanted for %s', (image, wanted, fits) => {
    // An image without a variant is for every one.
    expect(isForPlatform(image, wanted)).toBe(fits || image === 'linux/arm64')
  })
})

describe('an image that is always pulled', () => {
  const desired = desiredOf(stackConfig([{ ...app, pull: 'always' }, containerService({ name: 'peer', image: 'app' })]))
  const runtime = { name: 'memory', containersPossible: true } as const

  test('is pulled before all else, once for all that run it, and never where there are no images', () => {
    expect(formatPlan(planPull(desired, runtime, []))).toMatchInlineSnapshot(`
      "shop on memory: 1 step

        #1 image:docker.io/library/app:latest  pull  \`pull: 'always'\`
      "
    `)
    expect(planPull(desired, { ...runtime, containersPossible: false }, []).steps).toEqual([])
  })

  test('makes a plan say that it does not know what will come', async () => {
    const stack = memoryStack(createMemoryRuntime())
    await stack.up(desired)
    const plan = await stack.plan(desired)
    expect(plan.steps).toEqual([])
    expect(warnOfPulls(plan, desired).warnings).toEqual([
      {
        subject: `image:${ref}`,
        message:
          "`up` asks the registry for a newer one first (`pull: 'always'`); what follows from one is not in this plan",
      },
    ])
  })
})
