/** Runs the program that evaluates a config: in a fresh process, with a deadline, its output kept apart. */
import { spawn } from 'node:child_process'
import { throwIfAborted } from '../../abort.ts'
import { visible } from './guarded.ts'
import { endWithUs } from './end-with-us.ts'
import { watchMemory } from './memory.ts'
import { parseReport, parseTranslations } from './report.ts'
import { thrownFailure, exitFailure, failure } from './errors.ts'
import { timeoutFailure } from './timeout.ts'
import type { PoststackError } from '../../errors.ts'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { ChildJob } from '../child/protocol.ts'
import type { ThrownContext } from './errors.ts'
import type { ConfigReads } from './inputs.ts'
import type { Serialized } from '../serialize.ts'

/** Lines that the config printed. */
export interface ConfigOutput {
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
}

export interface ChildOptions {
  /** The program, a built file. */
  readonly program: string
  readonly flags: readonly string[]
  readonly job: ChildJob
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Called once the process is under way. */
  readonly onStarted?: (() => void) | undefined
}

/** Of the heap of JavaScript. */
const heapMegabytes = 512
/** Of the whole process. */
const memoryMegabytes = 1024
const outputLimitBytes = 1_000_000
/** How long the output of a process that has ended may stay open. */
const lastOutputMs = 500
/** How long a process whose time is up may take to say where it is. */
const lastWordsMs = 500

export async function runChild(
  options: ChildOptions,
  context: ThrownContext,
): Promise<Serialized & { readonly output: ConfigOutput; readonly reads: ConfigReads }> {
  if (options.signal !== undefined) throwIfAborted(options.signal)
  const ended = await spawnAndWait(options, context.config.root)
  if (options.signal !== undefined) throwIfAborted(options.signal)
  const output = { stdout: toLines(ended.stdout), stderr: toLines(ended.stderr) }
  const report = parseReport(ended.report)
  if (report !== 'foreign' && report?.kind === 'result') {
    const { plain, issues, layers, reads } = report
    return { plain, issues, layers, reads, output }
  }
  throw await whyNoResult({ ...ended, report }, options, context)
}

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly report: string
  readonly translations: string
  /** Of a process whose time was up: what it wrote to stderr since then. */
  readonly lastWords: string | undefined
  /** It used more memory than it may. */
  readonly isTooLarge: boolean
  readonly exit: string
}

async function whyNoResult(
  ended: Omit<Ended, 'report'> & { readonly report: ReturnType<typeof parseReport> },
  options: ChildOptions,
  context: ThrownContext,
): Promise<PoststackError> {
  const { report } = ended
  if (report === 'foreign') {
    const what = 'the config wrote to file descriptor 3, on which its process tells the result'
    const hint = 'Let it write to stdout or stderr.'
    return await failure({ code: 'CONFIG_FAILED', what, place: undefined, hint }, context.config)
  }
  if (report?.kind === 'threw') return await thrownFailure(report.error, context)
  if (report?.kind === 'exited') return await exitFailure(report, context)
  if (ended.lastWords !== undefined) {
    const { lastWords, translations } = ended
    const timedOut = { timeoutMs: options.timeoutMs, lastWords, translations: parseTranslations(translations) }
    return await timeoutFailure(timedOut, context)
  }
  if (report?.kind === 'unfinished') {
    const what = 'the config waits for a promise that is never settled'
    const hint = 'Look at what it awaits or returns: nothing is under way any more that could settle it.'
    return await failure({ code: 'CONFIG_FAILED', what, place: undefined, hint }, context.config)
  }
  if (ended.isTooLarge || /heap out of memory|invalid table size|Allocation failed/.test(ended.stderr)) {
    const most = ended.isTooLarge ? memoryMegabytes : heapMegabytes
    const what = `the config needed more than ${String(most)} MB of memory and was stopped`
    const details = { memoryMegabytes: most }
    return await failure({ code: 'CONFIG_FAILED', what, place: undefined, details }, context.config)
  }
  const last = toLines(ended.stderr).slice(-5).join('\n')
  const what = `the process that evaluated the config ended (${ended.exit}) without a result${last === '' ? '' : `:\n${last}`}`
  return await failure({ code: 'CONFIG_FAILED', what, place: undefined }, context.config)
}

async function spawnAndWait(options: ChildOptions, root: string): Promise<Ended> {
  const flags = [
    ...options.flags,
    '--enable-source-maps',
    // On SIGINT Node prints where it is, from a thread of its own: also in the middle of an endless loop.
    '--trace-sigint',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    `--max-old-space-size=${String(heapMegabytes)}`,
  ]
  const child = spawn(process.execPath, [...flags, options.program, JSON.stringify(options.job)], {
    // A group of its own: what the config started goes when it goes.
    detached: true,
    cwd: root,
    env: visible(options.env, options.job.withheld),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const [stdout, stderr, report, translations] = [
    collect(child.stdout),
    collect(child.stderr),
    collect(child.stdio[3] as Readable, Infinity),
    collect(child.stdio[4] as Readable, Infinity),
  ]
  const letGo = endWithUs(child)
  let isTooLarge = false
  const lookAway = watchMemory(child.pid, memoryMegabytes, () => {
    isTooLarge = true
    killGroup(child)
  })
  options.onStarted?.()
  let lastWords: (() => string) | undefined
  let timer = setTimeout(() => {
    // From here on, because what it printed before may have used up the limit.
    lastWords = collect(child.stderr)
    child.kill('SIGINT')
    timer = setTimeout(() => killGroup(child), lastWordsMs)
  }, options.timeoutMs)
  const onAbort = () => killGroup(child)
  options.signal?.addEventListener('abort', onAbort)
  try {
    const exit = await waitForEnd(child)
    return {
      stdout: stdout(),
      stderr: stderr(),
      report: report(),
      translations: translations(),
      lastWords: lastWords?.(),
      isTooLarge,
      exit,
    }
  } finally {
    letGo()
    lookAway()
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * Waits until the process has ended and its output is read; what it left running is ended with it. What has left its group lives on, and may
 * hold the output open for as long as it likes.
 */
function waitForEnd(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      killGroup(child)
      const done = (): void => {
        clearTimeout(timer)
        for (const stream of child.stdio) stream?.destroy()
        resolve(signal ?? `exit code ${String(code)}`)
      }
      // What has been written is read before: on a busy machine the time may be over first.
      const timer = setTimeout(() => setImmediate(done), lastOutputMs)
      child.once('close', done)
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

function collect(stream: Readable | null, limitBytes = outputLimitBytes): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream?.on('data', (chunk: Buffer) => {
    if (size < limitBytes) chunks.push(chunk)
    size += chunk.length
  })
  return () => Buffer.concat(chunks).toString()
}

function toLines(text: string): readonly string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}
