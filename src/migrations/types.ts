/**
 * Migrations as data: files on disk, rows of the ledger, and what the two say about each other.
 */

/** A text of SQL as it is sent. */
export interface SqlText {
  /** One byte order mark taken off, line ends as LF, and what it includes with `\i` and `\ir` in its place. */
  readonly sql: string
  /** SHA-256 in hex over the canonical text: as `sql`, with exactly one line end at the end. */
  readonly checksum: string
  /** Where the pieces of `sql` come from, in their order. Absent where nothing is included. */
  readonly origins?: readonly Origin[]
  /** Index in `sql` of the first line end that was part of a value and had a carriage return; absent where there is none. */
  readonly returnAt?: number
}

/** One migration file with its rollback, read and checked. Everything in it is plain data. */
export interface Migration extends SqlText {
  /** The number as the file has it, leading zeros kept: `004`. Compare with `compareVersions`, never as text. */
  readonly version: string
  /** `add_users` of `004_add_users.sql`. */
  readonly name: string
  /** File name without its folder. */
  readonly file: string
  readonly rollback: ({ readonly file: string } & SqlText) | undefined
}

/** A piece of an expanded text, up to where the next begins. */
export interface Origin {
  /** Index of its first character in the expanded text. */
  readonly start: number
  /** The migration's own file by its name, an included one by its path from the project's root. */
  readonly file: string
  /** Where the piece begins in that file: from 1, a column is one character. */
  readonly line: number
  readonly column: number
}

/** A folder of migrations, sorted by version. */
export interface MigrationFolder {
  /** Absolute path. */
  readonly path: string
  readonly migrations: readonly Migration[]
  /** Files with the names of migrations in folders inside it, by their paths from it, which no migration includes; absent where there are none. */
  readonly passedOver?: readonly string[]
}

/** A file that fills a database with data, once for what it says: SQL, or a script that is run with the stack in it. */
export interface Seed {
  /** File name without its folder. */
  readonly file: string
  /** SHA-256 in hex, whatever the line ends: of SQL over what it includes, too; of a script over what it imports. */
  readonly checksum: string
  /** The same of a script with the line ends that it has, where these are others: an older ledger has that. */
  readonly asWritten?: string
  /** The moment of a hook that is remembered as seeds are; none of a seed. */
  readonly hook?: string
  readonly content:
    | { readonly kind: 'sql'; readonly text: SqlText }
    | { readonly kind: 'script'; readonly path: string }
}

/** A row of `poststack.seeded_files`. */
export type SeededFile = Pick<Seed, 'file' | 'checksum'>

/** Data that a pending migration takes away. */
export interface PendingLoss {
  /** The migration's own file by its name, an included one by its path from the project's root. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** In words that go on after the file: `drops table public.users`. */
  readonly what: string
}

/** What the plan needs of a row of `poststack.schema_migrations`. */
export interface AppliedMigration {
  readonly version: string
  readonly name: string
  readonly checksum: string
  /** Absent for a migration that is applied as a whole. */
  readonly unfinished?: Unfinished
  /** Checksum of the file as it is now, where that differs from what was applied in comments and blanks only. */
  readonly reformatted?: string
}

/** How a migration stands that is neither applied nor absent. */
export interface Unfinished {
  /**
   * `running`: a run was cut off in it. `failed`: a statement of it failed after others were committed; both go on where they stopped.
   * `rolling-back`: its rollback stopped half-way. `unknown`: it ended its own transaction, so nobody can tell what of it is there.
   */
  readonly state: 'running' | 'failed' | 'rolling-back' | 'unknown'
  /** Statements that are done and committed, and how many there are; of its rollback for `rolling-back`. */
  readonly applied: number
  readonly total: number | undefined
}

export type MigrationProblemCode =
  | 'MIGRATION_CHANGED'
  | 'MIGRATION_MISSING'
  | 'MIGRATION_LATE'
  | 'MIGRATION_UNKNOWN'
  | 'MIGRATION_UNFINISHED'

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
  /** To be applied, in their order; the first may be one that an earlier run left unfinished, and goes on where that stopped. */
  readonly pending: readonly Migration[]
  readonly problems: readonly MigrationProblem[]
  /** Applied ones of which only comments or blanks were edited since: no problem, but to be told. */
  readonly reformatted: readonly Migration[]
}

/** The little that migrations need of a database connection. Errors are PostgreSQL's, with `code` and `position`. */
export interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}
