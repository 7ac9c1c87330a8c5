/**
 * The answers of commands as data: each is one JSON document, and the text for people is made of it.
 */
import type { ConfigInputs } from '../../config/load/inputs.ts'
import type { ValueOrigin } from '../../config/origin.ts'
import type { Path } from '../../config/schema/issues.ts'
import type { PlainValue } from '../../config/serialize.ts'
import type { Move, RenumberPlan } from '../../migrations/files/renumber.ts'
import type { LockHolder } from '../../migrations/lock/lock.ts'
import type { MigratePreview, RollbackPreview } from '../../migrations/run/preview.ts'
import type { RepairCase, RepairChoiceKind } from '../../migrations/repair/cases.ts'
import type { StackTable } from '../../migrations/run/schema.ts'
import type { ServerDescription } from '../../migrations/server.ts'
import type { TableFacts } from '../../migrations/tables.ts'
import type { VerifyReport } from '../../migrations/verify/verify.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { DatabaseFacts } from './database-facts.ts'
import type { Report } from '../page/document.ts'
import type { MigrationStanding } from './migration-standing.ts'
import type { UpkeepDocument } from './upkeep-documents.ts'
import type { ContainerList, ServiceHealth, ServiceLogLine } from '../../stack/options.ts'

export type { DatabaseFacts } from './database-facts.ts'

/** One migration that was applied or taken back. */
export interface DoneMigration {
  readonly migration: string
  readonly name: string
  readonly durationMs: number
}

export interface InitDocument {
  readonly type: 'init'
  /** Absolute path of what was written. */
  readonly file: string
  /** Name of the PostgreSQL service. */
  readonly service: string
  readonly name: string
  /** Major version of PostgreSQL. */
  readonly postgres: number
  readonly port: number | 'auto'
  /** What it was made from. */
  readonly found: readonly string[]
  /** What was found, and is not in it. */
  readonly left: readonly string[]
  /** Absolute path of the config in a folder above, which counts in this one no longer. */
  readonly above?: string
}

interface Answer {
  readonly database: DatabaseFacts
}

export interface MigrateDocument extends Answer {
  readonly type: 'migrate-result'
  readonly applied: readonly DoneMigration[]
  /** How many the database had before. */
  readonly already: number
  readonly durationMs: number
}

export interface MigratePreviewDocument extends Answer, MigratePreview {
  readonly type: 'migrate-preview'
}

export interface RollbackDocument extends Answer {
  readonly type: 'rollback-result'
  readonly rolledBack: readonly DoneMigration[]
  readonly left: number
  readonly durationMs: number
}

export interface RollbackPreviewDocument extends Answer, RollbackPreview {
  readonly type: 'rollback-preview'
}

export interface MigrationStatusDocument extends Answer, MigrationStanding {
  readonly type: 'migration-status'
}

export interface VerificationDocument extends Answer, VerifyReport {
  readonly type: 'verification'
}

export interface BaselineDocument extends Answer {
  readonly type: 'baseline-result'
  readonly recorded: readonly { readonly migration: string; readonly name: string; readonly file: string }[]
}

export interface UnlockDocument extends Answer {
  readonly type: 'unlock-result'
  /** Who had the lock; absent when nobody had. */
  readonly holder?: LockHolder
  /** The session was ended by this command. */
  readonly ended: boolean
}

export interface SchemaCreatedDocument extends Answer {
  readonly type: 'create-schema-result'
  /** False: all of it was there. */
  readonly created: boolean
  readonly tables: readonly StackTable[]
}

export interface SchemaDocument extends Answer {
  readonly type: 'schema'
  readonly tables: readonly TableFacts[]
}

export interface SchemaDroppedDocument extends Answer {
  readonly type: 'drop-schema-result'
  /** False: there was nothing to drop. */
  readonly dropped: boolean
  readonly tables: readonly StackTable[]
}

export interface ConnectionDocument extends Answer {
  readonly type: 'connection'
  readonly server: ServerDescription
}

export interface QueryDocument extends Answer {
  readonly type: 'query-result'
  /** One for each statement. */
  readonly results: readonly {
    /** The server's word for it: `SELECT`. */
    readonly command: string
    /** Rows that it gave or changed. */
    readonly count?: number
    readonly columns: readonly string[]
    /** Values by column; a name that comes twice gets a number. */
    readonly rows: readonly Readonly<Record<string, unknown>>[]
  }[]
}

/** The answer of `report`. */
export interface ReportDocument extends Report {
  readonly type: 'report'
  /** Absolute path of the page that was written. */
  readonly file?: string
}

