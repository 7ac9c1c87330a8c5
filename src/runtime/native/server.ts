/**
 * Starts and stops a PostgreSQL server as a process of its own, which goes on when ours ends.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, rename, rm, stat } from 'node:fs/promises'
import { pause, throwIfAborted } from '../../abort.ts'
import { writing } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { installPostgres } from '../install.ts'
import type { Binaries } from './binaries.ts'
import { readFrom, startFailure } from './log.ts'
import { isEnding, isUnreaped, listProcesses, markSetting, readProcess, signalProcess, worksOn } from './process.ts'
import type { LiveProcess } from './process.ts'
import { logOf, readPostmasterFile, runningServer, writeLastRun } from './records.ts'
import type { Container, ServerPlan } from './records.ts'
import { commandAs, giveTo, openWay, ordinaryUser } from './user.ts'
import type { RunAs, Surroundings } from './user.ts'

export interface StartRequest {
  readonly container: Container
  readonly binaries: Binaries
  /** Real path of the data directory. */
  readonly data: string
  readonly volumeFolder: string
  readonly runAs: RunAs
}

const startDeadlineMs = 15_000
const quitDeadlineMs = 8_000
const killDeadlineMs = 10_000
const childrenGraceMs = 2_000
const largestLogBytes = 10 * 1024 * 1024

/** Returns when the server has its port, or fails with the reason its log gives. Nobody else may work on the data directory. */
export async function launchServer(request: StartRequest, surroundings: Surroundings): Promise<void> {
  const { container, data } = request
  await clearDeadServer(data, surroundings.signal)
  const log = logOf(container)
  const from = await prepareLog(log)
  let exitCode = await attempt(request, surroundings, log)
  if (exitCode === undefined) return
  if (request.runAs.kind === 'namespace' && /^unshare: /m.test(await readFrom(log, from))) {
    // The machine does not let us use a namespace (any longer): from now on the data belong to an ordinary user.
    const runAs = await ordinaryUser(request.binaries, surroundings)
    await openWay(runAs, surroundings, request.volumeFolder)
    await giveTo(runAs, data)
    exitCode = await attempt({ ...request, runAs }, surroundings, log)
    if (exitCode === undefined) return
  }
  // Another process may have started the same container at the same time, and won.
  if ((await runningServer(surroundings.folders, container, surroundings.signal)) !== undefined) return
  await writeLastRun(container, { pid: 0, started: undefined, exitCode })
  const { port, address, postgres } = container.record.server
  throw await startFailure(
    { name: container.name, port, address, major: postgres.version, output: await readFrom(log, from), exitCode },
    surroundings.signal,
  )
}

/**
 * Fast shutdown, which ends connections in order; after the grace time an immediate one, and at last the kill. Returns when no process
 * of the server is left.
 */
export async function shutDown(
  container: Container,
  server: LiveProcess,
  { data, graceMs, signal }: { readonly data: string; readonly graceMs: number; readonly signal: AbortSignal },
): Promise<void> {
  let exitCode = 0
  await signalProcess(server, 'SIGINT', signal)
  if (!(await endsWithin(server, graceMs, signal))) {
    exitCode = 1
    await signalProcess(server, 'SIGQUIT', signal)
    if (!(await endsWithin(server, quitDeadlineMs, signal))) {
      exitCode = 137
      await signalProcess(server, 'SIGKILL', signal)
      if (!(await endsWithin(server, killDeadlineMs, signal)))
        throw new PoststackError(
          'ENGINE_REFUSED',
          `The server of ${container.name} (pid ${String(server.pid)}) does not end, though it was killed.`,
          {
            hint: 'It hangs in the kernel, mostly for a disk that does not answer. When the disk is back, run the command again.',
          },
        )
    }
  }
  if (exitCode !== 0) await endChildren(data, { graceMs: 0, signal })
  await writeLastRun(container, { pid: server.pid, started: server.started, exitCode })
}

/** The process that works on a data directory as its server, whoever started it. */
export async function serverOn(data: string, signal: AbortSignal): Promise<LiveProcess | undefined> {
  const process = await readProcess((await readPostmasterFile(data)).pid, signal)
  return process !== undefined && !isEnding(process) && worksOn(process, data) ? process : undefined
}

/**
 * Clears up after a server that was killed. Its children end by themselves, but not at once, and PostgreSQL does not start beside them.
 * PostgreSQL asks only whether its number answers: another program may have it by now, or the dead server itself, for ever where
 * nobody asks how it ended (PID 1 of many containers). Then its note is removed, but only once no process at all works on the data
 * directory. Memory that such a process still shared would be found without the note, too: PostgreSQL looks for it by the directory.
 */
