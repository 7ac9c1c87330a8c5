import { describe, expect, test } from 'vitest'

import { observe } from '../../../src/execute/observe.ts'
import { planDown } from '../../../src/plan/down.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { stackStatus } from '../../../src/plan/status.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
} from '../../support/memory-stack.ts'

const db = postgresService({ migrations: '/projects/shop/migrations' })
const admin = containerService({
  name: 'admin',
  image: 'admin',
  idle: ['debug', 'tools'],
  dependsOn: [{ service: 'db', condition: 'ready' }],
  ports: [{ name: 'http', container: 80, host: 8081, hostAddress: '127.0.0.1', protocol: 'tcp' }],
})
const { idle: _, ...asked } = admin
const migrations = [migration('001')]
// What a command reads that names the service, or its profile.
const named = desiredOf(stackConfig([db, asked]), { migrations })
const whole = desiredOf(stackConfig([db, admin]), { migrations })

describe('a service whose profiles nobody asked for', () => {
  test('is not brought up, and nothing about it is asked or pulled', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    runtime.world.busyPorts.add(8081)
    const { plan, results } = await stack.up(whole)
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['done']))
    expect(plan.steps.map(({ subject }) => subject)).not.toContain('service:admin')
    expect([...runtime.world.images.keys()].join(' ')).not.toContain('admin')
    expect(formatPlan(await stack.plan(whole))).toContain('everything is as declared')
    const observed = await observe(whole, stack.world)
    const status = stackStatus(whole, observed, reconcile(whole, observed))
    expect(status).toMatchObject({
      asDeclared: true,
      services: [{ service: 'admin', state: 'absent' }, { state: 'ready' }],
    })
    expect(status.services[0]?.reason).toBe('not asked for; with --profile debug or tools, or by its name, it runs')
  })

  test('is left alone when it runs, by up and restart, and goes with down', async () => {
    const runtime = createMemoryRuntime()
    const stack = memoryStack(runtime)
    await stack.up(named, ['admin'])
    expect((await stack.up(whole)).results.map(({ status }) => status)).not.toContain('failed')
    expect(formatPlan(await stack.plan(whole))).toContain('everything is as declared')
    // A change of it is nobody's business until it is asked for.
    const changed = desiredOf(stackConfig([db, { ...admin, env: { A: ['b'] } }]), { migrations })
    expect(formatPlan(await stack.plan(changed))).toContain('everything is as declared')
    const observed = await observe(whole, stack.world)
    const restart = reconcile(whole, observed, { goal: 'restart' })
    expect(restart.steps.map(({ subject }) => subject)).not.toContain('service:admin')
    expect(stackStatus(whole, observed, reconcile(whole, observed)).services[0]).toMatchObject({ state: 'ready' })
    const down = planDown(whole, observed, { volumes: false })
    expect(down.steps.map(({ subject, action }) => `${subject} ${action.kind}`)).toContain('service:admin remove')
  })
})
