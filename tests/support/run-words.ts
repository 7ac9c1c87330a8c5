/** The command line in this process, with all that it says kept. */
import { PassThrough } from 'node:stream'
import { runApp } from '../../src/cli/app.ts'
import type { Io } from '../../src/cli/context.ts'

export interface Said {
  stdout: string
  stderr: string
}

/** Nobody sits there, nothing stops it, and there is no environment. */
export function quietIo(said: Said): Io {
  return {
    cwd: '/nowhere',
    env: {},
    stdin: new PassThrough(),
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
    signal: new AbortController().signal,
    handOver: () => () => undefined,
    unread: new AbortController().signal,
  }
}

export async function runWords(...words: readonly string[]): Promise<{ readonly exitCode: number } & Readonly<Said>> {
  const said = { stdout: '', stderr: '' }
  const exitCode = await runApp(words, quietIo(said))
  return { exitCode, ...said }
}
