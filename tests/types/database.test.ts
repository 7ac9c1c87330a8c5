import { describe, expectTypeOf, it } from 'vitest'
import type { Client, Pool, PoolClient } from 'pg'
import {
  type DatabaseStatus,
  isPoststackError,
  type ErrorCode,
  migrate,
  type MigrateRequest,
  type MigrationEvent,
  type MigrationState,
  rollback,
  type RollbackRequest,
  status,
  type StatusRequest,
  verify,
  type VerifyReport,
} from '../../src/database.ts'

const migrations = [{ file: '001_a.sql', sql: '' }]

describe('what an editor says about a call of the library', () => {
  it('a database is a URL, a client or a pool of pg, and only one of them', () => {
    expectTypeOf<{ url: string; dir: string }>().toExtend<StatusRequest>()
    expectTypeOf<{ client: Client; dir: string }>().toExtend<StatusRequest>()
    expectTypeOf<{ client: PoolClient; dir: string }>().toExtend<StatusRequest>()
    expectTypeOf<{ client: Pool; dir: string }>().toExtend<StatusRequest>()
    expectTypeOf<{ client: Pool; url: string; dir: string }>().not.toExtend<StatusRequest>()
    expectTypeOf<{ client: object; dir: string }>().not.toExtend<StatusRequest>()
    expectTypeOf<{ dir: string }>().not.toExtend<StatusRequest>()
  })

  it('migrations are a folder or files, and only one of them; a rollback needs neither', () => {
    expectTypeOf<{ url: string; migrations: typeof migrations }>().toExtend<MigrateRequest>()
    expectTypeOf<{ url: string; migrations: typeof migrations; dir: string }>().not.toExtend<MigrateRequest>()
    expectTypeOf<{ url: string }>().not.toExtend<MigrateRequest>()
    expectTypeOf<{ url: string }>().toExtend<RollbackRequest>()
    expectTypeOf<{ url: string; target: number; dir: string }>().not.toExtend<MigrateRequest>()
  })

  it('results, events and errors are known by name', () => {
    expectTypeOf(status).returns.resolves.toEqualTypeOf<DatabaseStatus>()
    expectTypeOf(verify).returns.resolves.toEqualTypeOf<VerifyReport>()
    expectTypeOf(migrate).returns.resolves.toHaveProperty('applied')
    expectTypeOf(rollback).returns.resolves.toHaveProperty('rolledBack')
    expectTypeOf<DatabaseStatus['migrations'][number]>().toEqualTypeOf<MigrationState>()
    expectTypeOf<Extract<MigrationEvent, { type: 'migration-applied' }>['durationMs']>().toEqualTypeOf<number>()
    const error: unknown = undefined
    if (isPoststackError(error)) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
  })
})
