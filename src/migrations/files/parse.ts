/**
 * Names and bytes of a folder's files -> migrations. Pure: the bytes are read elsewhere. Every problem of a folder is
 * found before the first is reported, so that a person mends them in one go.
 */
import { createHash } from 'node:crypto'
import { PoststackError } from '../../errors.ts'
import type { Migration, SqlText } from '../types.ts'
import { type Renaming, renaming, sectionProblem } from './foreign.ts'
import { expandIncludes, type Include } from './include.ts'
import { type FileProblem, normalise, readText } from './text.ts'
import { canonicalVersion, compareVersions } from '../version.ts'

/** A file of the folder as it is on disk. */
export interface MigrationFile {
  /** Name without its folder. */
  readonly file: string
  readonly bytes: Uint8Array
}

/** What a file name of the right form says. */
export interface FileName {
  readonly file: string
  readonly stem: string
  readonly version: string
  readonly name: string
}

const expectedForm =
  'Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.'
/** How the name of a way back ends, after the stem of its migration. */
export const rollbackEnd = '.rollback.sql'

/** Whether a name in a migration folder is meant to be SQL. Other files (a README, hidden files) may stand beside. */
export function isSqlFile(file: string): boolean {
  return !file.startsWith('.') && file.toLowerCase().endsWith('.sql')
}

/** What could be made of the files of a folder. */
export interface ParsedFiles {
  /** Those that nothing is wrong with, sorted by version. */
  readonly migrations: readonly Migration[]
  /** Everything that is wrong: names, duplicates, rollbacks without a migration, texts that are not UTF-8, files that cannot be included. */
  readonly problems: readonly FileProblem[]
  /** Versions, in their canonical form, that are there and cannot be used. */
  readonly unusable: ReadonlySet<string>
}

/**
 * Migrations of a folder, sorted by version. Fails with `MIGRATION_INVALID`, whose `details.problems` lists everything
 * that is wrong, or with `MIGRATION_MISSING` where that is nothing but migrations that are gone and have left their rollbacks.
 * Without `include` lines with `\\i` stay as they are.
 */
export function parseMigrations(
  files: readonly MigrationFile[],
  extra: readonly FileProblem[] = [],
  include?: Include,
): readonly Migration[] {
  const { migrations, problems } = inspectFiles(files, extra, include)
  if (problems.length > 0) throw invalid(problems)
  return migrations
}

/** The same, for whoever shows what is right beside what is wrong. */
export function inspectFiles(
  files: readonly MigrationFile[],
  extra: readonly FileProblem[] = [],
  include?: Include,
): ParsedFiles {
  const problems: FileProblem[] = [...extra]
  const unread = new Set(extra.map((problem) => problem.file))
  const names: FileName[] = []
  const rollbacks: string[] = []
  const texts = new Map<string, SqlText>()
  const sorted = files.toSorted((a, b) => (a.file < b.file ? -1 : 1))
  for (const { file, bytes } of sorted) {
    const name = parseName(file)
    const foreign = renaming(file)
    if (file.endsWith(rollbackEnd) && foreign === undefined) rollbacks.push(file)
    // The way back of another tool has the form of a name too, and must not be run as a migration.
    else if (name === undefined || foreign !== undefined) problems.push(misnamed(file, foreign))
    else names.push(name)
    const text = parseText(file, bytes, include)
    if ('sql' in text) texts.set(file, text)
    else problems.push(...text.map((problem) => (problem.file === file ? problem : { ...problem, includedBy: file })))
    const sections = 'sql' in text && !file.endsWith(rollbackEnd) ? sectionProblem({ file, ...text }) : undefined
    if (sections !== undefined) problems.push(sections)
  }
  problems.push(...duplicates(names))
  const stems = new Set(names.map((name) => name.stem))
  for (const file of unread) stems.add(file.replace(/\.sql$/, ''))
  const orphans = rollbacks.filter((file) => !stems.has(file.slice(0, -rollbackEnd.length))).map(orphan)
  const ours = new Set([...unread, ...rollbacks, ...names.map(({ file }) => file)])
  const unusable = versionsOf(
    problems.map(({ file, includedBy = file }) => includedBy).filter((file) => ours.has(file)),
  )
  const migrations = names
    .filter(({ version }) => !unusable.has(canonicalVersion(version)))
    .map((name) => migration(name, texts))
    .toSorted((a, b) => compareVersions(a.version, b.version))
  return { migrations, problems: [...problems, ...orphans], unusable }
}

