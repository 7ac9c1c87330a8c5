/**
 * Whole processes, timed in turns: A B C A B C …, so that what else the machine does meets all of them alike.
 */
import { spawn } from 'node:child_process'

export interface Program {
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  /** On top of `environment`. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Timing {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** What both sides of a comparison are given: Node reads extra certificates at each start, which would hide differences. */
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...rest } = process.env
export const environment: Readonly<Record<string, string | undefined>> = { ...rest, NO_COLOR: '1' }

/** Each program `runs` times after one run that does not count. In milliseconds. */
export async function measureInTurns(programs: readonly Program[], runs: number): Promise<readonly Timing[]> {
  for (const program of programs) await timeOnce(program)
  const times = programs.map((): number[] => [])
  for (let run = 0; run < runs; run++) {
    for (const [index, program] of programs.entries()) times[index]?.push(await timeOnce(program))
  }
  return times.map(timingOf)
}

export function timingOf(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN }
}

/** Runs it once, in milliseconds. Fails unless it ends with 0. */
export async function timeOnce(program: Program): Promise<number> {
  const began = performance.now()
  const { code, output } = await runProgram(program)
  const took = performance.now() - began
  if (code !== 0) throw new Error(`${program.command.join(' ')} ended with ${String(code)}:\n${output}`)
  return took
}

export function runProgram(program: Program): Promise<{ readonly code: number | null; readonly output: string }> {
  const { command, cwd, env } = program
  const [file, ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env: { ...environment, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (part: Buffer) => (output += part.toString()))
    child.stderr.on('data', (part: Buffer) => (output += part.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, output })
    })
  })
}
