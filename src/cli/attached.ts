/**
 * A program that works in the place of ours: `exec`, `psql`, a shell in a container.
 */
import { runAttached } from '../runtime/attached-program.ts'
import type { AttachedProgram } from '../runtime/runtime.ts'
import type { Io } from './context.ts'

/** Whether somebody types into it and looks at what it says. */
export function isInteractive({ stdin, stdout }: Io): boolean {
  return stdin.isTTY === true && stdout.isTTY === true
}

/** Runs it with our streams and signals, and gives its exit code. */
export function runInPlace(program: AttachedProgram, io: Io): Promise<number> {
  const terminal = [io.stdin, io.stdout, io.stderr].some(({ isTTY }) => isTTY === true)
  return runAttached(program, { handOver: io.handOver, terminal })
}
