/**
 * Programs that work in the place of ours.
 */
import { spawn } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { constants as systemConstants } from 'node:os'
import type { Readable } from 'node:stream'
import { missingProgram } from './find-program.ts'
import type { AttachedProgram } from './runtime.ts'

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
      reject(missingProgram(program, error, 'PROGRAM_MISSING') ?? error)
    })
    running.once('close', (code, signal) => {
      takeBack()
      resolve(code ?? 128 + (signal === null ? 0 : systemConstants.signals[signal]))
    })
  })
}
