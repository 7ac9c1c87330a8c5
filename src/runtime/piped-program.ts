/**
 * Programs whose streams are data: a dump that comes out, or one that goes in. Nothing of it is kept in memory, and whoever is slower
 * sets the pace.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { interruption, throwIfAborted } from '../abort.ts'
import { isCode } from '../errors.ts'
import { missingProgram } from './find-program.ts'
import { createLineSplitter } from './lines.ts'
import { groupOf } from './program-group.ts'
import type { AttachedProgram } from './runtime.ts'

export interface PipedStreams {
  /** Given to the program, whose input ends with it; empty without. */
  readonly input?: Readable
  /** Takes what the program writes to stdout; dropped without. */
  readonly output?: Writable
  readonly signal: AbortSignal
}

export interface PipedResult {
  readonly exitCode: number
  /** The last lines of stderr. */
  readonly lastLines: readonly string[]
}

const keptLines = 20

/**
 * Runs a program to its end and returns how it ended, whatever its exit code. Fails with what one of the streams failed with, such as a
 * full disk, once the program has been ended; with `PROGRAM_MISSING`; and with the abort's own reason.
 */
export async function runPiped(
  { program, args, env }: AttachedProgram,
  { input, output, signal }: PipedStreams,
): Promise<PipedResult> {
  throwIfAborted(signal)
  const child = spawn(program, args, {
    env,
    // Ctrl-C in the terminal reaches us alone, and we end it in order.
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const lastLines: string[] = []
  const splitter = createLineSplitter((line) => {
    lastLines.push(line)
    if (lastLines.length > keptLines) lastLines.shift()
  })
  child.stderr?.on('data', splitter.push)
  const ended = endOf(child, program)
  const group = groupOf(child, signal)
  const orStop = async (flow: Promise<void>): Promise<void> => {
    try {
      await flow
    } catch (error) {
      group.stop()
      throw error
    }
  }
  try {
    const [exitCode] = await Promise.all([ended, orStop(feed(child, input)), orStop(drain(child, output))])
    splitter.end()
    throwIfAborted(signal)
    return { exitCode, lastLines }
  } catch (error) {
    await ended.catch(() => undefined)
    throw signal.aborted ? interruption(signal) : error
  } finally {
    group.leave()
  }
}

function endOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(missingProgram(program, error, 'PROGRAM_MISSING') ?? error)
    })
    child.once('close', (code) => {
      // Whatever ended it, it did not come to its end.
      resolve(code ?? -1)
    })
  })
}

async function feed({ stdin }: ChildProcess, input: Readable | undefined): Promise<void> {
  if (input === undefined || stdin === null) return
  try {
    await pipeline(input, stdin)
  } catch (error) {
    // It has ended before it had read all: its exit code and its words say why.
    if (!isCode(error, 'EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE') || !stdin.destroyed) throw error
    if (input.errored !== null && !isCode(input.errored, 'EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'))
      throw input.errored
  }
}

async function drain({ stdout }: ChildProcess, output: Writable | undefined): Promise<void> {
  if (stdout === null) return
  if (output !== undefined) {
    await pipeline(stdout, output)
    return
  }
  stdout.resume()
  await finished(stdout).catch(() => undefined)
}
