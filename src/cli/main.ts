/**
 * The program: streams, environment, signals and exit code meet the rest of the code here and nowhere else.
 */
import type { PoststackError } from '../errors.ts'

const words = process.argv.slice(2)

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

  const { ExitCode, PoststackError: Interruption } = await import('../errors.ts')
  const interruption = new AbortController()
  const terminated = new Interruption('TERMINATED', 'terminated')
  onSignals(interruption, {
    SIGINT: { reason: new Interruption('INTERRUPTED', 'interrupted'), exitCode: ExitCode.interrupted },
    SIGTERM: { reason: terminated, exitCode: ExitCode.terminated },
    SIGHUP: { reason: terminated, exitCode: ExitCode.terminated },
  })
  // A reader that has seen enough (`| head`) is no error, and no reason to leave a stack half-made: the work goes on unheard.
  const unread = new AbortController()
  process.stderr.on('error', ignoreClosedPipe)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    ignoreClosedPipe(error)
    unread.abort()
  })

  const { runApp } = await import('./app.ts')
  return runApp(words, {
    cwd: startingFolder(),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interruption.signal,
    handOver,
    unread: unread.signal,
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

/** EIO is the terminal that was closed; SIGHUP has told of it, and what was begun is being taken back. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
}
