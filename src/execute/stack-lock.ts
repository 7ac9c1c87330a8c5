/**
 * One process at a time per stack and checkout.
 *
 * The lock is a row of generations, `<stack>.<n>.json`; the highest one counts. It is made complete or not at all (a hard
 * link to a finished file), names its holder exactly, and is replaced by generation n + 1 once it is released or its
 * holder is dead. Age never decides: a build may take an hour.
 *
 * Why two processes never hold it at once:
 * 1. Only one process can link n + 1.
 * 2. A holder deletes the lower generations, lowest first, before it begins. So whoever acts on an old look and links an
 *    n + 1 that was in use before finds that its n is gone (or another one), or that a higher one exists, and backs out.
 * 3. The highest generation is never deleted, so numbers never start again.
 */
import { randomUUID } from 'node:crypto'
import { link, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pause, throwIfAborted } from '../abort.ts'
import { makeStateFolder, unwritable, writing } from '../config/state-folder.ts'
import { isCode, PoststackError } from '../errors.ts'
import { isDead, ownIdentity } from '../runtime/process-identity.ts'
import type { ProcessIdentity } from '../runtime/process-identity.ts'

export interface StackLockOptions {
  /** The project's folder. */
  readonly root: string
  readonly stack: string
  /** What is being done, for the others who wait: `poststack up`. */
  readonly command: string
  /** @default 600000 */
  readonly waitMs?: number
  readonly signal: AbortSignal
  /** Called at once when somebody else holds the lock, and then every second. */
  readonly onWaiting: (holder: string, waitedMs: number) => void
}

/**
 * Calls `work` while no other process (and no other call in this one) works on this stack in this folder. The lock is given
 * back when `work` ends, however it ends, and is free as soon as its process dies.
 *
 * Fails with `LOCK_TIMEOUT` after `waitMs`, `STATE_UNWRITABLE` when the folder cannot be written.
 */
export async function withStackLock<T>(options: StackLockOptions, work: () => Promise<T>): Promise<T> {
  const lock: Lock = {
    folder: await makeStateFolder(options.root, 'locks'),
    stack: options.stack,
    owner: {
      ...(await ownIdentity()),
      token: randomUUID(),
      command: options.command,
      since: new Date().toISOString(),
    },
  }
  const file = await acquire(lock, options)
  let failed = true
  try {
    const result = await work()
    failed = false
    return result
  } finally {
    // An error of the work matters more than one of giving the lock back, which mends itself when this process ends.
    await release(lock, file).catch((error: unknown) => {
      if (!failed) throw unwritable(file, error)
    })
  }
}

interface Owner extends ProcessIdentity {
  /** Tells two holds of one process apart. */
  readonly token: string
  readonly command: string
  readonly since: string
}

interface Lock {
  readonly folder: string
  readonly stack: string
  readonly owner: Owner
}

const pollMs = 50
const sayMs = 1000
const defaultWaitMs = 600_000
const staleDraftMs = 60_000

async function acquire(lock: Lock, options: StackLockOptions): Promise<string> {
  const started = performance.now()
  let sayAt = 0
  for (;;) {
    throwIfAborted(options.signal)
    const attempt = await writing(lock.folder, () => tryAcquire(lock))
    if (typeof attempt === 'string') return attempt
    const waitedMs = performance.now() - started
    if (attempt.holder !== undefined) {
      const holder = describe(attempt.holder, lock.owner)
      if (waitedMs >= (options.waitMs ?? defaultWaitMs)) throw timeout(lock, attempt, waitedMs)
      if (waitedMs >= sayAt) {
        options.onWaiting(holder, Math.round(waitedMs))
        sayAt = (Math.floor(waitedMs / sayMs) + 1) * sayMs
      }
      // Jitter, or waiters that were started together would ask together for ever.
      await pause(pollMs * (0.5 + Math.random()), options.signal)
    }
  }
}

/** Who stands in the way; nobody when the look was outdated and the next one may succeed. */
interface Refusal {
  readonly holder: Owner | undefined
  readonly file: string | undefined
}

async function tryAcquire(lock: Lock): Promise<string | Refusal> {
  const again: Refusal = { holder: undefined, file: undefined }
  const last = highest(await generations(lock))
  const before = last === 0 ? '' : await readGeneration(lock, last)
  if (before === undefined) return again
  const holder = parseOwner(before)
  if (holder !== undefined && !(await isDead(holder))) return { holder, file: generationFile(lock, last) }

  const mine = generationFile(lock, last + 1)
  if (!(await linkComplete(lock, mine))) return again
  const unchanged = last === 0 || (await readGeneration(lock, last)) === before
  if (!unchanged || highest(await generations(lock)) !== last + 1) {
    await rm(mine, { force: true })
    return again
  }
  await sweep(lock, last)
  return mine
}

