/**
 * A client of pg as the `Connection` that migrations work with.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, Connection as Wire, CustomTypesConfig } from 'pg'
import { type Connection, isServerError, type ScriptResult, type ServerError } from '../../migrations/connection.ts'
import { type BackendKey, cancelGraceMs, sendCancel } from './cancel.ts'
import { connectionEnded } from './errors.ts'
import { watchAnswers } from './answers.ts'
import { createParse, createScript, toAnswers } from './query.ts'

export interface SessionOptions {
  /** A wire to the same server that nobody uses yet. */
  readonly newWire: () => Wire
  /** Says that the client is the caller's, and how values are read whatever the caller made of his pg. */
  readonly borrowed?: { readonly types: CustomTypesConfig }
}

// Values stay as the server writes them.
const unread: CustomTypesConfig = { getTypeParser: () => (value: string) => value }

// How long to wait for the server to close a connection that we closed.
const closeGraceMs = 1_000

export function createSession(client: Client, { newWire, borrowed }: SessionOptions): Connection {
  const life = watchLife(client)
  const answers = watchAnswers(client)
  const lost = (error: unknown): Error => connectionEnded(life.reasonOf(error))
  const running = new Set<Promise<unknown>>()
  const { answersOf, parse, query, script } = createQueries(client, { answers, lost, borrowed, running })
  let closing: Promise<void> | undefined
  return {
    // Not told by every proxy.
    get backendPid() {
      return (client as Client & BackendKey).processID ?? 0
    },
    borrowed: borrowed !== undefined,
    query,
    script,
    answers: answersOf,
    syntaxError: async (text) => await firstSyntaxError(conforming(query, parse, answers), text),
    cancel: async () => {
      if (running.size === 0) return
      // A server that does not answer must not keep a person who pressed Ctrl-C.
      const giveUp = setTimeout(() => client.connection.stream.destroy(), cancelGraceMs)
      giveUp.unref()
      // Heard from before the request is sent: what runs may end before the server has taken it.
      void Promise.allSettled(running).then(() => clearTimeout(giveUp))
      await sendCancel(newWire(), client)
    },
    onLost: life.onLost,
    onNotice: life.onNotice,
    close: async () => {
      life.closed()
      closing ??= borrowed === undefined ? endClient(client) : Promise.resolve()
      await closing
      if (borrowed === undefined) return
      answers.forget()
      life.forget()
    },
  }
}

interface QueryTools {
  readonly answers: ReturnType<typeof watchAnswers>
  readonly lost: (error: unknown) => Error
  readonly borrowed: SessionOptions['borrowed']
  /** What was asked and is not answered yet. */
  readonly running: Set<Promise<unknown>>
}

/** The ways to ask a server, each with its errors told apart: of the statement, or of a session that is gone. */
function createQueries(client: Client, { answers, borrowed, lost, running }: QueryTools) {
  const noted =
    <Words extends unknown[], Result>(ask: (...words: Words) => Promise<Result>) =>
    async (...words: Words): Promise<Result> => {
      const asked = ask(...words)
      running.add(asked)
      try {
        return await asked
      } finally {
        running.delete(asked)
      }
    }
  /** An error of a statement stays what it is; any other means that the session is gone. */
  const told = async (error: unknown): Promise<Error> =>
    isServerError(error) && (await answers.survives(error)) ? error : lost(error)
  const query: Connection['query'] = async (text, values) => {
    try {
      const list = values === undefined ? undefined : [...values]
      const results: unknown = await (borrowed === undefined
        ? client.query(text, list)
        : client.query({ text, types: borrowed.types, ...(list === undefined ? {} : { values: list }) }))
      return { rows: lastRows(results) }
    } catch (error) {
      throw await told(error)
    }
  }
  const parse = async (text: string): Promise<ServerError | undefined> =>
    await new Promise((resolve, reject) => {
      client.query(createParse({ text, ...answers }, { resolve, reject: (error) => reject(lost(error)) }))
    })
  const script: Connection['script'] = async (text, copies = []) =>
    await new Promise<ScriptResult>((resolve, reject) => {
      client.query(createScript({ text, copies, ...answers }, { resolve, reject: (error) => reject(lost(error)) }))
    })
  const answersOf: Connection['answers'] = async (text) => {
    try {
      return toAnswers(await client.query({ text, types: unread, rowMode: 'array' }))
    } catch (error) {
      throw await told(error)
    }
  }
  return { query: noted(query), parse: noted(parse), script: noted(script), answersOf: noted(answersOf) }
}

