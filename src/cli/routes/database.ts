/**
 * The commands of group `database`: what they act on is one database, and what they need of a stack is how to reach it.
 */
import { buildCommand, buildRouteMap } from '@stricli/core'

import { countOf, databaseAliases, databaseFlags, runFlags, versionNumber } from '../flags-database.ts'
import { toggle, valued } from '../flags.ts'
import { type DatabaseCommand, databaseHelp, databaseHelpOf } from '../help-database.ts'
import { backupProposals, versionProposals } from '../proposals.ts'

const dryRun = toggle('show what would be done, and do nothing')

const yes = toggle('do not ask')

function docsOf(command: DatabaseCommand, brief: string): { readonly brief: string; readonly fullDescription: string } {
  return { brief, fullDescription: databaseHelpOf(command) }
}

const withYes = { ...databaseAliases, y: 'yes' } as const

const createSchema = buildCommand({
  loader: async () => (await import('../commands/database/create-schema.ts')).createSchema,
  parameters: { flags: databaseFlags, aliases: databaseAliases },
  docs: docsOf('create-schema', 'make schema poststack with the ledger'),
})

const showSchema = buildCommand({
  loader: async () => (await import('../commands/database/show-schema.ts')).showSchema,
  parameters: {
    flags: {
      schema: valued('name', "only this schema; without it all but the server's own", String),
      ...databaseFlags,
    },
    aliases: databaseAliases,
  },
  docs: docsOf('show-schema', 'show tables with their columns and about how many rows'),
})

const dropSchema = buildCommand({
  loader: async () => (await import('../commands/database/drop-schema.ts')).dropSchema,
  parameters: { flags: { yes, ...databaseFlags }, aliases: withYes },
  docs: docsOf('drop-schema', 'drop schema poststack, and with it the ledger'),
})

const newMigration = buildCommand({
  loader: async () => (await import('../commands/database/new.ts')).newMigration,
  parameters: {
    flags: databaseFlags,
    aliases: databaseAliases,
    positional: {
      kind: 'array',
      parameter: { brief: 'what the migration does, in a few words', parse: String, placeholder: 'name' },
      minimum: 1,
    },
  },
  docs: docsOf('new', 'make the two files of a new migration'),
})

const migrate = buildCommand({
  loader: async () => (await import('../commands/database/migrate.ts')).migrate,
  parameters: {
    flags: {
      targetVersion: {
        ...valued('number', 'last migration to apply (default: all)', versionNumber),
        ...versionProposals,
      },
      dryRun,
      ...runFlags,
      ...databaseFlags,
    },
    aliases: databaseAliases,
  },
  docs: docsOf('migrate', 'apply pending migrations'),
})

const rollback = buildCommand({
  loader: async () => (await import('../commands/database/rollback.ts')).rollback,
  parameters: {
    flags: {
      targetVersion: {
        ...valued('number', 'migration that stays as the newest; 0 takes back all', versionNumber),
        ...versionProposals,
      },
      steps: valued('n', 'how many to take back (default: 1)', countOf),
      useFile: toggle("use the files' rollbacks instead of those stored when the migrations were applied"),
      dryRun,
      yes,
      ...runFlags,
      ...databaseFlags,
    },
    aliases: withYes,
  },
  docs: docsOf('rollback', 'take back the newest migration'),
})

const migrationStatus = buildCommand({
  loader: async () => (await import('../commands/database/migration-status.ts')).migrationStatus,
  parameters: {
    flags: { check: toggle('exit with 3 when one is pending, half-done or wrong'), ...databaseFlags },
    aliases: databaseAliases,
  },
  docs: docsOf('migration-status', 'show each migration and how it stands'),
})

const verifyMigrations = buildCommand({
  loader: async () => (await import('../commands/database/verify-migrations.ts')).verifyMigrations,
  parameters: {
    flags: {
      rollbacks: toggle('prove every rollback on a throw-away database'),
      drift: toggle('compare the schema with the one the newest migration left'),
      format: {
        kind: 'enum',
        values: ['human', 'github', 'sarif'],
        brief: 'findings as text, as annotations for GitHub Actions, or as a SARIF document',
        default: 'human',
      },
      ...databaseFlags,
    },
    aliases: databaseAliases,
  },
  docs: docsOf('verify-migrations', 'check files, rollbacks and schema'),
})

const renumber = buildCommand({
  loader: async () => (await import('../commands/database/renumber.ts')).renumber,
  parameters: {
    flags: {
      base: valued(
        'ref',
        'branch whose files keep their numbers (default: the first of origin/main, origin/master, main, master)',
        String,
      ),
      move: {
        kind: 'parsed',
        parse: String,
        brief: 'file that gets a new number, where git and database do not decide; as often as needed',
        placeholder: 'file',
        optional: true,
        variadic: true,
      },
      yes,
      ...databaseFlags,
    },
    aliases: withYes,
  },
  docs: docsOf('renumber', 'give files other numbers where two branches took the same one, or one comes too late'),
})

