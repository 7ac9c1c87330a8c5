/**
 * A new migration: its number from what the folder holds, its name from what the person says, and the two files, which nobody else's
 * work is ever lost to.
 */
import { open, readdir, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pause } from '../../abort.ts'
import { makeFolder } from '../../config/make-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { compareVersions } from '../version.ts'
import { nextNumber } from './numbering.ts'
import { parseName, rollbackEnd } from './parse.ts'

/** What two new files are called. */
export interface NewMigration {
  readonly version: string
  /** Names without their folder. */
  readonly file: string
  readonly rollbackFile: string
}

/**
 * Chooses the names. `files` are all names of the folder; what does not have the form of a migration's name is passed over. `now` is for
 * folders that number by the clock. Fails with `USAGE` when nothing of the name can stand in a file name, or too much. Pure.
 */
export function nameMigration(files: readonly string[], name: string, now: Date): NewMigration {
  // Of a rollback whose migration is gone the number is taken, too.
  const names = files.flatMap((file) => parseName(file) ?? [])
  const newest = names.toSorted((a, b) => compareVersions(a.version, b.version)).at(-1)
  const version = nextNumber(newest?.version, now)
  const separator = newest?.file.charAt(newest.version.length) ?? '_'
  const stem = `${version}${separator}${slugOf(name)}`
  const rollbackFile = `${stem}${rollbackEnd}`
  if (Buffer.byteLength(rollbackFile) > longestName) {
    throw new PoststackError(
      'USAGE',
      `The name "${name}" is too long: ${rollbackFile} would not fit into a file name.`,
      {
        hint: `Take a shorter one; a file name has at most ${longestName} bytes.`,
        details: { name },
      },
    )
  }
  return { version, file: `${stem}.sql`, rollbackFile }
}

// Of nearly every file system.
const longestName = 255

/** Letters of any script, digits and underscores, in lower case. */
function slugOf(name: string): string {
  const slug = name
    .normalize('NFC')
    .trim()
    .replace(/\.sql$/i, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}_]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '')
  if (slug !== '') return slug
  throw new PoststackError('USAGE', `Nothing of the name "${name}" can stand in a file name.`, {
    hint: 'Say in a few words what the migration does: poststack database new "add users"',
    details: { name },
  })
}

export interface NewMigrationOptions {
  /** Path of the folder; made when it is not there. */
  readonly folder: string
  readonly name: string
  readonly now: Date
  readonly signal: AbortSignal
}

/**
 * Makes both files, each with a comment in it. A file that is there is never written to; processes that do this at once get a
 * number each. Fails with `USAGE` (see `nameMigration`), or `MIGRATION_INVALID` when the folder cannot be written.
 */
export async function createMigration(
  options: NewMigrationOptions,
): Promise<NewMigration & { readonly folder: string }> {
  const folder = resolve(options.folder)
  const { name, now, signal } = options
  try {
    // Refused before the folder is made.
    nameMigration([], name, now)
    makeFolder(folder)
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- each attempt looks at what the one before met
      const made = await tryNames(folder, nameMigration(await readdir(folder), name, now))
      if (made !== undefined) return { ...made, folder }
      // oxlint-disable-next-line no-await-in-loop
      await pause(Math.random() * 20 * attempt, signal)
    }
  } catch (error) {
    throw unwritable(folder, error)
  }
  throw new PoststackError(
    'MIGRATION_INVALID',
    `Others keep taking the next number in ${folder}. Nothing was written.`,
    {
      hint: 'Try again when they are done.',
      details: { path: folder },
    },
  )
}

const mostAttempts = 50

/**
 * Writes first and looks then: of two that take one number at once, the later of the two writes comes before its own look, so at least
 * one sees the other and gives way.
 */
async function tryNames(folder: string, names: NewMigration): Promise<NewMigration | undefined> {
  const made: string[] = []
  try {
    for (const [file, text] of [
      [names.file, upText],
      [names.rollbackFile, rollbackText],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- the rollback is not to stand there alone
      await writeNew(join(folder, file), text, () => made.push(file))
    }
    const others = (await readdir(folder)).filter((file) => !made.includes(file))
    const taken = others.some((file) => {
      const version = parseName(file)?.version
      return version !== undefined && compareVersions(version, names.version) === 0
    })
    if (!taken) return names
  } catch (error) {
    await removeAll(folder, made)
    if (!isCode(error, 'EEXIST')) throw error
    return undefined
  }
  await removeAll(folder, made)
  return undefined
}

async function writeNew(path: string, text: string, onMade: () => void): Promise<void> {
  const handle = await open(path, 'wx')
  onMade()
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
}

// The rollback first: alone it would be an error in the folder.
async function removeAll(folder: string, files: readonly string[]): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop
  for (const file of files.toReversed()) await unlink(join(folder, file))
}

// No name or number stands in them: a file may be renumbered.
const upText = `-- Runs once, in a transaction of its own: as a whole or not at all. BEGIN and COMMIT are not needed.
-- What cannot run in a transaction, such as CREATE INDEX CONCURRENTLY, is recognised and run by itself.

`

const rollbackText = `-- Takes back everything that the migration of this number does, the last thing first.
-- To have it proved: poststack database verify-migrations --rollbacks

`

const diskTroubles = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST', 'ELOOP']

function unwritable(folder: string, error: unknown): unknown {
  if (!(error instanceof Error) || !isCode(error, ...diskTroubles)) return error
  const reason = isCode(error, 'ENOTDIR', 'EEXIST') ? 'it, or a folder above it, is a file' : error.message
  return new PoststackError('MIGRATION_INVALID', `The migration folder ${folder} cannot be written: ${reason}.`, {
    hint: 'Name another folder (--migrations, or `migrations` in the config), or give yourself the right to write there.',
    details: { path: folder },
    cause: error,
  })
}
