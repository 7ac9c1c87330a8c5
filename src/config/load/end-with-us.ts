/** A process that does not outlive ours, however ours ends. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

/**
 * Ends the group of a detached process when ours is gone, until the result is called. It is a shell that does it, whose input ends with us: we cannot any
 * more after `kill -9`, and the process itself does not look when it is in an endless loop. Where there is no shell, nobody does it.
 */
export function endWithUs({ pid }: Pick<ChildProcess, 'pid'>): () => void {
  if (pid === undefined) return () => undefined
  const guard = spawn('/bin/sh', ['-c', 'read -r line; kill -s KILL -- "-$0"', String(pid)], {
    // A group of its own: Ctrl-C in the terminal is not for it.
    detached: true,
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => undefined)
  return () => {
    guard.kill('SIGKILL')
  }
}
