/**
 * The same migrations in each tool's own format: a small table a file, and an index in every tenth.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Folders and files; all have the same statements in the same order. */
export interface MigrationFiles {
  readonly poststack: string
  readonly dbmate: string
  readonly nodePgMigrate: string
  /** All of it in one file, and all that takes it back, the newest first. */
  readonly all: { readonly up: string; readonly down: string }
}

export async function writeMigrations(folder: string, count: number): Promise<MigrationFiles> {
  const files = {
    poststack: join(folder, 'poststack'),
    dbmate: join(folder, 'dbmate'),
    nodePgMigrate: join(folder, 'node-pg-migrate'),
    all: { up: join(folder, 'up.sql'), down: join(folder, 'down.sql') },
  }
  for (const path of [files.poststack, files.dbmate, files.nodePgMigrate]) await mkdir(path, { recursive: true })
  const migrations = Array.from({ length: count }, (_, index) => migration(index + 1))
  await writeFile(files.all.up, migrations.map(({ up }) => up).join(''))
  const newestFirst = migrations.toReversed()
  await writeFile(files.all.down, newestFirst.map(({ down }) => down).join(''))
  for (const { number, name, up, down } of migrations) {
    const plain = `${String(number).padStart(4, '0')}_${name}`
    await writeFile(join(files.poststack, `${plain}.sql`), up)
    await writeFile(join(files.poststack, `${plain}.rollback.sql`), down)
    await writeFile(join(files.dbmate, `${plain}.sql`), `-- migrate:up\n${up}\n-- migrate:down\n${down}`)
    // Its numbers are milliseconds since 1970.
    const stamped = `${1_700_000_000_000 + number}_${name}.sql`
    await writeFile(join(files.nodePgMigrate, stamped), `-- Up Migration\n${up}\n-- Down Migration\n${down}`)
  }
  return files
}

function migration(number: number) {
  const name = `bench_${String(number).padStart(4, '0')}`
  const index = number % 10 === 0 ? `CREATE INDEX ${name}_label ON ${name} (label);\n` : ''
  return {
    number,
    name,
    up: `CREATE TABLE ${name} (id bigint PRIMARY KEY, label text NOT NULL);\n${index}`,
    down: `DROP TABLE ${name};\n`,
  }
}
