/**
 * Migrations of one database of the stack, without the rest of it.
 */
import { join } from 'node:path'

import type { Config } from '../config/types.ts'
import { findDatabase } from '../execute/declared-database.ts'
import { readGitCommit } from '../execute/git-commit.ts'
import { stackEventOf } from '../execute/migration-events.ts'
import type { OwnServers } from '../execute/own-servers.ts'
import { readMigrations } from '../migrations/files/read.ts'
import { migrate, type MigrateResult } from '../migrations/run/migrate.ts'
import { type Opened, ownServers, type SelectRuntime } from './opened.ts'
import type { MigrateStackOptions } from './options.ts'

export async function migrateDatabase(
  opened: Opened,
  select: SelectRuntime,
  { target, ...choice }: MigrateStackOptions,
): Promise<MigrateResult> {
  const { emit, env, parsed, signal } = opened
  const look = (config: Config): Promise<OwnServers> => ownServers(opened, select, config)
  const { connect, migrations, owned, root } = await findDatabase(parsed, choice, look)
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