/** Lowest first: a gap above a lower generation would let an outdated look pass as current. */
async function sweep(lock: Lock, below: number): Promise<void> {
  for (const generation of await generations(lock)) {
    if (generation <= below) await rm(generationFile(lock, generation), { force: true })
  }
  for (const name of await readdir(lock.folder)) {
    if (!name.startsWith(`${lock.stack}.`) || !name.endsWith('.draft')) continue
    const draft = join(lock.folder, name)
    const facts = await stat(draft).catch(() => undefined)
    const isOld = facts !== undefined && Date.now() - facts.mtimeMs > staleDraftMs
    // Left by a process that died between writing and linking. Should its writer live after all, it writes another one.
    if (isOld || (await isOfTheDead(lock, name))) await rm(draft, { force: true })
  }
}

/** Of this machine: a number that means another process somewhere else costs that one another draft. */
async function isOfTheDead({ owner }: Lock, draft: string): Promise<boolean> {
  const pid = Number(/\.([1-9]\d*)\.[\da-f-]+\.draft$/.exec(draft)?.[1])
  return Number.isSafeInteger(pid) && (await isDead({ ...owner, pid, started: undefined }))
}

function newDraft({ folder, owner, stack }: Lock): string {
  return join(folder, `${stack}.${owner.pid}.${randomUUID()}.draft`)
}

/** Makes the file with all of its content at once; false when it exists. */
async function linkComplete(lock: Lock, file: string): Promise<boolean> {
  const draft = newDraft(lock)
  try {
    await writeFile(draft, JSON.stringify({ ...lock.owner, since: new Date().toISOString() }), { mode: 0o600 })
    await link(draft, file)
    return true
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    // ENOENT of the link: another one swept our draft away, because this machine slept in between.
    if (syscall === 'link' && (code === 'EEXIST' || code === 'ENOENT')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function release(lock: Lock, file: string): Promise<void> {
  const draft = newDraft(lock)
  try {
    await writeFile(draft, JSON.stringify({ released: lock.owner.token }), { mode: 0o600 })
    await rename(draft, file)
  } catch {
    // The disk may be full. An empty file is nobody's either, and needs no space.
    await rm(draft, { force: true })
    await truncate(file)
  }
}

/** Ascending. */
async function generations(lock: Lock): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir(lock.folder)) {
    const [, number] = /\.([1-9]\d{0,14})\.json$/.exec(name) ?? []
    if (number !== undefined && name === basename(generationFile(lock, Number(number)))) found.push(Number(number))
  }
  return found.toSorted((a, b) => a - b)
}

function highest(ascending: readonly number[]): number {
  return ascending.at(-1) ?? 0
}

function generationFile(lock: Lock, generation: number): string {
  return join(lock.folder, `${lock.stack}.${generation}.json`)
}

/** Nothing when it has been deleted since it was listed. */
async function readGeneration(lock: Lock, generation: number): Promise<string | undefined> {
  try {
    return await readFile(generationFile(lock, generation), 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Nobody for a released lock, and for a damaged one: files appear complete, so only a power cut, which nobody survived, leaves half of one. */
function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner> | null
    const complete = typeof value?.pid === 'number' && typeof value.host === 'string' && typeof value.token === 'string'
    return complete ? (value as Owner) : undefined
  } catch {
    return undefined
  }
}

function describe(owner: Owner, own: Owner): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(owner.since)) / 1000))
  const time = Number.isFinite(seconds) ? `, for ${seconds} s` : ''
  const host = owner.host === own.host ? '' : ` on ${owner.host}`
  return `${owner.command} (pid ${owner.pid}${host}${time})`
}

function timeout(lock: Lock, { holder, file }: Refusal, waitedMs: number): PoststackError {
  const who = holder === undefined ? 'another process' : describe(holder, lock.owner)
  const elsewhere = holder !== undefined && (holder.host !== lock.owner.host || holder.space !== lock.owner.space)
  return new PoststackError(
    'LOCK_TIMEOUT',
    `Stack ${lock.stack} is in use by ${who}; waited ${Math.round(waitedMs / 1000)} s.`,
    {
      hint: elsewhere
        ? `It runs on another machine or in a container (host ${holder.host}), so this one cannot tell whether it is still alive. If it is gone, delete ${file}.`
        : 'Wait until it is done, or stop it, and run the command again.',
      details: {
        stack: lock.stack,
        pid: holder?.pid,
        host: holder?.host,
        command: holder?.command,
        since: holder?.since,
      },
    },
  )
}
