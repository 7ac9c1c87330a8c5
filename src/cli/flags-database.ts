/**
 * Flags that every command of group `database` takes.
 */
import type { FlagParametersForType } from '@stricli/core'

import type { Context } from './context.ts'
import { commonAliases, commonFlags, type CommonFlags, databaseService, valued } from './flags.ts'

export interface DatabaseFlags extends CommonFlags {
  readonly url?: string
  readonly service?: string
  readonly database?: string
  readonly migrations?: string
}

export const databaseFlags = {
  url: valued('url', 'database to act on, instead of a declared one; its password may stand in PGPASSWORD', String),
  service: databaseService,
  database: valued('name', 'the same, by the name of its database', String),
  migrations: valued('folder', 'folder of the migrations, instead of the declared one or ./migrations', String),
  ...commonFlags,
} as const satisfies FlagParametersForType<DatabaseFlags, Context>

export const databaseAliases = commonAliases

/** Waiting and limits of what changes a database. */
export interface RunFlags {
  readonly lockWait?: number
  readonly lockTimeout?: number
  readonly statementTimeout?: number
}

export const runFlags = {
  lockWait: valued('s', 'seconds to wait for another run on this database (default: 300)', secondsOrNone),
  lockTimeout: valued(
    's',
    'seconds a statement may wait for a lock on a table, 0 for no limit (default: 3; 0 where the stack runs the server)',
    secondsOrNone,
  ),
  statementTimeout: valued(
    's',
    "seconds a statement may run, 0 for no limit (default: the server's setting)",
    secondsOrNone,
  ),
} as const satisfies FlagParametersForType<RunFlags, Context>

/** Limits in milliseconds, as a run takes them. */
export function limitsOf({ lockWait, lockTimeout, statementTimeout }: RunFlags): {
  readonly lockWaitMs?: number
  readonly lockTimeoutMs?: number
  readonly statementTimeoutMs?: number
} {
  return {
    ...(lockWait === undefined ? {} : { lockWaitMs: lockWait * 1000 }),
    ...(lockTimeout === undefined ? {} : { lockTimeoutMs: lockTimeout * 1000 }),
    ...(statementTimeout === undefined ? {} : { statementTimeoutMs: statementTimeout * 1000 }),
  }
}

/** Digits, with leading zeros or without, as the files have them. */
export function versionNumber(text: string): string {
  if (/^\d+$/.test(text)) return text
  throw new RangeError(`"${text}" is not the number of a migration, such as 042`)
}

export function countOf(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value
  throw new RangeError(`"${text}" is not a whole number from 1 on`)
}

function secondsOrNone(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0 && value <= 86_400) return value
  throw new RangeError(`"${text}" is not a number of seconds from 0 to 86400`)
}