export interface ContainerStatusDocument extends Pick<StackStatus, 'stack' | 'runtime' | 'services'> {
  readonly type: 'container-status'
}

export interface ContainerListDocument extends ContainerList {
  readonly type: 'container-list'
}

export interface ContainerHealthDocument {
  readonly type: 'container-health'
  readonly stack: string
  readonly healthy: boolean
  readonly services: readonly ServiceHealth[]
}

export interface LogDocument extends ServiceLogLine {
  readonly type: 'log'
}

/** The answer of `env`. */
export interface VariablesDocument {
  readonly type: 'variables'
  readonly variables: Readonly<Record<string, string>>
}

/** The answer of `config-validate`, when there is no mistake. */
export interface ConfigValidDocument {
  readonly type: 'config-valid'
  /** Relative to the working directory; absent where conventions apply. */
  readonly file?: string
  readonly stack: string
  readonly services: readonly string[]
  /** TypeScript was asked, too. */
  readonly types: boolean
}

export interface ShownLine {
  readonly path: string
  /** The same, apart. */
  readonly keys: Path
  readonly value: PlainValue
  readonly origin?: ValueOrigin
}

/** The answer of `config-show`. */
export interface ConfigDocument {
  readonly type: 'config'
  /** Relative to the project; absent where conventions apply. */
  readonly file?: string
  /** The project, absolute. */
  readonly root: string
  /**
   * Secrets are `***`, references `${db.url}`. `databaseUrl` and `projectContainersPath` are what POSTSTACK_DATABASE_URL and
   * POSTSTACK_PROJECT_CONTAINERS_PATH say, where they are set.
   */
  readonly config: Readonly<Record<string, unknown>>
  /** By path, as in `services.db.port`. */
  readonly origins?: Readonly<Record<string, ValueOrigin>>
}

/** The answer of `config-show --dependencies`. Paths are relative to the project where they lie in it. */
export interface ConfigDependenciesDocument extends Omit<ConfigInputs, 'packages'> {
  readonly type: 'config-dependencies'
  /** The project, absolute. */
  readonly root: string
  readonly cached: boolean
  /** Why the result is not kept for the next time. */
  readonly notKept?: string
}

/** No database has to do with it. */
export interface NewMigrationDocument {
  readonly type: 'new-migration'
  readonly migration: string
  /** Absolute paths. */
  readonly file: string
  readonly rollbackFile: string
}

export interface RenumberDocument extends Answer {
  readonly type: 'renumber-result'
  /** Absolute path. */
  readonly folder: string
  /** Branch that it went by; absent where git could not tell. */
  readonly base?: string
  /** Whether the database was asked what is applied. */
  readonly ledger: boolean
  /** What an earlier run had begun was finished. */
  readonly continued: boolean
  /** What was renamed, lowest number first. */
  readonly moves: readonly Move[]
  /** What no renaming can mend. */
  readonly problems: RenumberPlan['problems']
}

/** A case with the command lines that settle it. */
export interface ShownCase extends Omit<RepairCase, 'version' | 'offers'> {
  readonly migration: string
  readonly offers: readonly (RepairCase['offers'][number] & {
    /** For a shell. N stands for the number of a statement. */
    readonly command: string
  })[]
}

export interface RepairCasesDocument extends Answer {
  readonly type: 'repair-cases'
  readonly cases: readonly ShownCase[]
}

export interface RepairDocument extends Answer {
  readonly type: 'repair-result'
  readonly migration: string
  readonly name: string
  readonly choice: RepairChoiceKind
  /** What was done, and what comes next. */
  readonly message: string
  /** Absolute paths of what was written. */
  readonly files: readonly string[]
}

export type Document =
  | UpkeepDocument
  | ReportDocument
  | InitDocument
  | ContainerStatusDocument
  | ContainerListDocument
  | ContainerHealthDocument
  | LogDocument
  | QueryDocument
  | VariablesDocument
  | ConfigValidDocument
  | ConfigDocument
  | ConfigDependenciesDocument
  | NewMigrationDocument
  | RenumberDocument
  | RepairCasesDocument
  | RepairDocument
  | MigrateDocument
  | MigratePreviewDocument
  | RollbackDocument
  | RollbackPreviewDocument
  | MigrationStatusDocument
  | VerificationDocument
  | BaselineDocument
  | UnlockDocument
  | SchemaCreatedDocument
  | SchemaDocument
  | SchemaDroppedDocument
  | ConnectionDocument
