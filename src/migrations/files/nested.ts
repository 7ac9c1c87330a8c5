/**
 * A folder whose migrations stand in folders of their own, as other tools keep them: nothing of that would be applied, and nothing said.
 */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseName } from './parse.ts'
import type { FileProblem } from './text.ts'

const prisma =
  'As Prisma keeps them. In that folder run: for d in */; do cp "${d}migration.sql" "${d%/}.sql"; done\n' +
  'Tell a database that has them already: poststack database baseline --version <the last number>'
const upDown =
  'As Diesel keeps them. In that folder run: for d in */; do n=$(echo "${d%/}" | sed -E "s/^([0-9]+)-([0-9]+)-([0-9]+)-([0-9]+)_/\\1\\2\\3\\4_/"); ' +
  'cp "${d}up.sql" "$n.sql"; cp "${d}down.sql" "$n.rollback.sql"; done'
const apart =
  'In that folder run: for f in up/*.sql; do cp "$f" .; done; for f in down/*.sql; do cp "$f" "$(basename "$f" .sql).rollback.sql"; done'
const sqitch =
  'As Sqitch keeps them. Number them in the order of sqitch.plan: the file from deploy as 001_name.sql, the one from revert as 001_name.rollback.sql.'
const plain = 'Move them up, each named <number>_<name>.sql, or name their folder with --migrations or in the config.'

/** SQL files in folders of the folder: `1_users/up.sql`. */
async function filesInside(folder: string, entries: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const entry of entries.filter((name) => !name.startsWith('.')).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop -- a handful of folders, and only where something is amiss
    const inside = await readdir(join(folder, entry)).catch(() => [])
    const sql = inside.filter((file) => file.endsWith('.sql')).toSorted()
    found.push(...sql.map((file) => `${entry}/${file}`))
  }
  return found
}

/** The problem of a folder that holds no SQL file itself, but folders that do, or programs; none where it holds neither. */
export async function nestedProblem(folder: string, entries: readonly string[]): Promise<FileProblem[]> {
  const found = await filesInside(folder, entries)
  const [first] = found
  if (first === undefined) return programsProblem(folder, entries)
  const others = found.length === 1 ? '' : ` and ${String(found.length - 1)} more`
  const message = `${folder} holds no migration itself, but folders with SQL in them: ${first}${others}. Migrations are files directly in the folder.`
  return [{ file: first, message, hint: hintOf(found) }]
}

// As Knex, TypeORM, Rails, Laravel, Ecto, Django, goose and Liquibase have them.
const program = /^[vV]?\d+[_.-].+\.(?:[cm]?[jt]s|rb|py|php|exs|go|xml|ya?ml|json)$/

function programsProblem(folder: string, entries: readonly string[]): FileProblem[] {
  const found = entries.filter((name) => program.test(name)).toSorted()
  const [first] = found
  if (first === undefined) return []
  const others = found.length === 1 ? '' : ` and ${String(found.length - 1)} more`
  return [
    {
      file: first,
      message: `${folder} holds no migration, but what another tool runs: ${first}${others}. Migrations are files of SQL.`,
      hint: 'Write what each does as SQL into a file named <number>_<name>.sql: most tools print it, or dump the schema that they have made (pg_dump --schema-only).',
    },
  ]
}

function hintOf(found: readonly string[]): string {
  const ends = (name: string): boolean => found.some((path) => path.endsWith(`/${name}`))
  const numbered = found.every((path) => parseName(`${path.split('/')[0] ?? ''}.sql`) !== undefined)
  if (numbered && ends('migration.sql')) return prisma
  if (numbered && ends('up.sql')) return upDown
  const within = (...names: readonly string[]): boolean =>
    names.every((name) => found.some((path) => path.startsWith(`${name}/`)))
  if (within('deploy', 'revert')) return sqitch
  const named = found.every((path) => parseName(path.split('/')[1] ?? '') !== undefined)
  return named && within('up', 'down') && found.every((path) => /^(?:up|down)\//.test(path)) ? apart : plain
}

/**
 * The problem of migrations in folders of their own beside those that are files: they would be passed over without a word. Other folders may
 * well stand there, with what migrations include.
 */
export async function straysProblem(folder: string, entries: readonly string[]): Promise<FileProblem[]> {
  const numbered = entries.filter((name) => !name.endsWith('.sql') && parseName(`${name}.sql`) !== undefined)
  const files = new Set(entries)
  // Those that were copied out of them stay behind.
  const left = numbered.filter((name) => !files.has(`${name}.sql`) && !files.has(`${withoutHyphens(name)}.sql`))
  const found = (await filesInside(folder, left)).filter((path) => /\/(?:up|migration)\.sql$/.test(path))
  return found.map((file) => ({
    file,
    message: `${file} is a migration in a folder of its own, and would be passed over: migrations are files directly in the folder.`,
    hint: `Move it to ${withoutHyphens(dirname(file))}.sql, and a way back beside it to the same name with .rollback.sql at its end.`,
  }))
}

/** Files in folders of the folder that have the names of migrations, and are none: neither is one of that name in the folder itself. */
export async function numberedInside(
  folder: string,
  folders: readonly string[],
  files: readonly string[],
): Promise<readonly string[]> {
  const own = new Set(files)
  const found = await filesInside(folder, folders)
  return found.filter((path) => parseName(basename(path)) !== undefined && !own.has(basename(path)))
}

/** What to tell of such files; nothing where there are none. */
export function passedOverNotice(found: readonly string[] = []): { file: string; message: string } | undefined {
  const [file] = found
  if (file === undefined) return undefined
  const [others, are] =
    found.length === 1 ? ['', 'is'] : [`and ${String(found.length - 1)} more in such folders `, 'are']
  const message = `${others}${are} passed over, because migrations are files directly in the folder. Move what is to be applied up, or include it with \\ir`
  return { file, message }
}

function withoutHyphens(name: string): string {
  return name.replace(/^(\d+)-(\d+)-(\d+)-(\d+)_/, '$1$2$3$4_')
}
