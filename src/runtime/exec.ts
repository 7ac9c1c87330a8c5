/**
 * Runs programs: the only door to execa. Never through a shell, and never with an environment that the caller did not give.
 */
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import { interruption, throwIfAborted } from '../abort.ts'
import { shellWord } from '../config/shell-word.ts'
import { PoststackError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { missingProgram } from './find-program.ts'
import { createLineSplitter } from './lines.ts'
import { groupOf, killAfterMs } from './program-group.ts'

export interface ProgramRequest {
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment of the program, `PATH` included. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Gets each line of both streams as it comes, without colours and other control codes. */
  readonly onLine?: ((line: string) => void) | undefined
  readonly cwd?: string
  /** Given to the program as its standard input, which is empty otherwise. */
  readonly input?: string | Readable
  /** Gets what the program says on descriptor 3, which it has then. */
  readonly report?: ((text: string) => void) | undefined
  /** Takes secrets out of its lines, and out of errors. */
  readonly hide?: (text: string) => string
  /** What errors call it. @default the program */
  readonly title?: string
  /** Code of the error when it cannot be run, is killed or takes too long. @default `RUNTIME_MISSING` and `ENGINE_REFUSED` */
  readonly code?: ErrorCode
  readonly uid?: number
  readonly gid?: number
  /**
   * A process group of its own: Ctrl-C in the terminal reaches us and not the program, and only our abort ends it, with all that it
   * started. For programs whose own words about an interruption nobody is to read.
   */
  readonly ownGroup?: boolean
}

export interface ProgramResult {
  readonly exitCode: number
  readonly stdout: string
  /** The last lines of both streams, secrets masked. */
  readonly lastLines: readonly string[]
}

const keptLines = 60
const keptBytes = 1024 * 1024
/** What a program started may keep its streams for ever; its own words are there long before. */
const lastWordsMs = 1_000

/**
 * Runs a program to its end and returns how it ended, whatever its exit code. What it leaves running is not waited for.
 *
 * @throws `code` when there is no such program, or it does not end in time or is killed from outside; and the abort's own reason.
 */
export async function runProgram(request: ProgramRequest): Promise<ProgramResult> {
  const { code = 'ENGINE_REFUSED', hide = (text) => text, signal } = request
  throwIfAborted(signal)
  const { execa } = await import('execa')
  const lastLines: string[] = []
  let stdout = ''
  const keep = (text: string) => {
    // Docker's classic builder colours each piece of stderr, also where nobody sees it: words would be cut by codes.
    const line = hide(text.includes('\u001B') ? stripVTControlCharacters(text) : text)
    lastLines.push(line)
    if (lastLines.length > keptLines) lastLines.shift()
    request.onLine?.(line)
  }
  const running = execa(request.program, request.args, {
    env: request.env,
    extendEnv: false,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...inputOf(request),
    ...(request.uid === undefined ? {} : { uid: request.uid }),
    ...(request.gid === undefined ? {} : { gid: request.gid }),
    buffer: false,
    reject: false,
    timeout: request.timeoutMs,
    cancelSignal: signal,
    forceKillAfterDelay: killAfterMs,
    ...(request.ownGroup === true ? { detached: true } : {}),
  })
  const group = request.ownGroup === true ? groupOf(running, signal) : undefined
  const waiting = closeAfterEnd(running)
  if (request.report !== undefined) (running.stdio[3] as Readable).setEncoding('utf8').on('data', request.report)
  const splitters = [running.stdout, running.stderr].map((stream) => {
    const splitter = createLineSplitter(keep)
    stream?.on('data', splitter.push)
    return splitter
  })
  const decoder = new StringDecoder('utf8')
  running.stdout?.on('data', (chunk: Buffer) => {
    if (stdout.length < keptBytes) stdout += decoder.write(chunk)
  })
  const result = await running
  group?.leave()
  waiting.over()
  stdout += decoder.end()
  for (const splitter of splitters) splitter.end()
  if (result.isCanceled) throw interruption(signal)
  // A stream that it reads may have failed for such a reason, too.
  const missing =
    running.pid === undefined && missingProgram(request.program, result, request.code ?? 'RUNTIME_MISSING')
  if (missing) throw missing
  const ended: ProgramResult = { exitCode: result.exitCode ?? -1, stdout, lastLines }
  if (result.timedOut) {
    const seconds = String(Math.round(request.timeoutMs / 1000))
    throw programError(code, `did not end within ${seconds} s and was stopped`, { request, result: ended })
  }
  if (result.exitCode === undefined) {
    const why =
      result.signal === undefined ? `could not be run: ${result.shortMessage ?? ''}` : `was ended by ${result.signal}`
    throw programError(code, why, { request, result: ended })
  }
  return ended
}

function inputOf({ input, report }: ProgramRequest) {
  if (input !== undefined) return { input }
  return report === undefined ? { stdin: 'ignore' as const } : { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] as const }
}

/** Closes the streams of a program that has ended, if somebody else still holds them. */
function closeAfterEnd(running: Pick<ChildProcess, 'once' | 'stdio'>): { readonly over: () => void } {
  let timer: NodeJS.Timeout | undefined
  running.once('exit', () => {
    timer = setTimeout(() => {
      for (const stream of running.stdio) stream?.destroy()
    }, lastWordsMs)
  })
  return { over: () => clearTimeout(timer) }
}

/** The error for a program that ended with a code it should not have: the command line, secrets masked, and its last words. */
export function programFailed(code: ErrorCode, request: ProgramRequest, result: ProgramResult): PoststackError {
  return programError(code, `ended with exit code ${String(result.exitCode)}`, { request, result })
}

function programError(
  code: ErrorCode,
  what: string,
  { request, result }: { readonly request: ProgramRequest; readonly result: ProgramResult },
): PoststackError {
  const { args, hide = (text) => text, program, title = program } = request
  const command = [program, ...args].map((word) => shellWord(hide(word))).join(' ')
  const lastWords = result.lastLines.slice(-5).join('\n')
  return new PoststackError(code, `${hide(`${title} ${what}`)}${lastWords === '' ? '.' : `: ${lastWords}`}`, {
    details: { command, exitCode: result.exitCode, output: result.lastLines },
  })
}
