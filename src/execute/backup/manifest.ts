/**
 * What stands beside a backup: what it is of, how to tell that it is whole, and what a database must have that was made from it. Pure.
 */
import { isRecord } from '../../config/is-record.ts'
import { PoststackError } from '../../errors.ts'

/** `directory` is a folder of files, the others are a file each. */
export type BackupFormat = 'custom' | 'plain' | 'directory'

/** What a database has, as far as a copy of it must have the same. */
export interface DatabaseState {
  /** The server's version as a number: 170010 for 17.10. */
  readonly serverVersion: number
  /** Absent where there is no ledger of Poststack. */
  readonly ledger?: {
    /** Number of the newest migration; absent where none is recorded. */
    readonly version?: string
    readonly migrations: number
    /** SHA-256 over version, name, checksum and state of each. */
    readonly digest: string
  }
  readonly schema: {
    readonly fingerprint: string
    /** The snapshot itself, as the ledger keeps it. */
    readonly snapshot: unknown
  }
  /** Rows of each table; empty where only the schema was dumped. */
  readonly rows: Readonly<Record<string, number>>
  readonly settings: readonly DatabaseSetting[]
  /** The comment on the database. */
  readonly comment?: string
}

/** A setting that the database has as such, for everybody or for one role. */
export interface DatabaseSetting {
  readonly role?: string
  readonly name: string
  readonly value: string
}

export interface Manifest {
  readonly format: 1
  readonly tool: string
  /** When it was begun, ISO 8601: the database as of then. */
  readonly time: string
  /** Which database. Absent service: one named by its URL. */
  readonly database: {
    readonly service?: string
    readonly host: string
    readonly port: number
    readonly name: string
  }
  readonly dump: BackupFormat
  readonly schemaOnly: boolean
  /** It was restored once, and the copy was the same. */
  readonly verified: boolean
  readonly bytes: number
  /** Of the file; of a folder, that of the list that `sha256sum *` prints there. */
  readonly sha256: string
  readonly state: DatabaseState
}

/** The path of the manifest of a backup. */
export function manifestPath(file: string): string {
  return `${file}.json`
}

const ending: Readonly<Record<BackupFormat, string>> = { custom: '.dump', plain: '.dump.sql', directory: '.dump.d' }

/** What a backup is called where nobody names it: `db-shop-20261126-011248.dump`. */
export function backupName(
  { service, name }: Pick<Manifest['database'], 'service' | 'name'>,
  format: BackupFormat,
  now: Date,
): string {
  const of = [service, name].filter((word) => word !== undefined && word !== '').join('-')
  return `${of.replaceAll(/[^\w.-]+/g, '-')}-${stamp(now)}${ending[format]}`
}

/** `20261126-011248`, in UTC. */
export function stamp(now: Date): string {
  return now.toISOString().replace(/^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+).*$/, '$1$2$3-$4$5$6')
}

/** What `backup` wrote into a folder of its own, and none of what stands beside it. */
export function isBackupName(name: string): boolean {
  return Object.values(ending).some((end) => name.endsWith(end))
}

/** Reads what stands in a manifest. Fails with `BACKUP_INVALID`. */
export function parseManifest(text: string, path: string): Manifest {
  const value = parsed(text)
  if (!isManifest(value)) throw unknownManifest(path, 'it is not one that Poststack wrote')
  if (value.format !== 1) throw unknownManifest(path, 'a newer Poststack wrote it')
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false
  const { bytes, database, format, sha256, state, time } = value as Partial<Record<keyof Manifest, unknown>>
  return (
    typeof format === 'number' &&
    (format !== 1 ||
      (typeof bytes === 'number' &&
        typeof sha256 === 'string' &&
        typeof time === 'string' &&
        isRecord(database) &&
        isRecord(state)))
  )
}

function unknownManifest(path: string, why: string): PoststackError {
  return new PoststackError('BACKUP_INVALID', `${path} cannot be used: ${why}.`, {
    hint: 'Use the Poststack that made the backup; or, if you know that the backup is good, move that file away and restore without it.',
    details: { file: path },
  })
}

/** A backup in a folder, as far as retention needs it. */
export interface KeptBackup {
  readonly file: string
  readonly manifest: Manifest
}

export interface Retention {
  /** How many of the newest stay. */
  readonly keep?: number | undefined
  /** Those that are older than so many days go; the newest stays whatever its age. */
  readonly keepDays?: number | undefined
}

/**
 * Which backups are to go: of those alone that are of this very database, and as whole as this one: one without rows does not stand for
 * one with them. The newest always stays. Oldest first.
 */
export function expired(
  backups: readonly KeptBackup[],
  of: Pick<Manifest, 'database' | 'schemaOnly'>,
  { keep, keepDays }: Retention,
  now: Date,
): readonly KeptBackup[] {
  const same = backups
    .filter(({ manifest }) => manifest.schemaOnly === of.schemaOnly && isSame(manifest.database, of.database))
    .toSorted((one, other) => (one.manifest.time < other.manifest.time ? 1 : -1))
  const oldest = keepDays === undefined ? undefined : new Date(now.getTime() - keepDays * 86_400_000).toISOString()
  return same
    .filter(
      ({ manifest }, index) =>
        index > 0 && ((keep !== undefined && index >= keep) || (oldest !== undefined && manifest.time < oldest)),
    )
    .toReversed()
}

/** Of a declared service the port may change, and it is still the same. */
function isSame(one: Manifest['database'], other: Manifest['database']): boolean {
  if (one.name !== other.name || one.service !== other.service) return false
  return one.service !== undefined || (one.host === other.host && one.port === other.port)
}
