/**
 * Gives the role of a server another password while the server does not run: PostgreSQL's single-user mode asks for none. The value goes
 * over its standard input, into no argument list and no log.
 */
import { PoststackError } from '../../errors.ts'
import { runProgram } from '../exec.ts'
import { hasCluster } from './cluster.ts'
import { folderOf } from './folders.ts'
import { dataOf, runningServer, type Container } from './records.ts'
import { clearDeadServer } from './server.ts'
import { binariesFor, passwordIn, type NativeContext } from './start.ts'
import { commandAs, openWay, userForExisting } from './user.ts'
import type { Revealed } from '../runtime.ts'
import { identifier, literal } from '../../migrations/sql/quote.ts'

const deadlineMs = 60_000
const silent = ['log_statement=none', 'log_min_duration_statement=-1', 'log_min_error_statement=panic']

export interface NewPassword {
  readonly files: Revealed
  readonly signal: AbortSignal
}

/** A volume without data gets its password when they are made. */
export async function setStoppedPassword(
  context: NativeContext,
  container: Container,
  { files, signal }: NewPassword,
): Promise<void> {
  const { env, folders } = context
  const { postgres, volume } = container.record.server
  const volumeFolder = folderOf(folders.volumes, volume)
  if (!(await hasCluster(volumeFolder))) return
  if ((await runningServer(folders, container, signal)) !== undefined) throw refused(postgres.user, 'its server runs')
  const data = await dataOf(folders, volume)
  const surroundings = { ...context, signal }
  const binaries = await binariesFor(context, postgres.version, { thorough: false, signal })
  const runAs = await userForExisting(data, surroundings)
  await openWay(runAs, surroundings, volumeFolder)
  await clearDeadServer(data, signal)
  const password = passwordIn(files, container)
  const settings = silent.flatMap((setting) => ['-c', setting])
  const { exitCode, lastLines } = await runProgram({
    // Every cluster has this database. With -j a statement ends at a semicolon and an empty line.
    ...commandAs(runAs, binaries.postgres, ['--single', '-j', '-D', data, ...settings, 'template1']),
    input: `ALTER ROLE ${identifier(postgres.user)} PASSWORD ${literal(password)};\n\n`,
    env: { ...env, ...binaries.env },
    cwd: volumeFolder,
    hide: (text) => text.replaceAll(password, '***'),
    signal,
    ownGroup: true,
    timeoutMs: deadlineMs,
  })
  // It ends well whatever becomes of a statement.
  const complaint = lastLines.find((line) => /\b(?:ERROR|FATAL|PANIC):/.test(line))
  if (complaint !== undefined) throw refused(postgres.user, complaint.replace(/^.*?\b(?:ERROR|FATAL|PANIC): +/, ''))
  if (exitCode !== 0) throw refused(postgres.user, lastLines.at(-1) ?? `exit code ${String(exitCode)}`)
}

function refused(user: string, reason: string): PoststackError {
  return new PoststackError('ENGINE_REFUSED', `role ${identifier(user)} got no other password: ${reason}`)
}
