/**
 * Two kinds of query that pg does not have: a script that counts its statements and feeds COPY, and a question to the server's
 * grammar. The methods are those that pg calls on the query it is busy with.
 */
import type { Connection as Wire, Submittable } from 'pg'
import { type Answer, isServerError, type ScriptResult, type ServerError } from '../../migrations/connection.ts'

export interface Settle<T> {
  readonly resolve: (result: T) => void
  readonly reject: (error: unknown) => void
}

/** What the session behind a query knows. */
export interface SessionState {
  /** Whether the session is in a transaction, as its last answer said. */
  readonly inTransaction: () => boolean
  /** Waits for what comes after an error, and tells whether the session lives on. */
  readonly survives: (error: ServerError) => Promise<boolean>
}

export interface ScriptOptions extends SessionState {
  readonly text: string
  /** Data of each `COPY … FROM STDIN`, in order. */
  readonly copies: readonly string[]
}

/** The part of pg's wire that its types do not say. */
interface CopyWire extends Wire {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** A simple query that counts finished statements and throws rows away: a file may select millions of them. */
export function createScript(options: ScriptOptions, settle: Settle<ScriptResult>): Submittable {
  const { text, copies, inTransaction, survives } = options
  let completed = 0
  let lastRows = 0
  let copied = 0
  let failed = false
  const query = {
    submit: (wire: Wire): void => wire.query(text),
    handleRowDescription: (): void => {},
    handleDataRow: (): void => {},
    handlePortalSuspended: (): void => {},
    handleEmptyQuery: (): void => {},
    handleCommandComplete: ({ text: tag }: { readonly text: string }): void => {
      completed++
      // The tag ends with the count, as in `INSERT 0 1`; those of statements that have none end with a word.
      lastRows = Number(/\d+$/.exec(tag)?.[0] ?? 0)
    },
    handleCopyInResponse: (wire: CopyWire): void => {
      const data = copies[copied++]
      if (data === undefined) wire.sendCopyFail('COPY FROM STDIN has no data here: put the rows into INSERT statements')
      else sendCopy(wire, data, () => failed)
    },
    handleCopyData: (): void => {},
    handleError: (error: unknown): void => {
      failed = true
      void afterError(error, survives, settle, (refused) =>
        settle.resolve({ completed, lastRows, error: refused, inTransaction: inTransaction() }),
      )
    },
    handleReadyForQuery: (): void =>
      settle.resolve({ completed, lastRows, error: undefined, inTransaction: inTransaction() }),
  }
  return query
}

/** Has the server parse a text as one statement, without running it. What it refuses is the result. */
export function createParse(
  { text, survives }: Pick<ScriptOptions, 'text' | 'survives'>,
  settle: Settle<ServerError | undefined>,
): Submittable {
  const query = {
    submit: (wire: Wire): void => {
      wire.parse({ name: '', text, types: [] }, true)
      wire.sync()
    },
    handleError: (error: unknown): void => void afterError(error, survives, settle, settle.resolve),
    handleReadyForQuery: (): void => settle.resolve(undefined),
  }
  return query
}

// Only what comes after the error says whether the transaction is still open, and that the session can be used again.
async function afterError(
  error: unknown,
  survives: SessionState['survives'],
  settle: Pick<Settle<never>, 'reject'>,
  refused: (error: ServerError) => void,
): Promise<void> {
  if (isServerError(error) && (await survives(error))) refused(error)
  else settle.reject(error)
}

// A UTF-16 unit becomes at most three bytes, so a message holds at most 64 KB.
const chunkUnits = Math.floor(65_536 / 3)
// A server that reads as fast as we send must not keep everything else in this process waiting, a cancel among it.
const chunksAtOnce = 16

// Stops to wait wherever the socket is full: data of 100 MB must not stand in memory a second time.
function sendCopy(wire: CopyWire, data: string, stopped: () => boolean): void {
  let at = 0
  const next = (): void => {
    for (let sent = 0; at < data.length; sent++) {
      if (stopped() || !wire.stream.writable) return
      let end = Math.min(at + chunkUnits, data.length)
      // A character of two units is not torn apart.
      if (end < data.length && /[\uD800-\uDBFF]/.test(data.charAt(end - 1))) end--
      wire.sendCopyFromChunk(Buffer.from(data.slice(at, end)))
      at = end
      if (wire.stream.writableNeedDrain) {
        wire.stream.once('drain', next)
        return
      }
      if (sent >= chunksAtOnce) {
        setImmediate(next)
        return
      }
    }
    if (!stopped()) wire.endCopyFrom()
  }
  next()
}

interface Result {
  readonly command: string | null
  readonly rowCount: number | null
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
  readonly rows: Answer['rows']
}

/** Of several statements pg gives a list of results, of one the result alone; an empty text has none with a command. */
export function toAnswers(results: unknown): readonly Answer[] {
  const list = (Array.isArray(results) ? results : [results]) as readonly Result[]
  return list.flatMap(({ command, fields, rowCount, rows }) =>
    command === null
      ? []
      : [
          {
            command,
            count: rowCount ?? undefined,
            columns: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })),
            rows,
          },
        ],
  )
}
