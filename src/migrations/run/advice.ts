/**
 * What to do next about an error of the server, by its SQLSTATE and by what stands in the text.
 */
import { stackTables } from '../ledger/layout.ts'
import { ledgerSchema } from '../schema-name.ts'
import { isRaised, type ServerError } from '../connection.ts'
import { backslashHint } from '../sql/backslashes.ts'
import type { Place } from '../sql/frame.ts'
import type { Location } from '../sql/locate.ts'
import { placeIn } from '../files/place-in.ts'
import { lookalikeHint } from '../sql/lookalikes.ts'
import type { Job } from './run.ts'

/** The hint for a file that the server refused. */
export function nextStep(job: Job, error: ServerError, location: Location | undefined): string {
  return (
    hintOfText(job, location) ??
    hintOfUserPath(job, error) ??
    hintOfOurTables(job, error) ??
    hintOfState(job, error) ??
    correct(job)
  )
}

// Files of the first Poststack made these tables themselves, with other columns.
const ourTables =
  /\bpoststack\s*\.\s*(?:system_info|services|containers)\b|\bsearch_path\s*(?:=|\bto\b)\s*["']?poststack\b/i

// Where the role has the name of our schema, "$user" leads into it, as in every structure.sql of Rails.
const ownUserPath = /\bsearch_path\b[^;]*"\$user"/i

function hintOfUserPath({ text: { sql } }: Job, { message, schema }: ServerError): string | undefined {
  if (!ownUserPath.test(sql)) return undefined
  if (schema !== ledgerSchema && !stackTables.some((table) => message.includes(`"${table}"`))) return undefined
  return (
    'The table that was met is one of Poststack\'s own: the role is called like the schema that holds them, and "$user" in search_path leads there. ' +
    'Write SET search_path TO public, or name the schema that is meant: public.schema_migrations.'
  )
}

function hintOfOurTables({ file, text: { sql } }: Job, { code }: ServerError): string | undefined {
  if (!code.startsWith('42') || code === '42501' || code === '42601' || !ourTables.test(sql)) return undefined
  return (
    'In the schema "poststack" Poststack keeps its own tables, system_info, services and containers among them, and makes them itself. ' +
    `If ${file} is there to make or fill these, it is not needed any more: take it out of the folder. Tables of your own belong in a schema of your own.`
  )
}

// What psql takes and the server does not shows by where the server stumbles.
function hintOfText({ file, text, program }: Job, location: Location | undefined): string | undefined {
  const { sql } = text
  if (location?.precision !== 'character') return undefined
  if (sql.charAt(location.index) === '\\')
    return 'Lines that begin with a backslash are commands of psql, not SQL: take them out.'
  const { index } = location
  const from = program.statements.findLast(({ start }) => start <= index)?.start ?? 0
  const placeOf = (at: number): Place => placeIn({ file, ...text }, at).place
  return lookalikeHint(sql, { from, index, placeOf }) ?? backslashHint(sql, from, index)
}

function hintOfState(job: Job, error: ServerError): string | undefined {
  if (isRaised(error)) return undefined
  const { file, direction } = job
  switch (error.code) {
    case '25001':
      return hintOfTransaction(job, error)
    case '2D000':
      return (
        'A DO block or procedure ends its transaction here, which it cannot do inside another one. ' +
        `Put "-- poststack: no-transaction" into the first line of ${file}, or take COMMIT and ROLLBACK out of the block.`
      )
    case '55P04':
      return 'A new enum value can be used only after the transaction that adds it: put what uses it into a migration of its own.'
    case '55P03':
      return 'Others held locks on what it changes for too long. Run again when they are done, end them (pg_terminate_backend), or allow more time with --lock-timeout (lockTimeoutMs in a call).'
    case '40P01':
      return 'Two sessions waited for each other, and the server ended this one. Run again; if it comes back, change fewer tables in one file.'
    case '53100':
      return 'The disk of the server is full: free space there or give it more, then run again.'
    case '57014':
      return hintOfCancel(error)
    case '25006':
      return hintOfReadOnly(file)
    case '3F000':
      return hintOfSchema(job, error)
    case '08000':
    case '08001':
    case '08003':
    case '08004':
    case '08006':
      return 'The statement speaks to another server (dblink, a foreign table), and that connection failed, not ours. See that this server reaches the other one, then run again.'
    case '23505':
      return 'Two rows would have equal values where only one may: the detail names them. Mend the rows that are there, or the file; then run again.'
    case '23503':
    case '23502':
    case '23514':
      return 'A row breaks the rule that is named. Mend the rows that are there, for example earlier in the same file, or correct the file; then run again.'
    case '42501':
      return 'The role that migrates lacks a right: grant it, or migrate as the owner of what is changed.'
    case '42P07':
    case '42710':
    case '42723':
      return (
        `Something of that name is there already, perhaps made by hand. Drop or rename it, or change ${file}; then run again.` +
        (direction === 'apply'
          ? ' Where the database had all that the first migrations make before Poststack came, record them as applied: poststack database baseline --version V'
          : '')
      )
    case '42P01':
    case '42703':
    case '42704':
    case '42883':
      return (
        hintOfTemporary(job, error) ??
        (direction === 'apply'
          ? missingThing(file)
          : 'What it takes back is not there, perhaps removed by hand. Correct the rollback file and use it with --use-file (useFile in a call).')
      )
    default:
      return undefined
  }
}

function missingThing(file: string): string {
  return `Something it needs is not there: correct ${file}, or add the migration that makes it before this one; then run again.`
}

/** For a transaction that cannot write. */
export function hintOfReadOnly(file: string): string {
  return `${file} sets its transaction read-only, so that not even the ledger can be written: take SET TRANSACTION READ ONLY (or transaction_read_only, default_transaction_read_only) out of it, then run again.`
}

// A name in quotes is that of a schema which is not there; names are the same in every language of the server.
function hintOfSchema(job: Job, { message }: ServerError): string | undefined {
  if (message.includes('"')) return job.direction === 'apply' ? missingThing(job.file) : undefined
  return (
    'The role that migrates may use none of the schemas in its search_path, or none of them is there. ' +
    'Have the owner of the schema grant it (GRANT USAGE, CREATE ON SCHEMA public TO the role), or name a schema in the file, then run again.'
  )
}

const temporary =
  /\bcreate\s+(?:(?:local|global)\s+)?temp(?:orary)?\s+(?:table|view|sequence)\s+(?:if\s+not\s+exists\s+)?"?([\w$]+)/gi

// A run that goes on has another session, and each part another transaction.
function hintOfTemporary({ text: { sql }, program }: Job, { message }: ServerError): string | undefined {
  if (program.parts.length < 2) return undefined
  const names = [...sql.matchAll(temporary)].map(([, name = '']) => name)
  const gone = names.find((name) => message.includes(`"${name}"`) || message.includes(`"${name.toLowerCase()}"`))
  if (gone === undefined) return undefined
  return (
    `${gone} is temporary: it was gone with the session of the earlier run, or with its transaction (ON COMMIT DROP), and statements that are done are not run again. ` +
    'Have the next run go on at the statement that makes it, or say that all is done (continue-at, mark-applied): poststack database repair'
  )
}

function correct({ file, direction }: Job): string {
  return direction === 'apply'
    ? `Correct ${file} and run again.`
    : 'Correct the rollback file and use it instead of the stored text: --use-file (useFile in a call).'
}

function hintOfTransaction({ file, program }: Job, { where, message }: ServerError): string {
  if (/\bSET TRANSACTION\b/.test(message))
    return 'Every file runs in a transaction of ours that has begun before it, in READ COMMITTED: take SET TRANSACTION out.'
  // The server refuses it by the function around it, with a transaction or without.
  if (/PL\/pgSQL|\bfunction\b/.test(`${message} ${where ?? ''}`))
    return 'PostgreSQL runs this statement neither in a function nor in a DO block, with whatever directive: take it out of there, and write it as a statement of its own.'
  if (program.directives.noTransaction)
    return `PostgreSQL does not allow this statement in a transaction, and it could not be sent outside of one. Move it into a migration of its own, with nothing else beside "-- poststack: no-transaction".`
  return (
    'PostgreSQL does not allow this statement in a transaction, and its text does not tell so: REINDEX and CLUSTER are refused only where what they name is partitioned. ' +
    `Put "-- poststack: no-transaction" into the first line of ${file}: then each of its statements runs by itself.`
  )
}

// The code is the same for all who cancel, and only the message tells them apart, in the server's language.
function hintOfCancel({ message }: ServerError): string {
  const timeout =
    'It ran longer than statement_timeout allows. Allow more with --statement-timeout (statementTimeoutMs in a call), or "-- poststack: statement-timeout 10min" in the first line of the file.'
  const person = 'Somebody cancelled it on the server (pg_cancel_backend). Run again when it may run.'
  if (/statement timeout/.test(message)) return timeout
  return /user request/.test(message)
    ? person
    : `Either somebody cancelled it: run again when it may run. Or: ${timeout}`
}
