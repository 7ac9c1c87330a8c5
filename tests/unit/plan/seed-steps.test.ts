import { describe, expect, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import { execute } from '../../../src/execute/execute.ts'
import type { Seed } from '../../../src/migrations/types.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  containerService,
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
} from '../../support/memory-stack.ts'

const config = stackConfig([
  postgresService({ name: 'db', migrations: '/projects/shop/migrations' }),
  containerService({ name: 'web', dependsOn: [{ service: 'db', condition: 'migrated' }] }),
])

function sql(file: string, text = file): Seed {
  return { file, checksum: `sha-${text}`, content: { kind: 'sql', text: { sql: text, checksum: `sha-${text}` } } }
}

function script(file: string): Seed {
  return { file, checksum: `sha-${file}`, content: { kind: 'script', path: `/projects/shop/seeds/${file}` } }
}

function refused(): Promise<void> {
  return Promise.reject(new PoststackError('SCRIPT_FAILED', 'it ended with 3'))
}

function withSeeds(...seeds: readonly Seed[]) {
  return desiredOf(config, { migrations: [migration('001')], seeds })
}

describe('seeds', () => {
  test('come after the migrations, before whatever waits for these, and once', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const desired = withSeeds(sql('010_users.sql'), script('020_orders.ts'))
    const plan = formatPlan(await stack.plan(desired))
    expect(plan).toContain('seed')
    expect(plan).toContain('2 new: 010_users.sql, 020_orders.ts')
    const { plan: done, results } = await stack.up(desired)
    expect(results.filter(({ status }) => status === 'failed' || status === 'skipped')).toEqual([])
    const id = (kind: string, subject: string): number =>
      done.steps.find(({ action, subject: about }) => action.kind === kind && about === subject)?.id ?? 0
    const seeded = done.steps.find(({ action }) => action.kind === 'seed')
    expect(seeded?.needs).toEqual([id('migrate', 'service:db')])
    const started = done.steps.find(({ action, subject }) => action.kind === 'start' && subject === 'service:web')
    expect(started?.needs).toContain(seeded?.id)
    expect((await stack.plan(desired)).steps).toEqual([])
  })

  test('run again for another content only, and a new name is none', async () => {
    const stack = memoryStack(createMemoryRuntime())
    await stack.up(withSeeds(sql('010_users.sql')))
    expect((await stack.plan(withSeeds(sql('011_people.sql', '010_users.sql')))).steps).toEqual([])
    const changed = await stack.plan(withSeeds(sql('010_users.sql', 'other'), sql('030_more.sql')))
    const step = changed.steps.find(({ action }) => action.kind === 'seed')
    expect(step?.cause.text).toBe('1 new: 030_more.sql; 1 changed: 010_users.sql')
    await stack.up(withSeeds(sql('010_users.sql', 'other'), sql('030_more.sql')))
    // The first content is known to the database still.
    expect((await stack.plan(withSeeds(sql('010_users.sql')))).steps).toEqual([])
  })

  test('a failed one stops what waits for the database, and the next run goes on with it', async () => {
    const stack = memoryStack(createMemoryRuntime())
    const desired = withSeeds(sql('010_users.sql'), script('020_orders.ts'))
    const results = await execute(await stack.plan(desired), { ...stack.world, runScript: refused })
    const of = (kind: string, subject: string) =>
      results.find((result) => result.kind === kind && result.subject === subject)
    expect(of('seed', 'service:db')).toMatchObject({ status: 'failed', error: { code: 'SCRIPT_FAILED' } })
    expect(of('start', 'service:web')).toMatchObject({ status: 'skipped', because: of('seed', 'service:db')?.step })
    const again = await stack.plan(desired)
    expect(again.steps.find(({ action }) => action.kind === 'seed')?.cause.text).toBe('1 new: 020_orders.ts')
  })
})
