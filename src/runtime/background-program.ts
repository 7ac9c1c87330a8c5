/**
 * Programs that serve us while we work.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ProgramRequest } from './exec.ts'
import { missingProgram } from './find-program.ts'

export interface BackgroundProgram {
  /** Resolves with its last words when the program has ended. */
  readonly ended: Promise<string>
  stop(): void
}

/**
 * Starts a program that serves us until `stop`; `words` is the file for what it says. It has a process group of its own, so that Ctrl-C
 * reaches us and not it: the way back needs it. It ends with our process, if that ends in order; it must end by itself if ours is killed.
 * Node's own `spawn`, because this happens on every run where podman has no socket, and execa takes a tenth of a second to load.
 *
 * What it says goes to a file: a pipe would end with us if we are killed, and the program with its next word, in the middle of its work.
 */
export function startProgram({
  program,
  args,
  env,
  words,
}: Pick<ProgramRequest, 'program' | 'args' | 'env'> & { readonly words: string }): BackgroundProgram {
  const file = openSync(words, 'w', 0o600)
  const running = spawnOnto(file, { program, args, env })
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
      resolve(lastWords(words))
    })
  })
  // It must not keep our process alive: a user of the library may forget to close.
  running.unref()
  return { ended, stop }
}

/** An argument or a variable that no program can be given is thrown, and the file is closed all the same. */
function spawnOnto(
  file: number,
  { program, args, env }: Pick<ProgramRequest, 'program' | 'args' | 'env'>,
): ChildProcess {
  try {
    return spawn(program, args, { env, detached: true, stdio: ['ignore', 'ignore', file] })
  } finally {
    closeSync(file)
  }
}

async function lastWords(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-5).join('\n')
}