function versionsOf(files: readonly string[]): ReadonlySet<string> {
  return new Set(files.flatMap((file) => parseName(file)?.version ?? []).map((version) => canonicalVersion(version)))
}

function misnamed(file: string, foreign: Renaming | undefined): FileProblem {
  const what = `${file} does not have the form of a migration's name`
  if (foreign === undefined) return { file, message: `${what}.`, hint: expectedForm }
  const { to, hint } = foreign
  return {
    file,
    message: to === undefined ? `${what}.` : `${what}: rename it to ${to}.`,
    hint: `${expectedForm}\n${hint}`,
  }
}

/** The error for everything wrong in a folder. */
export function invalid(problems: readonly FileProblem[]): PoststackError {
  const hints = [...new Set(problems.flatMap((problem) => problem.hint.split('\n')))]
  const lines = problems.map((problem) => problem.message)
  const message =
    lines.length === 1
      ? (lines[0] ?? '')
      : `${lines.length} problems with the migration files:\n${lines.map((line) => `- ${line}`).join('\n')}`
  const code = problems.every(({ missing }) => missing !== undefined) ? 'MIGRATION_MISSING' : 'MIGRATION_INVALID'
  return new PoststackError(code, message, { hint: hints.join('\n'), details: { problems } })
}

/** The text whose hash is the checksum: editors and checkouts may change line ends and the last line, not more. */
function canonicalText(sql: string): string {
  return `${normalise(sql).replace(/\n+$/, '')}\n`
}

/** SHA-256 in hex over the canonical text. */
export function checksum(sql: string): string {
  return createHash('sha256').update(canonicalText(sql)).digest('hex')
}

/** Takes a name apart; of a rollback, `name` has `.rollback` at its end. Nothing for a name of another form. */
export function parseName(file: string): FileName | undefined {
  const [, version, name] = /^(\d+)[_-](.+)\.sql$/.exec(file) ?? []
  if (version === undefined || name === undefined) return undefined
  return { file, stem: file.slice(0, -'.sql'.length), version, name }
}

function migration(name: FileName, texts: ReadonlyMap<string, SqlText>): Migration {
  const rollbackFile = `${name.stem}${rollbackEnd}`
  const up = texts.get(name.file)
  const rollback = texts.get(rollbackFile)
  if (up === undefined) throw new Error(`${name.file} has no text`)
  return {
    version: name.version,
    name: name.name,
    file: name.file,
    ...up,
    rollback: rollback === undefined ? undefined : { file: rollbackFile, ...rollback },
  }
}

function duplicates(names: readonly FileName[]): FileProblem[] {
  const byVersion = groupNames(names)
  const problems: FileProblem[] = []
  for (const [version, same] of byVersion) {
    const files = same.map((name) => name.file)
    if (files.length < 2) continue
    const pair = files.some((file) => /[_-](down|undo|revert)\.sql$/i.test(file))
    problems.push({
      file: files[1] ?? '',
      message: `Version ${version} is taken by ${files.length} files: ${files.join(', ')}.`,
      hint: pair
        ? expectedForm
        : 'Give each migration a number of its own; the one that nobody has applied yet is the one to renumber: poststack database renumber',
    })
  }
  return problems
}

function orphan(file: string): FileProblem {
  const wanted = file.replace(rollbackEnd, '.sql')
  const missing = parseName(file)?.version
  return {
    file,
    message: `${file} rolls back ${wanted}, which is not there.`,
    hint: 'Put the migration back, or delete its rollback too.',
    ...(missing === undefined ? {} : { missing }),
  }
}

export function parseText(
  file: string,
  bytes: Uint8Array,
  include: Include | undefined,
): SqlText | readonly FileProblem[] {
  const read = readText(file, bytes)
  if ('message' in read) return [read]
  const expanded = expandIncludes(file, read, include)
  if ('problems' in expanded) return expanded.problems
  return { ...expanded, checksum: checksum(expanded.sql) }
}

function groupNames(names: readonly FileName[]): Map<string, FileName[]> {
  const groups = new Map<string, FileName[]>()
  for (const name of names) {
    const version = canonicalVersion(name.version)
    const group = groups.get(version)
    if (group === undefined) groups.set(version, [name])
    else group.push(name)
  }
  return groups
}
