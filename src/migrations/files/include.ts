/**
 * Lines `\i file` and `\ir file` are replaced by what the files hold, as psql would run them. The expanded text is the migration:
 * its checksum and what the ledger keeps are made of it.
 */
import { placeAt } from '../sql/frame.ts'
import type { SqlProblem } from '../sql/program.ts'
import { type Command, type Scan, scanSql } from '../sql/statements.ts'
import { unclosedProblems } from '../sql/unclosed.ts'
import type { Origin, SqlText } from '../types.ts'
import { type FileProblem, type FileText, readText } from './text.ts'

/** How included files are found and read. */
export interface Include {
  /** Absolute path of a migration's file by its name. */
  readonly pathOf: (file: string) => string
  readonly read: (request: IncludeRequest) => IncludedFile | IncludeTrouble
}

export interface IncludeRequest {
  /** As it stands in the line. */
  readonly path: string
  /** Absolute path of the file it is relative to; absent where that is the project's root. */
  readonly beside: string | undefined
}

export interface IncludedFile {
  /** Its path from the project's root, for messages. */
  readonly file: string
  /** Absolute path by which it was named. */
  readonly path: string
  /** Absolute path with every symbolic link resolved: two of the same are the same file. */
  readonly realPath: string
  readonly bytes: Uint8Array
}

/** Why a file cannot be included, in words that go on after `004_users.sql, line 3: `. */
export interface IncludeTrouble {
  readonly message: string
  readonly hint: string
}

const mostLevels = 20
const mostFiles = 1000

export type Expanded = Omit<SqlText, 'checksum'> | { readonly problems: readonly FileProblem[] }

/** The text of a migration with everything it includes, or all that stands in the way. Without `include` such lines stay. */
export function expandIncludes(file: string, read: FileText, include: Include | undefined): Expanded {
  const { text: sql, ...returned } = read
  // Hardly any file has such a line, and then it needs no closer look.
  if (include === undefined || !/\\i(?:r|nclude(?:_relative)?)?(?![a-z_])/.test(sql)) return { sql, ...returned }
  const build: Build = { include, pieces: [], origins: [], length: 0, returnAt: undefined, files: 0, problems: [] }
  const path = include.pathOf(file)
  expand(build, { ...read, file, path, within: [{ file, realPath: path }] })
  const { files, origins, pieces, problems, returnAt } = build
  if (problems.length > 0) return { problems }
  if (files === 0) return { sql, ...returned }
  return { sql: pieces.join(''), origins, ...(returnAt === undefined ? {} : { returnAt }) }
}

interface Build {
  readonly include: Include
  readonly pieces: string[]
  readonly origins: Origin[]
  length: number
  returnAt: number | undefined
  files: number
  readonly problems: FileProblem[]
}

interface Source extends FileText {
  readonly file: string
  readonly path: string
  /** The files that are being included, from the migration to this one. */
  readonly within: readonly { readonly file: string; readonly realPath: string }[]
}

function expand(build: Build, source: Source): Scan {
  const scan = scanSql(source.text)
  let index = 0
  for (const command of scan.commands) {
    const relative = command.name === 'ir' || command.name === 'include_relative'
    if (!relative && command.name !== 'i' && command.name !== 'include') continue
    append(build, source, { start: index, end: command.start })
    const trouble = includeOne(build, source, command, relative)
    if (trouble !== undefined) report(build, source, command, trouble)
    index = command.end
  }
  append(build, source, { start: index, end: source.text.length })
  return scan
}

function includeOne(
  build: Build,
  source: Source,
  command: Command,
  relative: boolean,
): IncludeTrouble | FileProblem | undefined {
  const { name, inside } = command
  if (inside) {
    const message = `"\\${name}" stands inside a statement, but psql runs an included file before it.`
    return { message, hint: 'Put it between two statements; a file holds whole statements.' }
  }
  const path = pathOf(command)
  if (path === undefined) {
    const message = `"\\${name}" must be followed by the name of one file.`
    return {
      message,
      hint: "Write the name after it, in single quotes if it holds blanks: \\ir 'views/all orders.sql'",
    }
  }
  const read = build.include.read({ path, beside: relative ? source.path : undefined })
  if ('message' in read) return read
  const within = [...source.within, { file: read.file, realPath: read.realPath }]
  const cycle = source.within.findIndex(({ realPath }) => realPath === read.realPath)
  if (cycle !== -1) {
    const way = within.slice(cycle).map(({ file }) => file)
    return { message: `${way.join(' includes ')}: that has no end.`, hint: 'Take one of these lines out.' }
  }
  build.files++
  if (within.length > mostLevels + 1 || build.files > mostFiles) {
    const limit = `${mostLevels} levels deep and ${mostFiles} files in all`
    return { message: `more is included than Poststack follows: ${limit}.`, hint: 'Include the files more directly.' }
  }
  const content = readText(read.file, read.bytes)
  if ('message' in content) return content
  const { text } = content
  const scan = expand(build, { ...content, file: read.file, path: read.path, within })
  // It would go on into the file that includes this one.
  for (const problem of unclosedProblems(text, scan.unclosed)) tell(build, placed(read.file, text, problem))
  close(build, text, scan)
  return undefined
}

// psql ends an open statement, and the data of COPY, with the file they stand in.
function close(build: Build, text: string, { statements, open }: Scan): void {
  const copy = statements.at(-1)?.copy
  const unended = copy !== undefined && !copy.terminated && !open
  const closing = unended ? `${text.endsWith('\n') ? '' : '\n'}\\.` : open ? '\n;' : ''
  build.pieces.push(closing)
  build.length += closing.length
}

function append(build: Build, { file, text, returnAt }: Source, { start, end }: { start: number; end: number }): void {
  if (start === end) return
  if (returnAt !== undefined && start <= returnAt && returnAt < end) build.returnAt ??= build.length + returnAt - start
  const { line, column } = placeAt(text, start)
  build.origins.push({ start: build.length, file, line, column })
  build.pieces.push(text.slice(start, end))
  build.length += end - start
}

function report(build: Build, source: Source, command: Command, trouble: IncludeTrouble | FileProblem): void {
  const { line } = placeAt(source.text, command.start)
  const problem =
    'file' in trouble
      ? { ...trouble, message: `${trouble.message} ${source.file} includes it in line ${line}.` }
      : { file: source.file, line, message: `${source.file}, line ${line}: ${trouble.message}`, hint: trouble.hint }
  tell(build, problem)
}

// A file that is included twice has the same fault twice.
function tell({ problems }: Build, problem: FileProblem): void {
  if (!problems.some(({ message }) => message === problem.message)) problems.push(problem)
}

function placed(file: string, text: string, { index, message, hint }: SqlProblem): FileProblem {
  const { line, column } = placeAt(text, index)
  return { file, line, message: `${file}, line ${line}, column ${column}: ${message}`, hint }
}

// One word, or a text in single quotes; psql drops a semicolon behind it.
function pathOf({ argument }: Command): string | undefined {
  const quoted = /^'((?:[^']|'')+)'\s*;*$/.exec(argument)?.[1]
  if (quoted !== undefined) return quoted.replaceAll("''", "'")
  const bare = /^([^\s'`]+)$/.exec(argument)?.[1]?.replace(/;+$/, '')
  return bare === '' ? undefined : bare
}
