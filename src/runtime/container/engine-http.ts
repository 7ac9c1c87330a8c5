/**
 * A small HTTP client for the socket of an engine. It knows nothing of containers: it sends, waits no longer than it may, and turns
 * everything that is not an answer into a `PoststackError`.
 */
import type { Agent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { interruption, onAbort, orInterrupted, throwIfAborted } from '../../abort.ts'
import { hostInUrl } from '../../plan/references.ts'
import { isPoststackError, PoststackError } from '../../errors.ts'
import { http } from '../http.ts'

/** Where an engine listens. */
export type EngineAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** With the query, without the version: `/containers/json?all=1`. */
  readonly path: string
  readonly signal: AbortSignal
  /** @default 60 seconds */
  readonly timeoutMs?: number
  /** Sent as JSON, or as it is when it is a tar archive. */
  readonly body?: Readonly<Record<string, unknown>> | Buffer
  /** Gets the body of a good answer in pieces; it is empty in the answer then. The deadline starts again with each piece. */
  readonly onData?: (chunk: Buffer) => void
  /** The engine takes the connection over for this call and closes it at the end. */
  readonly ownConnection?: boolean
}

export interface EngineAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface EngineClient {
  send(request: EngineRequest): Promise<EngineAnswer>
  close(): void
}

export interface EngineClientOptions {
  readonly address: EngineAddress
  /** `v1.41`; empty for the calls before the version is known. */
  readonly apiVersion: string
  /** Starts the engine's service again after it has ended by itself. */
  readonly revive?: () => Promise<void>
  /** What to do when the engine does not answer. */
  readonly hint: string
}

const defaultTimeoutMs = 60_000
/** Nothing that we ask for is longer, except what is passed on in pieces. */
const longestBody = 64 * 1024 * 1024

export function createEngineClient(options: EngineClientOptions): EngineClient {
  const agent = new (http().Agent)({ keepAlive: true, maxSockets: 16 })
  return {
    send: async (asked) => {
      throwIfAborted(asked.signal)
      const { request, thrown } = withCallback(asked)
      try {
        return await exchange(request, options, agent)
      } catch (error) {
        if (thrown.length > 0) throw thrown[0]
        const again = mayRepeat(error, request)
        if (again === 'no') throw toPoststackError(error, request, options)
        if (again === 'revive' && options.revive !== undefined) await orInterrupted(options.revive(), request.signal)
        return exchange(request, options, agent).catch((second: unknown) => {
          throw thrown.length > 0 ? thrown[0] : toPoststackError(second, request, options)
        })
      }
    },
    close: () => {
      agent.destroy()
    },
  }
}

/** What the one who listens throws is no fault of the engine: the call fails with that. */
function withCallback(asked: EngineRequest): { readonly request: EngineRequest; readonly thrown: readonly unknown[] } {
  const { onData } = asked
  const thrown: unknown[] = []
  if (onData === undefined) return { request: asked, thrown }
  const guarded = (chunk: Buffer): void => {
    try {
      onData(chunk)
    } catch (error) {
      thrown.push(error)
      throw error
    }
  }
  return { request: { ...asked, onData: guarded }, thrown }
}

/** For messages: `unix:///run/docker.sock`. */
export function formatAddress(address: EngineAddress): string {
  return address.kind === 'socket'
    ? `unix://${address.path}`
    : `tcp://${hostInUrl(address.host)}:${String(address.port)}`
}

/** The text of an answer's JSON body; garbage becomes an error that says so. */
export const addressHint = 'Check that the address is that of a podman or Docker engine, with no proxy in between.'

export function parseJson({ body }: EngineAnswer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new PoststackError('RUNTIME_UNREACHABLE', 'The engine answered something that is not JSON.', {
      hint: addressHint,
      details: { answer: body.toString('utf8', 0, 200) },
      cause,
    })
  }
}

/** What the engine says about a refusal, without the JSON around it. */
export function messageOf({ status, body }: Pick<EngineAnswer, 'status' | 'body'>): string {
  const text = body.toString('utf8').trim()
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string')
      return value.message
  } catch {
    // Not JSON: the text itself is the message.
  }
  return text === '' ? `status ${String(status)}` : text.slice(0, 1000)
}

