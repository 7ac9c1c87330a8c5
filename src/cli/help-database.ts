/**
 * The longer help of the commands in group `database`: what each does, two examples, exit codes.
 */
import { exitCodesHelp, exitCodesOf } from './help.ts'

export const databaseHelp = `Acts on one database: the declared one (with --service or --database where there are several), or any other with --url.
A password may stand in the URL or, better, in the environment as PGPASSWORD. Migrations are read from the folder that
the config declares, from --migrations, or else from ./migrations.

EXAMPLES
  poststack database migrate
  poststack db migration-status --url postgresql://app@db.example.org/app

${exitCodesHelp}`

const descriptions = {
  'create-schema': `Makes schema "poststack" with its tables: the ledger of migrations, and what the stack tells of itself. "migrate" and "up" do so
by themselves; this is for databases where another role makes schemas. Running it again changes nothing.

EXAMPLES
  poststack database create-schema
  poststack database create-schema --url postgresql://owner@db.example.org/app
`,
  'show-schema': `Shows the tables of the database: columns, and about how many rows. The numbers are the server's estimates; no table is read.

EXAMPLES
  poststack database show-schema
  poststack database show-schema --schema public --json
`,
  'drop-schema': `Drops schema "poststack": the ledger and what the stack told of itself. Tables of the project are never touched, and the
migrations stay applied; but nobody knows of them any more, so "baseline" has to tell before the next "migrate". The
target and what it holds are shown first, and it asks, or wants --yes where there is no terminal.

EXAMPLES
  poststack database drop-schema
  poststack database drop-schema --url postgresql://app@db.example.org/app --yes
`,
  new: `Makes a migration: a file with the next number and the name you give it, and beside it the file of its rollback. The
folder is made when it is not there. Nothing is overwritten, and no database is connected. Prints both paths.

EXAMPLES
  poststack database new add users
  poststack database new "index orders by day" --migrations db/migrations
`,
  migrate: `Applies pending migrations, each in a transaction of its own with its row in the ledger. Any number of runs may be
started at once: one works, the others wait and find nothing to do. Where statements cannot run in a transaction, the file
is counted statement by statement, and the next run goes on where this one stopped.

A statement that waits for a lock on a table holds up everybody who comes later. So it gives up after --lock-timeout,
the file is rolled back and tried again. The default is 3 s, and no limit on databases that the stack runs itself.

EXAMPLES
  poststack database migrate --dry-run
  poststack database migrate --target-version 042 --lock-wait 60
`,
  rollback: `Takes back the newest migration, with the rollback that was stored when it was applied. With --steps or
--target-version it takes back more; all of them are checked before the first is run.

It asks before it takes back more than one, or works on a database that the stack does not run; where there is no
terminal it wants --yes for that.

EXAMPLES
  poststack database rollback --dry-run
  poststack database rollback --target-version 041
`,
  'migration-status': `Shows each migration: its number and name, how it stands, when it was applied, how long it took, by whom, and what is
wrong with it; and the run that is at work on the database, if one is. Nothing is changed and no lock is taken. Files that
cannot be used are told below the others, and it exits with 2.

EXAMPLES
  poststack database migration-status
  poststack database migration-status --check --json
`,
  'verify-migrations': `Checks the files against the ledger, and says for an edited file whether only comments changed, or which statement did.
Pending files and their rollbacks are looked at for what "migrate" would refuse, such as errors of syntax.

--rollbacks proves every rollback: on a throw-away database of the same server each migration is applied, rolled back,
and applied again, and the schemas are compared. --drift compares the schema of the database with the one that the newest
migration left. Exits with 1 when there is an error, and with 2 for names or numbers that cannot be; warnings do not count.

EXAMPLES
  poststack database verify-migrations --rollbacks
  poststack database verify-migrations --drift --format github
`,
  renumber: `Gives migrations other numbers where two files have the same one, as after a merge of two branches, or where one comes
too late because a later one is applied already. Files that are applied never move; nor do those of the base branch,
as far as this branch has it: where one of yours has to make way for them and is applied, it says how to take that
back first. Rollbacks move along, and files of your branch that come after keep their order.
Files that git follows are renamed with "git mv"; nothing is committed.

What would be renamed, and why, is shown first, and it asks, or wants --yes where there is no terminal. Where neither git
nor the database tells which of two files was first, it asks that, too, or wants --move. A database that does not answer
is passed over, and that is said. A run that was cut off is finished by the next one.

EXAMPLES
  poststack database renumber
  poststack database renumber --base origin/develop --move 042_add_tags.sql --yes
`,
  repair: `Shows what is half-done or differs between ledger and files, and what can be done about each: migrations that stopped
half-way, with what the ledger has of every statement and what is found in the database; files in which only comments
changed; rollbacks that were edited later; files that are gone.

On a terminal it asks what to do. Elsewhere it only shows, with the command line for each choice, and exits with 1 when
a migration is half-done. Only the ledger is changed, or a lost file written: never what your migrations made.

EXAMPLES
  poststack database repair
  poststack database repair --version 042 --choose continue-at --statement 3
`,
  'unlock-migrations': `Shows who holds the migration lock: process, user, host, program, since when, and what it runs. When that is confirmed,
the session is ended; the server rolls back what it had not committed. A lock needs no help when its process is gone.

EXAMPLES
  poststack database unlock-migrations
  poststack database unlock-migrations --yes
`,
  backup: `Writes the whole database, with the ledger, into one file, by the pg_dump in the server's own container; where there is none,
by one of this machine that fits the server, or by one in WebAssembly that is installed with npm. Others go on working
meanwhile: it is the database of one moment. With --format directory it is a folder, with a file for each table.

It has its name only when all of it is on the disk, it is readable for you alone, and nothing is ever overwritten. Beside
it, with .json behind its name, stands what it is of: server, newest migration, fingerprint of the schema, rows of
each table, checksum. --verify restores it into a throw-away database and compares all of that.

--keep and --keep-days delete older backups of this database beside it: with --schema-only those without rows, else those
with them.

EXAMPLES
  poststack database backup --verify --keep 7
  poststack database backup --format directory --jobs 4 --output /mnt/backups/shop.dump.d
`,
  restore: `Makes a new database from a backup, compares it with what stands beside the backup, and only then puts it in the place of the
declared one, in one transaction. The database that was there is kept under another name, which is shown. Until then
nothing is changed, whenever it is cut off. Sessions on the database are ended; who would be cut off is shown first, and
it asks, or wants --yes where there is no terminal.

--into makes a database beside it, which must not be there yet, and touches nothing else. Files that pg_dump itself wrote
are taken, too; with nothing beside them there is nothing to compare.

EXAMPLES
  poststack database restore db-shop-20261126-011248.dump
  poststack database restore /mnt/backups/shop.dump --into shop_yesterday
`,
  'list-backups': `Shows the backups in the folder "backups" of the project: when each was made, of which database, how large it is, up to which
migration it goes. What is unfinished, damaged, or lacks its other half is told below.

EXAMPLES
  poststack database list-backups
  poststack database list-backups --folder /mnt/backups --json
`,
  query: `Runs SQL and shows what each statement gives as a table, or with --json as values. Needs no psql. Several statements share
one transaction unless they say BEGIN or COMMIT themselves.

EXAMPLES
  poststack database query "SELECT * FROM books"
  poststack database query "SELECT count(*) FROM books" --json
`,
  'test-connection': `Connects, and says what answers: version, role, encryption, time of an answer, and whether a pooler stands between.

EXAMPLES
  poststack database test-connection
  poststack database test-connection --url "postgresql://app@db.example.org/app?sslmode=require"
`,
  baseline: `Takes over a database that had its tables before it had Poststack: every migration up to --version is recorded as applied,
and none is run. What will be recorded is shown first, and it asks, or wants --yes where there is no terminal.

EXAMPLES
  poststack database baseline --version 017
  poststack database baseline --version 017 --url postgresql://app@db.example.org/app --yes
`,
} as const

export type DatabaseCommand = keyof typeof descriptions

export function databaseHelpOf(command: DatabaseCommand): string {
  return `${descriptions[command]}\n${exitCodesOf(command)}`
}
