/**
 * Runs programs: the only door to execa. Never through a shell, and never with an environment that the caller did not give.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { constants as systemConstants } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import { interruption, onAbort, throwIfAborted } from '../abort.ts'
import { isCode, PoststackError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { createLineSplitter } from './lines.ts'
import type { AttachedProgram } from './runtime.ts'

export interface ProgramRequest {
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment of the program, `PATH` included. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Gets each line of both streams as it comes, without colours and other control codes. */
  readonly onLine?: (line: string) => void
  readonly cwd?: string
  /** Given to the program as its standard input, which is empty otherwise. */
  readonly input?: string | Readable
  /** Gets what the program says on descriptor 3, which it has then. */
  readonly report?: ((text: string) => void) | undefined
  /** Texts that are secret: errors show `***` in their place. */
  readonly secrets?: readonly string[]
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
const killAfterMs = 5_000

/**
 * Runs a program to its end and returns how it ended, whatever its exit code.
 *
 * @throws `RUNTIME_MISSING` when there is no such program, `ENGINE_REFUSED` when it does not end in time or is killed from outside,
 * and the abort's own reason.
 */
export async function runProgram(request: ProgramRequest): Promise<ProgramResult> {
  throwIfAborted(request.signal)
  const { execa } = await import('execa')
  const lastLines: string[] = []
  let stdout = ''
  const keep = (text: string) => {
    // Docker's classic builder colours each piece of stderr, also where nobody sees it: words would be cut by codes.
    const line = text.includes('\u001B') ? stripVTControlCharacters(text) : text
    lastLines.push(maskSecrets(line, request))
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
    cancelSignal: request.signal,
    forceKillAfterDelay: killAfterMs,
    ...(request.ownGroup === true ? { detached: true } : {}),
  })
  if (request.ownGroup === true) endGroupWith(running, request.signal)
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
  stdout += decoder.end()
  for (const splitter of splitters) splitter.end()
  if (result.isCanceled) throw interruption(request.signal)
  if (result.code === 'ENOENT') throw programMissing(request.program, result)
  const ended: ProgramResult = { exitCode: result.exitCode ?? -1, stdout, lastLines }
  if (result.timedOut) {
    const seconds = String(Math.round(request.timeoutMs / 1000))
    throw programError('ENGINE_REFUSED', `did not end within ${seconds} s and was stopped`, { request, result: ended })
  }
  if (result.exitCode === undefined) {
    const why =
      result.signal === undefined ? `could not be run: ${result.shortMessage ?? ''}` : `was ended by ${result.signal}`
    throw programError('ENGINE_REFUSED', maskSecrets(why, request), { request, result: ended })
  }
  return ended
}

function inputOf({ input, report }: ProgramRequest) {
  if (input !== undefined) return { input }
  return report === undefined ? { stdin: 'ignore' as const } : { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] as const }
}

/** What a program started ends with it, when it is ended from here. */
function endGroupWith(leader: Pick<ChildProcess, 'pid' | 'killed' | 'once'>, signal: AbortSignal): void {
  const { pid } = leader
  if (pid === undefined) return
  const kill = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name)
    } catch (error) {
      // EPERM is what macOS says of a group of which only zombies are left.
      if (!isCode(error, 'ESRCH', 'EPERM')) throw error
    }
  }
  const ask = () => {
    kill('SIGTERM')
  }
  const forget = onAbort(signal, ask)
  process.once('exit', ask)
  leader.once('exit', () => {
    forget()
    process.removeListener('exit', ask)
    if (leader.killed) kill('SIGKILL')
  })
}

/** The error for a program that ended with a code it should not have: the command line, secrets masked, and its last words. */
export function programFailed(code: ErrorCode, request: ProgramRequest, result: ProgramResult): PoststackError {
  return programError(code, `ended with exit code ${String(result.exitCode)}`, { request, result })
}

export interface BackgroundProgram {
  /** Resolves with its last words when the program has ended. */
  readonly ended: Promise<string>
  stop(): void
}

/**
 * Starts a program that serves us until `stop`. It has a process group of its own, so that Ctrl-C reaches us and not it: the way back
 * needs it. It ends with our process, if that ends in order; it must end by itself if ours is killed. Node's own `spawn`, because
 * this happens on every run where podman has no socket, and execa takes a tenth of a second to load.
 */
