/**
 * Looking at and settling what went wrong with migrations, for tests.
 */
import { inspectRepair, type RepairCase, type RepairChoice } from '../../src/migrations/repair/cases.ts'
import { repair, type RepairOptions, type RepairResult } from '../../src/migrations/repair/repair.ts'
import { rollback } from '../../src/migrations/run/rollback.ts'
import { folderOf, type SqlFiles } from './migrations.ts'
import type { TestDatabase } from './postgres.ts'

const signal = new AbortController().signal

export interface RepairSteps {
  readonly inspect: (files: SqlFiles) => Promise<readonly RepairCase[]>
  readonly settle: (
    files: SqlFiles,
    version: string,
    choice: RepairChoice | Exclude<RepairChoice['kind'], 'continue-at'>,
    options?: Partial<RepairOptions>,
  ) => Promise<RepairResult>
  /** The history as `event version choice`. */
  readonly events: () => Promise<readonly string[]>
  readonly takeBack: () => Promise<unknown>
}

/** The steps on the database of the test that runs. */
export function repairSteps(database: () => TestDatabase): RepairSteps {
  const connect: RepairOptions['connect'] = async (options) => await database().connect(options)
  return {
    inspect: async (files) => await inspectRepair({ connect, folder: folderOf(files), signal }),
    settle: async (files, version, choice, options = {}) =>
      await repair({
        connect,
        folder: folderOf(files),
        signal,
        toolVersion: '1.2.3',
        version,
        choice: typeof choice === 'string' ? { kind: choice } : choice,
        ...options,
      }),
    events: async () => {
      const rows = await database().rows(
        'SELECT event, version_text, detail FROM poststack.migration_events ORDER BY id',
      )
      return rows.map((row) => {
        const { choice } = row['detail'] as { choice?: string }
        return `${String(row['event'])} ${String(row['version_text'])}${choice === undefined ? '' : ` ${choice}`}`
      })
    },
    takeBack: async () => await rollback({ connect, signal, toolVersion: '1.2.3' }),
  }
}
