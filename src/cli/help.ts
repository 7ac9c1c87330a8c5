/**
 * The longer help of each command: what it does, two examples, exit codes.
 */

export const exitCodesHelp = `EXIT CODES
  0   done, or already as declared
  1   a step failed
  2   what was asked is wrong: arguments, config, migration files
  3   with --check: not as declared
  4   the machine lacks something: an engine, PostgreSQL's binaries
  70  a bug of Poststack
  130, 143  stopped by Ctrl-C or SIGTERM; what was begun is taken back, and running it again converges`

const descriptions = {
  up: `Makes the stack as declared: builds and pulls images, creates and starts containers, waits until they are ready,
applies pending migrations, in the order the dependencies ask for. What is as declared already is left alone, so
running it again does nothing. A changed service is replaced; its volumes are kept.

EXAMPLES
  poststack up
  poststack up db --wait-timeout 120
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
  version: `Shows the version of Poststack.

EXAMPLES
  poststack version
  poststack version --json
`,
} as const

export function helpOf(command: keyof typeof descriptions): string {
  return `${descriptions[command]}\n${exitCodesHelp}`
}