type Parse = (text: string) => Promise<ServerError | undefined>

/** Strings must end where they do when the text is run, and an error of any kind must not end a transaction of the caller. */
function conforming(query: Connection['query'], parse: Parse, answers: ReturnType<typeof watchAnswers>): Parse {
  return async (text) => {
    const inside = answers.inTransaction()
    // One that has failed takes nothing but its end.
    if (inside && !answers.inOpenTransaction()) return await parse(text)
    await query(`${inside ? 'SAVEPOINT poststack_syntax' : 'BEGIN'}; SET LOCAL standard_conforming_strings = on`)
    const error = await parse(text)
    const back = 'ROLLBACK TO SAVEPOINT poststack_syntax; RELEASE SAVEPOINT poststack_syntax'
    await query(inside ? back : 'ROLLBACK')
    return error
  }
}

/**
 * The server parses the whole text before it looks at how many statements there are, and then refuses more than one. With a
 * second statement behind the text it thus always stops after its grammar: at a syntax error, or at the count.
 */
async function firstSyntaxError(parse: Parse, text: string): Promise<ServerError | undefined> {
  const error = await parse(`${text}\n;SELECT 1`)
  // Only nothing but blanks and comments is one statement with it.
  if (error === undefined || isCount(error)) return undefined
  if (!isAboutText(error)) throw error
  // Alone it says the same without a word of ours, where a quote stays open or the text breaks off. It cannot be run by
  // this: it does not parse.
  return (await parse(text)) ?? error
}

// The message is in the server's language.
function isCount({ code, position, routine }: ServerError): boolean {
  return code === '42601' && position === undefined && (routine === undefined || routine === 'exec_parse_message')
}

// Grammar and scanner speak in these classes: not supported, data (escapes, numbers), syntax, too complex.
function isAboutText({ code }: ServerError): boolean {
  return /^(0A|22|42|54)/.test(code)
}

interface Notice {
  readonly severity?: string | undefined
  readonly message?: string | undefined
}

interface Life {
  readonly onLost: Connection['onLost']
  readonly onNotice: Connection['onNotice']
  /** What the server said when it hung up explains more than that it did. */
  reasonOf(error: unknown): unknown
  closed(): void
  forget(): void
}

function watchLife(client: Client): Life {
  const lostListeners: (() => void)[] = []
  const noticeListeners: ((notice: Notice) => void)[] = []
  let reason: Error | undefined
  let lost = false
  let closed = false
  const onError = (error: Error): void => {
    reason ??= error
  }
  const onEnd = (): void => {
    lost = true
    if (!closed) for (const listener of lostListeners) listener()
  }
  client.on('error', onError)
  client.on('end', onEnd)
  return {
    onLost: (listener) => {
      if (lost) listener()
      else lostListeners.push(listener)
    },
    onNotice: (listener) => {
      const told = ({ severity, message }: Notice): void =>
        listener({ severity: severity ?? 'NOTICE', message: message ?? '' })
      noticeListeners.push(told)
      client.on('notice', told)
    },
    reasonOf: (error) => {
      if (isServerError(error)) reason ??= error
      return reason ?? error
    },
    closed: () => {
      closed = true
    },
    forget: () => {
      client.removeListener('error', onError)
      client.removeListener('end', onEnd)
      for (const listener of noticeListeners) client.removeListener('notice', listener)
    },
  }
}

// A simple query with several statements gives a list of results; what counts is the last one's rows.
function lastRows(results: unknown): readonly Record<string, unknown>[] {
  const result: unknown = Array.isArray(results) ? results.at(-1) : results
  if (typeof result !== 'object' || result === null || !('rows' in result)) return []
  return result.rows as readonly Record<string, unknown>[]
}

async function endClient(client: Client): Promise<void> {
  const ended = client.end()
  const timeout = new AbortController()
  await Promise.race([ended, sleep(closeGraceMs, undefined, { signal: timeout.signal, ref: false }).catch(() => {})])
  timeout.abort()
  client.connection.stream.destroy()
}