const repair = buildCommand({
  loader: async () => (await import('../commands/database/repair.ts')).repair,
  parameters: {
    flags: {
      version: {
        ...valued('number', 'number of the migration (default: all)', versionNumber),
        ...versionProposals,
      },
      choose: {
        kind: 'enum',
        values: ['mark-applied', 'mark-rolled-back', 'continue-at', 'accept-text', 'store-rollback', 'write-file'],
        brief: 'what to do about it, of what is shown without this',
        optional: true,
      },
      statement: valued('n', 'with continue-at: the first statement that is still to be run', countOf),
      ...databaseFlags,
    },
    aliases: databaseAliases,
  },
  docs: docsOf('repair', 'show what is half-done or differs, and settle it'),
})

const unlockMigrations = buildCommand({
  loader: async () => (await import('../commands/database/unlock-migrations.ts')).unlockMigrations,
  parameters: { flags: { yes, ...databaseFlags }, aliases: withYes },
  docs: docsOf('unlock-migrations', 'show who holds the migration lock, and end that session'),
})

const testConnection = buildCommand({
  loader: async () => (await import('../commands/database/test-connection.ts')).testConnection,
  parameters: { flags: databaseFlags, aliases: databaseAliases },
  docs: docsOf('test-connection', 'connect, and say what answers'),
})

const query = buildCommand({
  loader: async () => (await import('../commands/database/query.ts')).query,
  parameters: {
    flags: databaseFlags,
    aliases: databaseAliases,
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'what to run; quote it for your shell', parse: String, placeholder: 'sql' }],
    },
  },
  docs: { brief: 'run SQL and show what it gives', fullDescription: databaseHelpOf('query') },
})

const baseline = buildCommand({
  loader: async () => (await import('../commands/database/baseline.ts')).baseline,
  parameters: {
    flags: {
      version: {
        kind: 'parsed',
        parse: versionNumber,
        brief: 'newest migration that the database has already',
        placeholder: 'number',
        ...versionProposals,
      },
      yes,
      ...databaseFlags,
    },
    aliases: withYes,
  },
  docs: docsOf('baseline', 'record migrations as applied without running them'),
})

const backup = buildCommand({
  loader: async () => (await import('../commands/database/backup.ts')).backup,
  parameters: {
    flags: {
      output: valued('file', 'where to write it, instead of a file with the time in its name in ./backups', String),
      format: {
        kind: 'enum',
        values: ['custom', 'plain', 'directory'],
        brief: 'an archive of pg_dump (the default), SQL as text, or a folder with a file for each table',
        optional: true,
      },
      schemaOnly: toggle('without rows, but for those of the ledger'),
      jobs: valued('n', 'how many tables are written at once; with --format directory', countOf),
      verify: toggle('restore it into a throw-away database, and compare'),
      keep: valued('n', 'afterwards delete older backups of this database there, but for the n newest', countOf),
      keepDays: valued('days', 'the same for those that are older', countOf),
      ...databaseFlags,
    },
    aliases: { ...databaseAliases, o: 'output' },
  },
  docs: docsOf('backup', 'write the whole database, with the ledger, into a file'),
})

const restore = buildCommand({
  loader: async () => (await import('../commands/database/restore.ts')).restore,
  parameters: {
    flags: {
      into: valued('name', 'a new database of the same server, instead of the declared one', String),
      jobs: valued('n', 'how many tables are filled at once, from a folder', countOf),
      noOwner: toggle('without owners and rights: all of it belongs to the role that connects'),
      yes,
      ...databaseFlags,
    },
    aliases: withYes,
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'the backup, or its name in ./backups', parse: String, placeholder: 'file', ...backupProposals },
      ],
    },
  },
  docs: docsOf('restore', 'put a backup in the place of the database, or beside it'),
})

const listBackups = buildCommand({
  loader: async () => (await import('../commands/database/list-backups.ts')).listBackups,
  parameters: {
    flags: { folder: valued('folder', 'where to look, instead of ./backups', String), ...databaseFlags },
    aliases: databaseAliases,
  },
  docs: docsOf('list-backups', 'show the backups that are there'),
})

export const databaseCommands = {
  new: newMigration,
  migrate,
  rollback,
  'migration-status': migrationStatus,
  'verify-migrations': verifyMigrations,
  renumber,
  repair,
  baseline,
  'unlock-migrations': unlockMigrations,
  'create-schema': createSchema,
  'show-schema': showSchema,
  'drop-schema': dropSchema,
  backup,
  restore,
  'list-backups': listBackups,
  query,
  'test-connection': testConnection,
}

export const databaseRoutes = buildRouteMap({
  routes: databaseCommands,
  docs: { brief: 'migrations and schema of one database (short: db)', fullDescription: databaseHelp },
})
