/**
 * The program: streams, environment, signals and exit code meet the rest of the code here and nowhere else.
 */
import type { PoststackError } from '../errors.ts'

const words = process.argv.slice(2)
const unread = heedOutput()

/** Signals that a program which works in our place gets instead of us. */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
let isHandedOver = false

// Answered before anything is imported: this is what scripts ask most, and it must cost nothing.
if (words.length === 1 && ['version', '--version', '-V'].includes(words[0] ?? '')) {
  process.stdout.write(`poststack ${POSTSTACK_VERSION}\n`)
} else {
  process.exitCode = await main()
}

async function main(): Promise<number> {
  // Where Node has it, the compiled form of the chunks that follow is kept between runs.
  const { enableCompileCache } = (await import('node:module')) as { enableCompileCache?: () => unknown }
  enableCompileCache?.()
  // The parser of SQL is WebAssembly with functions of a size whose optimizing costs half a second of two cores, and a run ends before it has
  // paid. V8 counts what a function has run, in bytes about; with this budget only texts of megabytes have it optimized.
  process.getBuiltinModule('node:v8').setFlagsFromString('--wasm-tiering-budget=100000000')

  // Node would open its inspector, and whoever connects there runs code in this process: what it guards must not come by that.
  process.on('SIGUSR1', () => undefined)

  const { ExitCode, PoststackError: Interruption } = await import('../errors.ts')
  const interruption = new AbortController()
  const terminated = new Interruption('TERMINATED', 'terminated')
  onSignals(interruption, {
    SIGINT: { reason: new Interruption('INTERRUPTED', 'interrupted'), exitCode: ExitCode.interrupted },
    SIGTERM: { reason: terminated, exitCode: ExitCode.terminated },
    SIGHUP: { reason: terminated, exitCode: ExitCode.terminated },
  })
  const [{ runApp }, { programName }] = await Promise.all([import('./app.ts'), import('./report/called.ts')])
  return runApp(words, {
    cwd: startingFolder(),
    env: process.env,
    program: programName(process.argv[1] ?? '', process.env),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interruption.signal,
    handOver,
    unread,
  })
}

/** Empty where the folder was deleted under the shell that stands in it. */
function startingFolder(): string {
  try {
    return process.cwd()
  } catch {
    return ''
  }
}

function handOver(receiver: (name: NodeJS.Signals) => void): () => void {
  isHandedOver = true
  for (const name of passedOn) process.on(name, receiver)
  return () => {
    for (const name of passedOn) process.removeListener(name, receiver)
    isHandedOver = false
  }
}

interface SignalAnswer {
  readonly reason: PoststackError
  readonly exitCode: number
}

/** The first signal asks for a clean end; a second one, whichever it is, ends the process at once. */
function onSignals(
  interruption: AbortController,
  answers: Readonly<Record<'SIGINT' | 'SIGTERM' | 'SIGHUP', SignalAnswer>>,
): void {
  for (const [name, { exitCode, reason }] of Object.entries(answers)) {
    process.on(name, () => {
      if (isHandedOver) return
      if (interruption.signal.aborted) process.exit(exitCode)
      interruption.abort(reason)
    })
  }
}

/**
 * Nothing that becomes of the output is a reason to leave a stack half-made: the work goes on unheard. The signal is aborted once nobody reads
 * stdout any more.
 */
function heedOutput(): AbortSignal {
  const aborter = new AbortController()
  let lost: NodeJS.ErrnoException | undefined
  // What is said on the way is no part of the work.
  process.stderr.on('error', () => undefined)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isUnwanted(error)) lost ??= error
    aborter.abort()
  })
  // At the end, because the last of it may be what cannot be written. The result is a part of what was asked for.
  process.on('exit', (code) => {
    if (lost === undefined) return
    // Not imported: the version is to be answered by this file alone.
    const { getSystemErrorMap } = process.getBuiltinModule('node:util')
    const reason = getSystemErrorMap().get(lost.errno ?? 0)?.[1] ?? lost.message
    process.stderr.write(`error  the output could not be written: ${reason}\n`)
    if (code === 0) process.exitCode = 1
  })
  return aborter.signal
}

/** A reader that has seen enough (`| head`) is no error. EIO is the terminal that was closed; SIGHUP has told of it. */
function isUnwanted({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || (code === 'EIO' && process.stdout.isTTY)
}
