/**
 * Migrations of one database of the stack, without the rest of it.
 */
import { join } from 'node:path'

import { findDatabase } from '../execute/declared-database.ts'
import { readGitCommit } from '../execute/git-commit.ts'
import { stackEventOf } from '../execute/migration-events.ts'
import { readMigrations } from '../migrations/files/read.ts'
import { migrate, type MigrateResult } from '../migrations/run/migrate.ts'
import type { Opened } from './opened.ts'
import type { MigrateStackOptions } from './options.ts'

export async function migrateDatabase(
  { emit, env, parsed, signal }: Opened,
  { target, ...choice }: MigrateStackOptions,
): Promise<MigrateResult> {
  const { connect, migrations, owned, root } = await findDatabase(parsed, choice)
  const path = migrations ?? join(root, 'migrations')
  return await migrate({
    connect,
    folder: await readMigrations(path, { root }),
    target,
    signal,
    toolVersion: POSTSTACK_VERSION,
    onEvent: (event) => {
      emit(stackEventOf(event))
    },
    gitCommit: () => readGitCommit(path, { env, signal }),
    // Nobody else works on a database that the stack owns, so there is nobody to hold up.
    ...(owned ? { lockTimeoutMs: 0 } : {}),
  })
}