function exchange(request: EngineRequest, options: EngineClientOptions, agent: Agent): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    const limit = request.timeoutMs ?? defaultTimeoutMs
    const outgoing = http().request({
      ...target(options.address),
      method: request.method,
      path: `${options.apiVersion === '' ? '' : `/${options.apiVersion}`}${request.path}`,
      headers: headersOf(request),
      agent: request.ownConnection === true ? false : agent,
    })
    const fail = (error: unknown) => {
      deadline.clear()
      forget()
      reject(error instanceof Error ? withReuse(error, outgoing.reusedSocket) : new Error(String(error)))
      outgoing.destroy()
    }
    const forget = onAbort(request.signal, () => {
      fail(interruption(request.signal))
    })
    const deadline = startDeadline(limit, () => {
      fail(tooSlow(request, limit))
    })
    const succeed = (answer: EngineAnswer) => {
      deadline.clear()
      forget()
      resolve(answer)
    }
    outgoing.once('error', fail)
    outgoing.once('response', (incoming) => {
      collect(incoming, { request, renew: deadline.renew }).then(succeed, fail)
    })
    outgoing.end(bodyOf(request))
  })
}

function startDeadline(milliseconds: number, onExpired: () => void) {
  const timer = setTimeout(onExpired, milliseconds)
  return {
    renew: () => {
      timer.refresh()
    },
    clear: () => {
      clearTimeout(timer)
    },
  }
}

interface Collecting {
  readonly request: EngineRequest
  readonly renew: () => void
}

function collect(incoming: IncomingMessage, { request, renew }: Collecting): Promise<EngineAnswer> {
  const status = incoming.statusCode ?? 0
  const passOn = status < 300 ? request.onData : undefined
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      if (passOn !== undefined) {
        renew()
        try {
          passOn(chunk)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
        return
      }
      size += chunk.length
      if (size > longestBody) reject(new Error('The answer is too long.'))
      else chunks.push(chunk)
    })
    incoming.once('end', () => {
      resolve({ status, headers: incoming.headers, body: Buffer.concat(chunks) })
    })
    incoming.once('error', reject)
    incoming.once('aborted', () => {
      reject(new Error('The connection ended in the middle of the answer.'))
    })
  })
}

function target(address: EngineAddress): RequestOptions {
  // Without a host Node would send the path of the socket, which engines refuse; of a name it would find out in 3 ms that it is no address.
  return address.kind === 'socket'
    ? { socketPath: address.path, host: '127.0.0.1' }
    : { host: address.host, port: address.port }
}

function headersOf({ body }: EngineRequest): Record<string, string | number> {
  if (body === undefined) return {}
  const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json'
  return { 'content-type': type, 'content-length': Buffer.byteLength(bodyOf({ body }) ?? '') }
}

function bodyOf({ body }: Pick<EngineRequest, 'body'>): Buffer | string | undefined {
  return body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body)
}

const reused = Symbol('reused')

function withReuse(error: Error, isReused: boolean): Error {
  return isReused ? Object.assign(error, { [reused]: true }) : error
}

/**
 * Once more, if the engine cannot have seen the call: nobody listened; or it closed a kept connection just then, which only a read may
 * find out twice.
 */
function mayRepeat(error: unknown, request: EngineRequest): 'no' | 'revive' | 'again' {
  if (!(error instanceof Error) || isPoststackError(error)) return 'no'
  const code = codeOf(error)
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'revive'
  const closed = code === 'ECONNRESET' || code === 'EPIPE'
  return closed && reused in error && request.method === 'GET' ? 'again' : 'no'
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function tooSlow(request: EngineRequest, limit: number): PoststackError {
  const seconds = String(Math.round(limit / 1000))
  return new PoststackError(
    'RUNTIME_UNREACHABLE',
    `The engine did not answer ${nameOf(request)} within ${seconds} s.`,
    {
      hint: 'It may be overloaded or stuck: see its log, and restart it if that does not help.',
      details: { request: nameOf(request), timeoutMs: limit },
    },
  )
}

function toPoststackError(error: unknown, request: EngineRequest, options: EngineClientOptions): PoststackError {
  if (isPoststackError(error)) return error
  const reason = error instanceof Error ? explain(error) : String(error)
  const where = formatAddress(options.address)
  const isOther = error instanceof Error && codeOf(error)?.startsWith('HPE_') === true
  const what = isOther ? `What answers at ${where} is not a container engine` : `The engine at ${where} does not answer`
  return new PoststackError('RUNTIME_UNREACHABLE', `${what}: ${reason}`, {
    hint: isOther ? addressHint : options.hint,
    details: { address: where, request: nameOf(request) },
    cause: error,
  })
}

function explain(error: Error): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'nothing listens there.'
    case 'ENOENT':
      return 'there is no such socket.'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not use the socket.'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it closed the connection.'
    case undefined:
    default:
      return error.message
  }
}

function nameOf({ method, path }: EngineRequest): string {
  return `${method} ${path.split('?', 1)[0] ?? ''}`
}
