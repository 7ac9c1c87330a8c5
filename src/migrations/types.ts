/**
 * Migrations as data: files on disk, rows of the ledger, and what the two say about each other.
 */

/** One migration file with its rollback, read and checked. Everything in it is plain data. */
export interface Migration {
  /** The number as the file has it, leading zeros kept: `004`. Compare with `compareVersions`, never as text. */
  readonly version: string
  /** `add_users` of `004_add_users.sql`. */
  readonly name: string
  /** File name without its folder. */
  readonly file: string
  /** SQL as it is sent: one byte order mark taken off, line ends as LF. */
  readonly sql: string
  /** SHA-256 in hex over the canonical text: as `sql`, with exactly one line end at the end. */
  readonly checksum: string
  readonly rollback: { readonly file: string; readonly sql: string; readonly checksum: string } | undefined
}

/** A folder of migrations, sorted by version. */
export interface MigrationFolder {
  /** Absolute path. */
  readonly path: string
  readonly migrations: readonly Migration[]
}

/** What the plan needs of a row of `poststack.schema_migrations`. */
export interface AppliedMigration {
  readonly version: string
  readonly name: string
  readonly checksum: string
  /** A run stopped in the middle of it after part of it was committed; a person must look before anything goes on. */
  readonly unfinished?: true
}

/** `MIGRATION_FAILED`: an earlier run left the migration half-applied. */
export type MigrationProblemCode = 'MIGRATION_CHANGED' | 'MIGRATION_MISSING' | 'MIGRATION_LATE' | 'MIGRATION_FAILED'

/** Why files and ledger do not go together. Nothing is applied while there is one. */
export interface MigrationProblem {
  readonly code: MigrationProblemCode
  readonly version: string
  /** What is wrong, with the file's name. */
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

/** The answer of `resolveMigrations`. */
export interface Resolution {
  readonly pending: readonly Migration[]
  readonly problems: readonly MigrationProblem[]
}

/** The little that migrations need of a database connection. Errors are PostgreSQL's, with `code` and `position`. */
export interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}
