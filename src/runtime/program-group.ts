/**
 * A program with all that it started: a process group of its own, which Ctrl-C in the terminal does not reach and only we end.
 */
import type { ChildProcess } from 'node:child_process'
import { onAbort } from '../abort.ts'
import { isCode } from '../errors.ts'

export interface ProgramGroup {
  /** Asks all of them to end, and does not wait for ever. */
  stop(): void
  /** For when the program is over: what goes on, and was not asked to end, is left alone from then on. */
  leave(): void
}

export const killAfterMs = 5_000

/** The group of a detached program, which ends with the signal and with our own process. */
export function groupOf(leader: Pick<ChildProcess, 'pid' | 'killed' | 'once'>, signal: AbortSignal): ProgramGroup {
  const { pid } = leader
  if (pid === undefined) return { stop: () => undefined, leave: () => undefined }
  const kill = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name)
    } catch (error) {
      // EPERM is what macOS says of a group of which only zombies are left.
      if (!isCode(error, 'ESRCH', 'EPERM')) throw error
    }
  }
  let force: NodeJS.Timeout | undefined
  const ask = (): void => kill('SIGTERM')
  const stop = (): void => {
    ask()
    force ??= setTimeout(kill, killAfterMs, 'SIGKILL').unref()
  }
  const forget = onAbort(signal, stop)
  process.once('exit', ask)
  leader.once('exit', () => {
    if (force !== undefined || leader.killed) kill('SIGKILL')
  })
  return {
    stop,
    leave: () => {
      if (force !== undefined) kill('SIGKILL')
      clearTimeout(force)
      forget()
      process.removeListener('exit', ask)
    },
  }
}