export async function clearDeadServer(data: string, signal: AbortSignal): Promise<void> {
  const note = await readPostmasterFile(data)
  if (!note.there) return
  await endChildren(data, { graceMs: childrenGraceMs, signal })
  const holder = await readProcess(note.pid, signal)
  // PostgreSQL itself sees that the process is gone.
  if (holder === undefined && note.pid > 0 && !(await isUnreaped(note.pid, signal))) return
  const all = await listProcesses(signal)
  if (all.some((process) => worksOn(process, data))) return
  // Another start may have been faster, and then it is that one's note.
  if ((await readPostmasterFile(data)).pid !== note.pid) return
  await writing(data, () => rm(`${data}/postmaster.pid`, { force: true }))
}

/** The exit code if the server ended at once. */
async function attempt(request: StartRequest, surroundings: Surroundings, log: string): Promise<number | undefined> {
  const { container, data, binaries, runAs } = request
  const { env, signal } = surroundings
  throwIfAborted(signal)
  const command = commandAs(
    runAs,
    binaries.postgres,
    serverArguments(container.record.id, container.record.server, data),
  )
  const output = await writing(log, () => open(log, 'a', 0o600))
  try {
    const child = spawn(command.program, command.args, {
      // A session of its own: neither the end of ours nor Ctrl-C in its terminal reaches it.
      detached: true,
      cwd: data,
      env: { ...env, ...binaries.env },
      stdio: ['ignore', output.fd, output.fd],
      ...(command.uid === undefined ? {} : { uid: command.uid, gid: command.gid }),
    })
    try {
      await once(child, 'spawn')
    } catch (error) {
      if (command.program === 'unshare' && isCode(error, 'ENOENT', 'EACCES')) {
        await output.write('unshare: not found\n')
        return 127
      }
      throw cannotRun(binaries.postgres, container.record.server.postgres.version, error)
    }
    child.unref()
    const pid = child.pid ?? 0
    await writeLastRun(container, { pid, started: (await readProcess(pid, signal))?.started })
    const ended = () => (child.exitCode === null && child.signalCode === null ? undefined : (child.exitCode ?? 137))
    return await listening(pid, data, { ended, signal })
  } finally {
    await output.close()
  }
}

/** Waits until the server has its port or has ended. A recovery may take longer: what becomes of it is the probe's to find out. */
async function listening(
  pid: number,
  data: string,
  { ended, signal }: { readonly ended: () => number | undefined; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const deadline = Date.now() + startDeadlineMs
  while (Date.now() < deadline) {
    const exitCode = ended()
    if (exitCode !== undefined) return exitCode
    const note = await readPostmasterFile(data)
    if (note.pid === pid && note.listens) return undefined
    await pause(10, signal)
  }
  return ended()
}

function serverArguments(id: string, { postgres, port, address }: ServerPlan, data: string): readonly string[] {
  const settings: readonly (readonly [string, string])[] = [
    // No socket file: it needs a short path that all users can reach, and everything goes over TCP. A declared setting may bring it back.
    ['unix_socket_directories', ''],
    ...Object.entries(postgres.settings ?? {}),
    ['listen_addresses', address],
    ['port', String(port)],
  ]
  const words = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', data, ...words, '-c', markSetting(id)]
}

/** Where this start's lines begin. */
async function prepareLog(log: string): Promise<number> {
  const size = (await stat(log).catch(() => undefined))?.size ?? 0
  if (size <= largestLogBytes) return size
  await writing(log, () => rename(log, `${log}.old`))
  return 0
}

async function endsWithin(server: LiveProcess, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const now = await readProcess(server.pid, signal)
    if (now?.started !== server.started) return true
    if (Date.now() >= deadline) return false
    await pause(Math.min(20, Math.max(1, deadline - Date.now())), signal)
  }
}

/** Waits for the children of a server that was killed, and ends those that have not noticed when the grace time is over. */
async function endChildren(
  data: string,
  { graceMs, signal }: { readonly graceMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const began = Date.now()
  while (Date.now() - began < killDeadlineMs) {
    const left = (await listProcesses(signal)).filter((process) => worksOn(process, data))
    // The server itself shows its arguments, its children what they do: `postgres: checkpointer`. Where a server lives, another
    // start was faster, and these are its children.
    const orphans = left.every((process) => isEnding(process) || process.commandLine.startsWith('postgres: '))
    if (left.length === 0 || !orphans) return
    if (Date.now() - began >= graceMs) for (const process of left) await signalProcess(process, 'SIGKILL', signal)
    await pause(20, signal)
  }
}

function cannotRun(program: string, major: number, cause: unknown): PoststackError {
  const code = String((cause as NodeJS.ErrnoException).code)
  return new PoststackError('ENGINE_REFUSED', `${program} could not be started (${code}).`, {
    hint:
      code === 'EACCES'
        ? 'The user that the server runs as cannot reach the program or the data: keep them outside of private homes, or run as an ordinary user.'
        : `The programs may be made for another system: npm's packages need glibc. Install the system's own: ${installPostgres(major)}.`,
    details: { program, code },
    cause,
  })
}
