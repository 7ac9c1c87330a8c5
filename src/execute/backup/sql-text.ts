/**
 * A dump that is SQL as text, run by our own session where there is no psql. All of it is in memory, so it is for small ones.
 */
import { onAbort, throwIfAborted } from '../../abort.ts'
import { PoststackError } from '../../errors.ts'
import type { Connection, ServerError } from '../../migrations/connection.ts'
import { cancelUntil } from '../../migrations/heeding.ts'
import { isHarmlessCommand } from '../../migrations/sql/psql.ts'
import { isDamage, noBackup } from './program.ts'
import { scanSql, type Statement } from '../../migrations/sql/statements.ts'

/** A string of V8 may be twice as long; what is made of it takes room as well. */
export const largestText = 256 * 1024 * 1024

/** Whether it can be run without psql: nothing but SQL in UTF-8, data of COPY, and what pg_dump puts around it. */
export function isPlainSql(text: string): boolean {
  const encoding = /^SET client_encoding = '([^']*)';$/m.exec(text.slice(0, headChars))?.[1]
  return encoding === undefined || encoding === 'UTF8'
}

const headChars = 4_096

/** Runs it. Fails with `BACKUP_FAILED` where the server refuses something, and with the abort's own reason. */
export async function runSqlText(
  connection: Connection,
  text: string,
  { file, signal }: { readonly file: string; readonly signal: AbortSignal },
): Promise<void> {
  const { commands, statements, unclosed } = scanSql(text)
  const odd = commands.find((command) => !isHarmlessCommand(command))
  if (odd !== undefined) {
    const hint = `${noBackup}\nOr, if it is a script for psql, run it with that: poststack psql -- -f <file>`
    throw refused(file, lineAt(text, odd.start), `\\${odd.name} is for psql, which is not here`, hint)
  }
  // Between statements nothing of it would be sent, and all behind it be missing.
  if (unclosed !== undefined && text.startsWith('/*', unclosed))
    throw refused(file, lineAt(text, unclosed), 'the comment that begins there is never closed', noBackup)
  const over = new AbortController()
  const forget = onAbort(signal, () => void cancelUntil(connection, over.signal))
  try {
    for (const batch of batches(statements)) {
      throwIfAborted(signal)
      const first = batch[0]?.start ?? 0
      const script = batch.map(({ start, end }) => text.slice(start, end)).join(';\n')
      const copies = batch.flatMap(({ copy }) => (copy === undefined ? [] : [text.slice(copy.start, copy.end)]))
      const { completed, error } = await connection.script(script, copies)
      throwIfAborted(signal)
      if (error !== undefined) throw refused(file, lineAt(text, batch[completed]?.start ?? first), wordsOf(error))
    }
  } finally {
    forget()
    over.abort()
  }
}

const batchChars = 1_000_000

/** Several statements at a time, and each COPY by itself. */
function* batches(statements: readonly Statement[]): Iterable<readonly Statement[]> {
  let batch: Statement[] = []
  let chars = 0
  for (const statement of statements) {
    const isFull = chars > batchChars || statement.copy !== undefined || batch.at(-1)?.copy !== undefined
    if (isFull && batch.length > 0) {
      yield batch
      batch = []
      chars = 0
    }
    batch.push(statement)
    chars += statement.end - statement.start
  }
  if (batch.length > 0) yield batch
}

function lineAt(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

function wordsOf({ detail, message }: ServerError): string {
  return detail === undefined ? message : `${message} (${detail})`
}

function refused(file: string, line: number, why: string, hint?: string): PoststackError {
  const isRole = /role "[^"]*" does not exist/.test(why)
  const otherwise = isDamage('psql', why) ? noBackup : 'Mend what the server complains about, then run again.'
  return new PoststackError('BACKUP_FAILED', `${file}:${String(line)} cannot be run: ${why}.\nNothing was changed.`, {
    hint: hint ?? (isRole ? 'Make the role there first.' : otherwise),
    details: { file, line },
  })
}
