/**
 * A file's SQL as the runner carries it out: parts in their order, each either a group of statements that share a
 * transaction or one statement that must run outside of any.
 */

/** One statement's place in the file's text, and its mark for resuming. Progress is counted in these. */
export interface ProgramStatement {
  /** String index of its first character. */
  readonly start: number
  /** Index after its last character, the semicolon left out. */
  readonly end: number
  /**
   * Hash over this statement's structure and the chain of the one before: two files have equal chains at `n` when their first
   * `n` statements do the same, whatever their comments and blanks.
   */
  readonly chain: string
  /** It sets something for the session, which statements after it may count on. */
  readonly setsSession: boolean
  /** Where the data of its `COPY … FROM stdin` stands. */
  readonly data?: { readonly start: number; readonly end: number }
  /** The index of a CREATE INDEX IF NOT EXISTS that is not CONCURRENTLY. */
  readonly index?: NamedIndex
  /** What it does to tables, columns and schemas; absent where that is nothing. */
  readonly changes?: readonly StoreChange[]
}

/** Something done to what holds rows: a table, a column or a schema, each with one key for one thing. */
export type StoreChange =
  | { readonly kind: 'make'; readonly key: string; readonly temporary: boolean }
  | { readonly kind: 'rename'; readonly key: string; readonly to: string }
  /** Rows go, unless what they are in was only just made: one of `keys`. `what` is `drops table public.users`. */
  | { readonly kind: 'take'; readonly keys: readonly string[]; readonly what: string }

/** A text to be sent as one simple query. */
export interface Script {
  /** As in the file, with what the server must not see (psql's lines, stripped BEGIN and COMMIT, blanks it does not know) turned into blanks of the same length. */
  readonly text: string
  /** Index in the file's text at which `text` begins: a place in the one is a place in the other. */
  readonly offset: number
  /** Data for the `COPY … FROM stdin` that is the last statement of `text`; at most one. Lines as in the file, without the `\.`. */
  readonly copies: readonly string[]
}

/** What a statement that runs alone makes or takes away, so that a run which was cut can see in the catalog whether it got done. */
export type AloneObject =
  | {
      readonly kind: 'create-index'
      readonly schema: string | undefined
      readonly name: string | undefined
      readonly table: { readonly schema: string | undefined; readonly name: string }
      readonly ifNotExists: boolean
      /** As `definitionOf` gives it. */
      readonly definition: string | undefined
    }
  | { readonly kind: 'drop-index'; readonly names: readonly QualifiedName[]; readonly ifExists: boolean }
  | { readonly kind: 'reindex'; readonly index: QualifiedName | undefined }
  | {
      readonly kind: 'detach-partition'
      readonly table: QualifiedName
      readonly partition: QualifiedName
      readonly finalize: boolean
    }
  | {
      readonly kind: 'create-database' | 'drop-database' | 'create-tablespace' | 'drop-tablespace'
      readonly name: string
    }
  | { readonly kind: 'create-subscription' | 'drop-subscription'; readonly name: string }
  /** Doing it twice does no harm: VACUUM, CLUSTER, REINDEX, ALTER SYSTEM, DISCARD ALL, ALTER DATABASE SET TABLESPACE, ALTER SUBSCRIPTION REFRESH or SET. */
  | { readonly kind: 'repeatable' }
  /** Could share a transaction, but the file asks that nothing does; it can share one with the record of its progress. */
  | { readonly kind: 'transactional' }
  /**
   * Nobody can tell afterwards how far it got: a CALL or DO in a file without transactions, which may end transactions by itself;
   * COMMIT PREPARED, ROLLBACK PREPARED, ALTER SUBSCRIPTION ADD or DROP PUBLICATION, which fail when done twice.
   */
  | { readonly kind: 'opaque' }

/** An index, which lives in the schema of its table. */
export interface NamedIndex {
  readonly name: string
  readonly table: QualifiedName
}

export interface QualifiedName {
  readonly schema: string | undefined
  readonly name: string
}

export type Part =
  /** `count` statements from number `first` (from 0) on, together in one transaction. */
  | { readonly kind: 'group'; readonly first: number; readonly count: number; readonly scripts: readonly Script[] }
  | {
      readonly kind: 'alone'
      readonly first: number
      readonly count: 1
      readonly script: Script
      readonly object: AloneObject
      /** `CREATE INDEX CONCURRENTLY`, for messages. */
      readonly what: string
    }

/** What the file's own header asks for. */
export interface Directives {
  /** `-- poststack: no-transaction`: every statement runs in a transaction of its own. */
  readonly noTransaction: boolean
  /** `-- poststack: lock-timeout 10s`; milliseconds, 0 for none. */
  readonly lockTimeoutMs: number | undefined
  /** `-- poststack: statement-timeout 5min`; milliseconds, 0 for none. */
  readonly statementTimeoutMs: number | undefined
}

export interface Program {
  readonly parts: readonly Part[]
  readonly statements: readonly ProgramStatement[]
  readonly directives: Directives
  /**
   * False when the parser could not make sense of the text: it goes to the server whole, as one group; with `noTransaction` each
   * statement goes alone, as `opaque`.
   */
  readonly parsed: boolean
  /** What a person should know about the text, such as a stripped BEGIN and COMMIT. */
  readonly notices: readonly SqlNotice[]
}

/** One thing to tell of a text, with its place as a string index: `placeIn` leads from there to the file and its line. */
export interface SqlNotice {
  readonly index: number
  /** In words that go on after `004_users.sql, line 3: `. */
  readonly message: string
}

/** One thing in a text that cannot be carried out. */
export interface SqlProblem extends SqlNotice {
  readonly hint: string
}
