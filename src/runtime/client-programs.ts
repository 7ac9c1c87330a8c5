/**
 * PostgreSQL's client programs on this machine: those of a server's major version come before others.
 */
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { runProgram } from './exec.ts'
import { majorOf, systemFolders } from './native/binaries.ts'

export type ClientProgram = 'pg_dump' | 'pg_restore' | 'psql'

export interface ClientRequest {
  readonly program: ClientProgram
  /** Of the server. */
  readonly major: number
  /** A newer one does as well, where there is none of the very version. */
  readonly orNewer: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export interface FoundClients {
  /** Path of the one that does; absent when none does. */
  readonly path: string | undefined
  /** What is there: paths with their versions. */
  readonly seen: readonly string[]
}

const askMs = 10_000

/** Looks in the usual folders and on PATH. */
export async function findClient({ program, major, orNewer, env, signal }: ClientRequest): Promise<FoundClients> {
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
  const newer = orNewer ? Array.from({ length: 5 }, (_, index) => major + 1 + index) : []
  const folders = [...new Set([...systemFolders(major), ...path, ...newer.flatMap(systemFolders)])]
  const found: { readonly file: string; readonly major: number }[] = []
  for (const folder of folders) {
    const file = join(folder, program)
    const version = await versionOf(file, env, signal)
    if (version === major) return { path: file, seen: [] }
    if (version !== undefined) found.push({ file, major: version })
  }
  const next = orNewer ? found.find((one) => one.major > major) : undefined
  return { path: next?.file, seen: found.map((one) => `${one.file} (${String(one.major)})`) }
}

async function versionOf(file: string, env: ClientRequest['env'], signal: AbortSignal): Promise<number | undefined> {
  try {
    await access(file, constants.X_OK)
  } catch {
    return undefined
  }
  const { exitCode, stdout } = await runProgram({ program: file, args: ['--version'], env, signal, timeoutMs: askMs })
  return exitCode === 0 ? majorOf(stdout) : undefined
}
