/**
 * The commit that a checkout stands at, for the record of who applied what.
 */
import { runProgram } from '../runtime/exec.ts'

export type ProgramEnvironment = Readonly<Record<string, string | undefined>>

/** A checkout on a slow disk answers in tens of milliseconds; a record is not worth more than this. */
const deadlineMs = 2_000

/**
 * The commit of the checkout that a folder lies in, in hex. Undefined without git, outside of a checkout, before the first commit,
 * or when git takes longer than two seconds: a missing record is no reason not to migrate.
 */
export async function readGitCommit(
  folder: string,
  { env, signal }: { readonly env: ProgramEnvironment; readonly signal: AbortSignal },
): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await runProgram({
      program: 'git',
      args: ['rev-parse', '--verify', 'HEAD'],
      cwd: folder,
      env,
      signal,
      timeoutMs: deadlineMs,
    })
    const commit = stdout.trim()
    return exitCode === 0 && /^[0-9a-f]{40,64}$/.test(commit) ? commit : undefined
  } catch {
    return undefined
  }
}
