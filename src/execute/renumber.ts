/**
 * Gives migration files other numbers: reads what decides it, and carries the renaming out. A journal stands in the folder from the
 * first rename to the last, so that a run which is cut in between is finished by the next one.
 */
import { link, lstat, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfAborted } from '../abort.ts'
import { isCode, PoststackError } from '../errors.ts'
import { checksum, isSqlFile } from '../migrations/files/parse.ts'
import { type Move, planRenumber, type RenumberPlan } from '../migrations/files/renumber.ts'
import type { AppliedMigration } from '../migrations/types.ts'
import { type GitOptions, moveTracked, readBaseBranch, readTracked } from './renumber-git.ts'

export interface RenumberOptions extends GitOptions {
  /** Rows of the ledger. Undefined when no database was asked. */
  readonly applied: readonly AppliedMigration[] | undefined
  /** Branch that has the older claims. @default the first there is of origin/main, origin/master, main and master */
  readonly base?: string | undefined
  /** Files that are to move, where nothing else decides. */
  readonly chosen?: readonly string[] | undefined
}

export interface Renumbering extends RenumberPlan {
  /** Branch that the answer goes by; undefined where git could not tell. */
  readonly base: string | undefined
  /** An earlier run was cut off: `moves` is what is left of it, and nothing else is looked at before that is done. */
  readonly continues: boolean
}

/**
 * Reads folder and git, and says which files are to move. Changes nothing. Fails with `USAGE` for a base that is none, and
 * `MIGRATION_MISSING` when there is no such folder.
 */
export async function prepareRenumber(options: RenumberOptions): Promise<Renumbering> {
  const { folder, applied, chosen } = options
  const names = await listFolder(folder)
  const left = await readJournal(folder)
  if (left !== undefined) return { moves: left, choices: [], problems: [], base: undefined, continues: true }
  const base = await readBaseBranch(options, options.base)
  const files = await Promise.all(names.map(async (file) => ({ file, checksum: await checksumOf(join(folder, file)) })))
  const plan = planRenumber({ files, applied, base: base?.files, chosen })
  return { ...plan, base: base?.name, continues: false }
}

/** Of one that cannot be read or includes others nothing is known but its name. */
async function checksumOf(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    return /^\s*\\i/m.test(text) ? undefined : checksum(text)
  } catch {
    return undefined
  }
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter((entry) => isSqlFile(entry.name) && !entry.isDirectory()).map(({ name }) => name)
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ENOTDIR')) throw error
    throw new PoststackError('MIGRATION_MISSING', `There is no folder ${folder} to renumber migrations in.`, {
      hint: 'Name the folder: --migrations on the command line, or `migrations` in the config.',
      details: { path: folder },
      cause: error,
    })
  }
}

/**
 * Carries the moves out: with `git mv` where git follows the file, else as a plain rename. Nothing is overwritten. All are checked
 * before the first; one that fails later leaves the rest to the next run. Fails with `NAME_TAKEN`, `MIGRATION_MISSING` or `STEP_FAILED`.
 */
export async function carryOutRenumber(options: GitOptions, moves: readonly Move[]): Promise<void> {
  const { folder, signal } = options
  if (moves.length === 0) return
  const left = moves.slice(await countDone(folder, moves))
  await checkAll(folder, left)
  const tracked = await readTracked(options)
  await writeJournal(folder, moves)
  for (const { from, to } of left) {
    throwIfAborted(signal)
    // oxlint-disable-next-line no-await-in-loop -- a later one may need the name that an earlier one frees
    await (tracked.has(from) ? moveTracked(options, from, to) : moveFile(join(folder, from), join(folder, to)))
  }
  await unlink(journalOf(folder))
}

/**
 * How many an earlier run has done: up to the last whose old name is gone, because they are done in their order and a name that one
 * frees may be taken by a later one.
 */
async function countDone(folder: string, moves: readonly Move[]): Promise<number> {
  const targets = await Promise.all(moves.map(({ to }) => factsOf(join(folder, to))))
  const sources = await Promise.all(moves.map(({ from }) => factsOf(join(folder, from))))
  const done = sources.lastIndexOf(undefined) + 1
  const lost = moves.find(
    (_, number) => number < done && targets[number] === undefined && sources[number] === undefined,
  )
  if (lost !== undefined) throw gone(folder, lost.from)
  const [next, source] = [moves[done], sources[done]]
  if (next === undefined || source === undefined) return done
  const target = targets[done]
  if (source.ino !== target?.ino || source.dev !== target.dev) return done
  // Cut off between the new name and taking the old one away.
  await unlink(join(folder, next.from))
  return done + 1
}

async function checkAll(folder: string, moves: readonly Move[]): Promise<void> {
  const freed = new Set<string>()
  for (const { from, to } of moves) {
    // oxlint-disable-next-line no-await-in-loop -- a few files
    if (!freed.has(to) && (await factsOf(join(folder, to))) !== undefined) throw taken(folder, from, to)
    freed.add(from)
  }
}

function gone(folder: string, from: string): PoststackError {
  return new PoststackError('MIGRATION_MISSING', `${from} is to be renumbered, but it is not there any more.`, {
    hint: `See what changed the folder. If an earlier renumbering is not to be finished, delete ${journalOf(folder)}; then run again.`,
    details: { file: from },
  })
}

function taken(folder: string, from: string, to: string): PoststackError {
  return new PoststackError('NAME_TAKEN', `${from} was to become ${to}, but a file of that name is there.`, {
    hint: `Look which of the two is right. If an earlier renumbering is not to be finished, delete ${journalOf(folder)}; then run again.`,
    details: { from, to },
  })
}

/** Renames without ever overwriting: `rename` would, so the new name is made first and the old one taken away. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    // A file system without links.
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error
    if ((await factsOf(to)) !== undefined) throw error
    await rename(from, to)
    return
  }
  await unlink(from)
}

async function factsOf(path: string): Promise<{ readonly ino: bigint; readonly dev: bigint } | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

// Not SQL and hidden, so that nothing takes it for a migration.
function journalOf(folder: string): string {
  return join(folder, '.poststack-renumber.json')
}

// Under another name until it is whole: half a journal would be none.
async function writeJournal(folder: string, moves: readonly Move[]): Promise<void> {
  const path = journalOf(folder)
  await writeFile(`${path}.part`, `${JSON.stringify({ version: 1, moves }, undefined, 2)}\n`)
  await rename(`${path}.part`, path)
}

async function readJournal(folder: string): Promise<readonly Move[] | undefined> {
  let text: string
  try {
    text = await readFile(journalOf(folder), 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
  const moves = movesIn(text)
  if (moves !== undefined) return moves
  throw new PoststackError(
    'MIGRATION_INVALID',
    `${journalOf(folder)} is damaged, so what is left of an earlier renumbering is not known.`,
    {
      hint: 'See by the names which files were moved, delete it, and run again.',
      details: { path: journalOf(folder) },
    },
  )
}

// It is read from a folder that others write to: names only, and none that lead out of it.
function movesIn(text: string): readonly Move[] | undefined {
  try {
    const found = JSON.parse(text) as { readonly version?: unknown; readonly moves?: unknown }
    if (found.version !== 1 || !Array.isArray(found.moves)) return undefined
    const moves = (found.moves as readonly Readonly<Record<string, unknown>>[]).map(({ from, to, because }) => ({
      from: String(from),
      to: String(to),
      because: String(because),
    }))
    return moves.every(({ from, to }) => [from, to].every((name) => isSqlFile(name) && !/[/\\]/.test(name)))
      ? moves
      : undefined
  } catch {
    return undefined
  }
}
