/**
 * Programs that serve us while we work.
 */
import { spawn } from 'node:child_process'
import type { ProgramRequest } from './exec.ts'
import { missingProgram } from './find-program.ts'
import { createLineSplitter } from './lines.ts'

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
      reject(missingProgram(program, error, 'RUNTIME_MISSING') ?? error)
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
