/**
 * The longer help of each command: what it does, two examples, exit codes.
 */

const exitCodes = {
  own: '  what is run has its own; before it runs:',
  done: '  0   done, or already as declared',
  failed: '  1   failed: a step, a query, what was to be proved',
  wrong: '  2   what was asked is wrong: arguments, config, migration files',
  check: '  3   with --check: not as declared',
  machine: "  4   the machine lacks something: an engine, PostgreSQL's binaries",
  bug: '  70  a bug of Poststack',
  stopped: '  130, 143  stopped by Ctrl-C or SIGTERM; what was begun is taken back, and running it again converges',
} as const

/** All that commands of this program exit with. */
export const exitCodesHelp = exitCodesBut('own')

const programs: ReadonlySet<string> = new Set(['exec', 'run', 'psql', 'shell'])
const checks: ReadonlySet<string> = new Set(['plan', 'status', 'migration-status'])

/** What this command exits with, by its last word. */
export function exitCodesOf(command: string): string {
  if (programs.has(command)) return exitCodesBut('done', 'check', 'stopped')
  return checks.has(command) ? exitCodesHelp : exitCodesBut('own', 'check')
}

function exitCodesBut(...others: readonly (keyof typeof exitCodes)[]): string {
  const lines = Object.entries(exitCodes).filter(([name]) => !others.some((other) => other === name))
  return ['EXIT CODES', ...lines.map(([, line]) => line)].join('\n')
}

