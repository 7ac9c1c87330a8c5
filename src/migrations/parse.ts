/**
 * Names and bytes of a folder's files -> migrations. Pure: the bytes are read elsewhere. Every problem of a folder is
 * found before the first is reported, so that a person mends them in one go.
 */
import { createHash } from 'node:crypto'
import { PoststackError } from '../errors.ts'
import type { Migration } from './types.ts'
import { canonicalVersion, compareVersions } from './version.ts'

/** A file of the folder as it is on disk. */
export interface MigrationFile {
  /** Name without its folder. */
  readonly file: string
  readonly bytes: Uint8Array
}

/** One thing that is wrong with one file; `file` is the name, `hint` what to do. */
export interface FileProblem {
  readonly file: string
  readonly message: string
  readonly hint: string
  readonly byteOffset?: number
  readonly line?: number
}

interface FileName {
  readonly file: string
  readonly stem: string
  readonly version: string
  readonly name: string
}

interface SqlText {
  readonly sql: string
  readonly checksum: string
}

const expectedForm =
  'Name migrations <number>_<name>.sql, such as 004_add_users.sql, and the way back 004_add_users.rollback.sql.'
const rollbackEnd = '.rollback.sql'

/** Whether a name in a migration folder is meant to be SQL. Other files (a README, hidden files) may stand beside. */
export function isSqlFile(file: string): boolean {
  return !file.startsWith('.') && file.toLowerCase().endsWith('.sql')
}

/**
 * Migrations of a folder, sorted by version. Fails with `MIGRATION_INVALID`, whose `details.problems` lists everything
 * that is wrong: names, duplicates, rollbacks without a migration, texts that are not UTF-8.
 */
export function parseMigrations(
  files: readonly MigrationFile[],
  extra: readonly FileProblem[] = [],
): readonly Migration[] {
  const problems: FileProblem[] = [...extra]
  const unread = new Set(extra.map((problem) => problem.file))
  const names: FileName[] = []
  const rollbacks: string[] = []
  const texts = new Map<string, SqlText>()
  const sorted = files.toSorted((a, b) => (a.file < b.file ? -1 : 1))
  for (const { file, bytes } of sorted) {
    const name = parseName(file)
    if (file.endsWith(rollbackEnd)) rollbacks.push(file)
    else if (name === undefined)
      problems.push({ file, message: `${file} does not have the form of a migration's name.`, hint: expectedForm })
    else names.push(name)
    const text = parseText(file, bytes)
    if ('problem' in text) problems.push(text.problem)
    else texts.set(file, text)
  }
  problems.push(...duplicates(names))
  const stems = new Set(names.map((name) => name.stem))
  for (const file of unread) stems.add(file.replace(/\.sql$/, ''))
  for (const file of rollbacks) {
    if (!stems.has(file.slice(0, -rollbackEnd.length))) problems.push(orphan(file))
  }
  if (problems.length > 0) throw invalid(problems)
  return names.map((name) => migration(name, texts)).toSorted((a, b) => compareVersions(a.version, b.version))
}

/** The error for everything wrong in a folder. */
function invalid(problems: readonly FileProblem[]): PoststackError {
  const hints = [...new Set(problems.map((problem) => problem.hint))]
  const lines = problems.map((problem) => problem.message)
  const message =
    lines.length === 1
      ? (lines[0] ?? '')
      : `${lines.length} problems with the migration files:\n${lines.map((line) => `- ${line}`).join('\n')}`
  return new PoststackError('MIGRATION_INVALID', message, { hint: hints.join('\n'), details: { problems } })
}

/** The text whose hash is the checksum: editors and checkouts may change line ends and the last line, not more. */
function canonicalText(sql: string): string {
  return `${normalise(sql).replace(/\n+$/, '')}\n`
}

/** SHA-256 in hex over the canonical text. */
export function checksum(sql: string): string {
  return createHash('sha256').update(canonicalText(sql)).digest('hex')
}

function parseName(file: string): FileName | undefined {
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
    const pair = files.some((file) => /[._-](down|undo|revert)\.sql$/i.test(file))
    problems.push({
      file: files[1] ?? '',
      message: `Version ${version} is taken by ${files.length} files: ${files.join(', ')}.`,
      hint: pair
        ? expectedForm
        : 'Give each migration a number of its own; the one that nobody has applied yet is the one to renumber.',
    })
  }
  return problems
}

function orphan(file: string): FileProblem {
  const wanted = file.replace(rollbackEnd, '.sql')
  return {
    file,
    message: `${file} rolls back ${wanted}, which is not there.`,
    hint: 'Put the migration back, or delete its rollback too.',
  }
}

function parseText(file: string, bytes: Uint8Array): SqlText | { readonly problem: FileProblem } {
  const raw = decode(bytes)
  if (raw === undefined) return { problem: notUtf8(file, bytes) }
  const nul = raw.indexOf('\0')
  if (nul !== -1) {
    const line = raw.slice(0, nul).split('\n').length
    const message = `${file} holds a NUL byte in line ${line}, which PostgreSQL cannot take in.`
    return {
      problem: {
        file,
        message,
        hint: 'Remove the byte; UTF-16 files hold many: save those as UTF-8.',
        line,
        byteOffset: Buffer.byteLength(raw.slice(0, nul)),
      },
    }
  }
  const sql = normalise(raw)
  return { sql, checksum: checksum(sql) }
}

function normalise(text: string): string {
  const start = text.startsWith('\uFEFF') ? 1 : 0
  return text.slice(start).replace(/\r\n?/g, '\n')
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function notUtf8(file: string, bytes: Uint8Array): FileProblem {
  const byteOffset = firstInvalidByte(bytes)
  const line = bytes.subarray(0, byteOffset).filter((byte) => byte === 0x0a).length + 1
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  return {
    file,
    message: `${file} is not UTF-8: byte ${byteOffset}, in line ${line}, does not fit.`,
    hint: utf16 ? 'The file looks like UTF-16: save it as UTF-8.' : 'Save the file as UTF-8.',
    byteOffset,
    line,
  }
}

/** Index of the first byte that no UTF-8 text can have there: prefixes decode up to it and not beyond, so it can be bisected. */
function firstInvalidByte(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (decodesSoFar(bytes.subarray(0, middle))) good = middle
    else bad = middle
  }
  // A text that only ends too early has no bad byte but its end.
  return bad > bytes.length ? bytes.length : bad - 1
}

function decodesSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
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
