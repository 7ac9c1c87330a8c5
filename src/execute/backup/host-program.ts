/**
 * PostgreSQL's client programs of this machine, for a database that no container of ours stands beside.
 */
import { PoststackError } from '../../errors.ts'
import { type Login, loginUrl } from '../../plan/login-url.ts'
import { withoutDatabase } from '../../plan/variables.ts'
import { findClient } from '../../runtime/client-programs.ts'
import { installClients } from '../../runtime/install.ts'
import type { AttachedProgram } from '../../runtime/runtime.ts'
import type { ProgramOptions } from './program.ts'
import { findWasmDump, isForWasm, wasmWay } from './wasm-program.ts'

export interface HostTarget extends Omit<Login, 'database'> {
  readonly password: string | undefined
}

export interface HostOptions {
  /** Where packages may be installed: the project's folder, for one. */
  readonly folders: readonly string[]
  /** The environment that programs may see. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** Fails with `PROGRAM_MISSING` when there is none of the server's version. */
export async function hostProgram(
  target: HostTarget,
  { applicationName, args, database, major, program }: ProgramOptions,
  { env, folders, signal }: HostOptions,
): Promise<AttachedProgram> {
  // An older program refuses a newer server; what a newer one writes, an older server may not understand.
  const { path, seen } = await findClient({ program, major, orNewer: program === 'pg_dump', env, signal })
  const wasm = program === 'pg_dump' && isForWasm({ args, major }) ? findWasmDump({ folders }) : undefined
  if (path === undefined && wasm === undefined) throw missing({ program, major }, seen)
  const { password, ...server } = target
  return {
    program: path ?? process.execPath,
    args: [...(path === undefined ? (wasm ?? []) : []), `--dbname=${loginUrl({ ...server, database })}`, ...args],
    env: {
      ...withoutDatabase(env),
      PGAPPNAME: applicationName,
      ...(password === undefined ? {} : { PGPASSWORD: password }),
    },
  }
}

function missing(
  { program, major }: Pick<ProgramOptions, 'program' | 'major'>,
  seen: readonly string[],
): PoststackError {
  const version = String(major)
  const others = seen.length === 0 ? '' : `, only ${seen.join(', ')}`
  return new PoststackError(
    'PROGRAM_MISSING',
    `There is no ${program} for PostgreSQL ${version} on this machine${others}.`,
    {
      hint: [
        `Install the client programs of that version: ${installClients(major)}`,
        ...(program === 'pg_dump' ? wasmWay(major) : []),
        'Or run the service in a container (podman, docker): its image has them.',
      ].join('\n'),
      details: { program, major, seen },
    },
  )
}
