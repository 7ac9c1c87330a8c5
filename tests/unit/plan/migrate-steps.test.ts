import { expect, test } from 'vitest'
import { formatPlan } from '../../../src/plan/format.ts'
import { observe } from '../../../src/execute/observe.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import {
  desiredOf,
  memoryStack,
  migration,
  postgresService,
  stackConfig,
  type Ledgers,
} from '../../support/memory-stack.ts'

const config = stackConfig([postgresService({ migrations: '/projects/shop/migrations' })])

test('a migration of which only comments were edited is a warning, and stops nothing', async () => {
  const ledgers: Ledgers = new Map()
  const stack = memoryStack(createMemoryRuntime(), ledgers)
  await stack.up(desiredOf(config, { migrations: [migration('001')] }))
  const edited = migration('001', '-- one\nCREATE TABLE t001 ();')
  for (const { applied } of ledgers.values())
    applied.splice(0, 1, ...applied.map((row) => ({ ...row, reformatted: edited.checksum })))
  const warning = 'In 001_change.sql only comments or blanks changed since it was applied; its structure is the same.'
  const plan = await stack.plan(desiredOf(config, { migrations: [edited] }))
  expect(plan).toMatchObject({ steps: [], warnings: [{ subject: 'service:db', message: warning }] })
  const more = await stack.plan(desiredOf(config, { migrations: [edited, migration('002')] }))
  expect(formatPlan(more)).toMatch(/migrate {2}1 pending: 002_change\.sql/)
  // The run does not say again what the plan has said.
  await stack.up(desiredOf(config, { migrations: [edited, migration('002')] }))
  expect(stack.events.filter(({ type }) => type === 'migration-applied')).toHaveLength(2)
  expect(stack.events.filter(({ type }) => type === 'notice')).toEqual([])
})

test('a migration that takes data away is named in its step, which has that risk', async () => {
  const stack = memoryStack(createMemoryRuntime())
  await stack.up(desiredOf(config, { migrations: [migration('001')] }))
  const desired = desiredOf(config, { migrations: [migration('001'), migration('002', 'DROP TABLE t001;')] })
  const observed = await observe(desired, stack.world)
  const losses = [{ file: '002_change.sql', line: 1, what: 'drops table t001' }]
  const database = observed.databases['db']
  if (database?.state !== 'read') throw new Error('the database was not read')
  const plan = reconcile(desired, { ...observed, databases: { db: { ...database, losses } } })
  expect(plan.steps).toMatchObject([{ risk: 'data-loss', action: { kind: 'migrate', losses } }])
  expect(formatPlan(plan)).toContain(
    'service:db  migrate  1 pending: 002_change.sql; 002_change.sql drops table t001  [data-loss]',
  )
})