export function startProgram({
  program,
  args,
  env,
}: Pick<ProgramRequest, 'program' | 'args' | 'env'>): BackgroundProgram {
  const running = spawn(program, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  const lastLines: string[] = []
  const splitter = createLineSplitter((line) => {
    lastLines.push(line)
    if (lastLines.length > 5) lastLines.shift()
  })
  running.stderr.on('data', splitter.push)
  const stop = () => {
    running.kill('SIGTERM')
  }
  process.once('exit', stop)
  const ended = new Promise<string>((resolve, reject) => {
    running.once('error', (error) => {
      reject(isCode(error, 'ENOENT') ? programMissing(program, error) : error)
    })
    running.once('exit', () => {
      process.removeListener('exit', stop)
      splitter.end()
      resolve(lastLines.join('\n'))
    })
  })
  // It must not keep our process alive: a user of the library may forget to close.
  running.unref()
  if ('unref' in running.stderr && typeof running.stderr.unref === 'function') running.stderr.unref()
  return { ended, stop }
}

export interface AttachOptions {
  /** Hands the signals that we get over, until the result is called. */
  readonly handOver: (receiver: (name: NodeJS.Signals) => void) => () => void
  /** A terminal gives Ctrl-C to all that run in its foreground, so the program has had it already. */
  readonly terminal: boolean
  /** What the program reads, instead of what is typed. */
  readonly input?: string
}

/**
 * Runs a program in our place: it has our streams and our signals. Gives its exit code, or 128 and the number of the signal that ended it.
 *
 * @throws `PROGRAM_MISSING`
 */
export function runAttached(
  { program, args, env, report }: AttachedProgram,
  { handOver, input, terminal }: AttachOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const stdin = input === undefined ? 'inherit' : 'pipe'
    const stdio: StdioOptions = [stdin, 'inherit', 'inherit', ...(report === undefined ? [] : (['pipe'] as const))]
    const running = spawn(program, args, { env, stdio })
    // Whoever has seen enough reads no further.
    running.stdin?.on('error', () => undefined).end(input)
    if (report !== undefined) (running.stdio[3] as Readable).setEncoding('utf8').on('data', report)
    const takeBack = handOver((name) => {
      if (!terminal || (name !== 'SIGINT' && name !== 'SIGQUIT')) running.kill(name)
    })
    running.once('error', (error) => {
      takeBack()
      reject(isCode(error, 'ENOENT', 'EACCES') ? notStarted(program, error) : error)
    })
    running.once('close', (code, signal) => {
      takeBack()
      resolve(code ?? 128 + (signal === null ? 0 : systemConstants.signals[signal]))
    })
  })
}

function notStarted(program: string, cause: unknown): PoststackError {
  const message = isCode(cause, 'EACCES')
    ? `The program "${program}" may not be run by this user.`
    : `The program "${program}" was not found.`
  return new PoststackError('PROGRAM_MISSING', message, {
    hint: 'Check the name, and that its folder stands in PATH.',
    details: { program },
    cause,
  })
}

/** The file of a program, looked for as the system would. */
export async function findProgram(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    for (const suffix of suffixes) {
      const file = join(folder, `${program}${suffix}`)
      const usable = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (folder !== '' && usable) return file
    }
  }
  return undefined
}

function programMissing(program: string, cause: unknown): PoststackError {
  return new PoststackError('RUNTIME_MISSING', `The program "${program}" was not found.`, {
    hint: `Install ${program}, or add its folder to PATH.`,
    details: { program },
    cause,
  })
}

function programError(
  code: ErrorCode,
  what: string,
  { request, result }: { readonly request: ProgramRequest; readonly result: ProgramResult },
): PoststackError {
  const command = [request.program, ...request.args].map((word) => quote(maskSecrets(word, request))).join(' ')
  const lastWords = result.lastLines.slice(-5).join('\n')
  return new PoststackError(code, `${request.program} ${what}${lastWords === '' ? '.' : `: ${lastWords}`}`, {
    details: { command, exitCode: result.exitCode, output: result.lastLines },
  })
}

function maskSecrets(text: string, { secrets = [] }: Pick<ProgramRequest, 'secrets'>): string {
  return secrets.reduce((masked, secret) => (secret === '' ? masked : masked.replaceAll(secret, '***')), text)
}

/** For people to read and paste; nothing is ever run from it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
