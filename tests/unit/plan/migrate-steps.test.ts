import { expect, test } from 'vitest'
import { formatPlan } from '../../../src/plan/format.ts'
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
