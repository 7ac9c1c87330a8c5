/**
 * Changes of a schema, each with what takes it back and the differences that must be seen, for the snapshot's tests.
 */
import { comments, others, routines } from './snapshot-changes-others.ts'
import { columns, partsOfTables, tables } from './snapshot-changes-tables.ts'
import type { Change } from './snapshot-fixture.ts'

/** By the part of the schema that they change. */
export const changes: Readonly<Record<string, readonly Change[]>> = {
  'tables, views and composite types': tables,
  columns,
  'what hangs on a table': partsOfTables,
  'functions and types': routines,
  'all else': others,
  comments,
}