const descriptions = {
  init: `Writes poststack.config.ts in this folder, with a comment for each choice, from what stands there: migrations/,
containers/, .env, and the PostgreSQL service of a compose file; says what of these it does not take over. Never writes
over a file. On a terminal it asks for the name, the version and the port, and whether a DATABASE_URL in .env is the
database that is meant; --yes takes what was found, and the defaults: a server of the stack's own.

EXAMPLES
  poststack init
  poststack init --yes && poststack up
`,
  up: `Makes the stack as declared: builds and pulls images, creates and starts containers, waits until they are ready,
applies pending migrations, in the order the dependencies ask for. What is as declared already is left alone, so
running it again does nothing. A changed service is replaced; its volumes are kept. Services with profiles run when one
is asked for with --profile, or when they are named. With --backup each database that would be migrated is backed up
first, into backups/; where that fails, nothing is done. On a terminal it offers that when a pending migration takes data
away, such as with DROP TABLE; with --yes, or without a terminal, it only warns of it.

EXAMPLES
  poststack up
  poststack up --backup
  poststack up db --wait-timeout 120
  poststack up --profile debug
`,
  watch: `Does "up", and keeps the stack as declared while its files change: the config and what it imports, migrations and
what they include, what images are built from, files with variables and files that are mounted read-only. A container
that ends is started again, but not one that has ended three times within ten seconds of its start. Contents decide, so a
save without a change does nothing. A config or a migration that cannot be used is shown, what runs goes on, and the next
save is tried again. Only a config that cannot be read at the start ends it. What another "poststack down" takes away
meanwhile is brought up again.

A new migration is applied. When the newest applied one is edited, its stored rollback is tried on a copy; if that restores
the schema, it is rolled back and applied anew (--on-edit=ask asks before, --on-edit=refuse never does it). With
--on-edit=replay the database is replaced by one made anew from all migrations up to it: no rollback is needed, its rows are
gone, and its other sessions are ended. Older ones are refused. Migrations whose files are gone, as after a change of
branch, are rolled back when you agree, or with --yes. All of this happens only in databases that the stack runs itself.

On a terminal: r runs again, p shows the plan, l the last logs, q quits, Q quits and does "down". Quitting (Ctrl-C, too)
leaves the stack up. It exits with 0 while it waits and all is as declared, with the code of what failed when it is not,
and with 130 when it stops a run.

EXAMPLES
  poststack watch
  poststack watch db --on-edit=ask
`,
  plan: `Shows the steps that "up" would take, each with its cause down to the field that changed. Nothing is changed or written.

EXAMPLES
  poststack plan
  poststack plan --check --json
`,
  down: `Stops and removes the stack's containers and its network. Volumes are kept, so the next "up" finds the data again.
With --volumes the data is deleted, too: the exact volumes are shown first, and it asks, or wants --yes where there is
no terminal.

EXAMPLES
  poststack down
  poststack down --volumes --yes
`,
  status: `Shows each service: its state, its address on this machine, its migrations, and what "up" would change.

EXAMPLES
  poststack status
  poststack status --check --json
`,
  env: `Prints the environment variables that lead programs on this machine to the stack: DATABASE_URL, PGHOST, PGPORT, PGUSER,
PGPASSWORD and PGDATABASE for one database, and <SERVICE>_URL for each service that this machine can reach. Passwords
stand in them. Where several PostgreSQL services are declared, --service says which one the first six lead to.

EXAMPLES
  poststack env > .env.local
  eval "$(poststack env --format shell)"
`,
  exec: `Runs a command with the variables that "env" prints. Exit code and signals are the command's. Variables of the shell that
lead to another database (DATABASE_URL, PGHOST, PGSERVICE and the like) do not reach it.

EXAMPLES
  poststack exec -- npm test
  poststack exec --service db -- pg_dump --schema-only
`,
  run: `Runs a TypeScript file with the variables that "env" prints. In it, "poststack/run" gives the stack: stack.db.url, stack.sql,
stack.services. It may do what the config may, and connect to the stack's services; a denial names the grant that is
missing, and --allow-all (-A) lets tsx execute it with everything allowed. What stands behind the file is the script's.
Exit code and signals are the script's.

EXAMPLES
  poststack run scripts/import.ts --dry-run data.csv
  poststack run --service db -A scripts/report.ts
`,
  psql: `Opens psql as the declared role: that of the server's own container, else the one of this machine. What stands after -- is
given to psql. In a container, -f and \\i see the container's files; "poststack psql < file.sql" gives it one of yours.
Where there is no psql: poststack database query.

EXAMPLES
  poststack psql
  poststack psql --database postgres -- -c '\\l'
`,
  'config-validate': `Reads the config and tells all of its mistakes at once, each with its path, its value and its line; exit code 2. Files that its
services name (env files, Dockerfiles) are looked at, too; nothing else is, and nothing is started. The
migrations are checked by \`poststack plan\`, and by \`poststack database verify-migrations\` against the database.
With --types the project's own TypeScript is asked as well, as your editor does: it must be installed in the project.

EXAMPLES
  poststack config-validate
  poststack config-validate --types --json
`,
  'config-show': `Shows the config as it is understood: what it says, and the defaults where it says nothing. Secrets are shown as ***,
references as \${db.url}. With --origin each value is followed by where it comes from: file and line, the environment
variables it is read from, a flag, or "default"; with --yaml that is a comment. With --dependencies: the files, patterns and
environment variables (by name) that the config was made from.

EXAMPLES
  poststack config-show --origin
  poststack config-show --yaml
  poststack config-show --dependencies --json
`,
  report: `Tells all that there is to see of the stack at once: services and what each waits for, the plan with causes and risks, the
migrations of each database with who applied them and how long they took, tables with their relations, the last runs.
With --html it is one HTML file that needs no network and runs no script: to be read on a screen, printed, or sent to
somebody. An older report is replaced; any other file of that name stays, and it fails.

Nothing is changed. What cannot be read is named in its place, and the rest is told; it exits then with the code of what
went wrong. That a service is not running is no failure.

EXAMPLES
  poststack report
  poststack report --html stack.html
`,
  doctor: `Looks whether this machine can run the stack: engines, PostgreSQL's programs, room, limits, the config and what stands in
the way of "up"; for each the cause and what to do. Nothing is changed. Exits with 4 when "up" cannot work.

EXAMPLES
  poststack doctor
  poststack doctor --runtime native --json
`,
  completion: `Prints a script that has a shell complete commands, flags, the names of services, which it takes from the config of the
folder, numbers of migrations, backups, and runs of the log. Have the shell read it when it starts; zsh behind "compinit".
It completes the word "poststack", so the program must be on PATH, as after "npm install --global poststack"; behind "npx"
shells complete nothing.

EXAMPLES
  poststack completion bash >> ~/.bashrc
  poststack completion zsh >> ~/.zshrc
  poststack completion fish > ~/.config/fish/completions/poststack.fish
`,
  version: `Shows the version of Poststack.

EXAMPLES
  poststack version
  poststack version --json
`,
} as const

export function helpOf(command: keyof typeof descriptions): string {
  return `${descriptions[command]}\n${exitCodesOf(command)}`
}
