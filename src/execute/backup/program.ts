/**
 * PostgreSQL's programs as backups use them: what is asked of them, and what they fail with.
 */
import { PoststackError } from '../../errors.ts'
import type { AttachedProgram } from '../../runtime/runtime.ts'

export type DatabaseProgram = 'pg_dump' | 'pg_restore' | 'psql'

/** A client program of PostgreSQL for a database. */
export interface ProgramOptions {
  readonly program: DatabaseProgram
  readonly args: readonly string[]
  /** The major version of the server. */
  readonly major: number
  /** Any database of the server. */
  readonly database: string
  /** Shown to whoever looks at the server's sessions. */
  readonly applicationName: string
}

/** The program with the way in; a password stands in its environment alone. */
export type FindProgram = (options: ProgramOptions) => Promise<FoundProgram>

export interface FoundProgram extends AttachedProgram {
  /** Another program where this one runs, if that is not this machine. Further arguments of either go to its end. */
  readonly inside?: ((command: readonly string[]) => Promise<AttachedProgram>) | undefined
}

export interface Progress {
  readonly what: 'dumping' | 'restoring' | 'verifying'
  readonly bytes: number
  /** Of how many; absent where nobody knows. */
  readonly total?: number
}

export interface FailedProgram {
  readonly exitCode: number
  readonly words: string
}

/** What a program of PostgreSQL has failed with, in its own words. */
export function failed(program: DatabaseProgram, database: string, { exitCode, words }: FailedProgram): PoststackError {
  return new PoststackError(
    'BACKUP_FAILED',
    `${program} failed for database ${database} (exit code ${String(exitCode)})${words === '' ? '.' : `:\n${words}`}`,
    { hint: hintFor(program, words), details: { program, exitCode } },
  )
}

function hintFor(program: DatabaseProgram, words: string): string {
  if (/role "[^"]*" does not exist/.test(words) && program === 'psql')
    return 'Make the role there first: owners stand in the text of this backup.'
  if (/role "[^"]*" does not exist/.test(words))
    return 'Make the role there first, or restore without owners and rights: --no-owner'
  if (/permission denied|must be (?:owner|superuser)/i.test(words))
    return 'Connect as a role that may read, or make, all of it; the owner of the database usually may.'
  if (/No space left on device/i.test(words))
    return 'Make room on that disk, or write to another one: `poststack database backup --output <file>`. In a container, a folder is first written to its /tmp; --format custom needs no room there.'
  if (/server version mismatch|unsupported version/i.test(words))
    return "Use the programs of the server's own major version."
  if (isDamage(program, words)) return noBackup
  return 'Mend what it complains about, then run again.'
}

export const noBackup = 'The file is damaged, or no backup. Take another one: poststack database list-backups'

/** What they say of a file that is cut off or something else: there is nothing in it to mend. */
export function isDamage(program: DatabaseProgram, words: string): boolean {
  if (program === 'psql') return /syntax error at|invalid byte sequence|missing data for column/i.test(words)
  return (
    program === 'pg_restore' &&
    /input file|end of file|archive|file header|could not (?:de|un)compress|corrupt|data block type/i.test(words)
  )
}
