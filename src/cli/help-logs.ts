/**
 * The longer help of the commands in group `logs`.
 */
import { exitCodesHelp, exitCodesOf } from './help.ts'

export const logsHelp = `What Poststack has done in this project, as lines of JSON in the folder "logs": one file for each category (main, container,
database), and what the last build of each image has said. What services say is shown by "container logs".

EXAMPLES
  poststack logs show --follow
  poststack logs clean --days 30

${exitCodesHelp}`

const descriptions = {
  list: `Shows the log files with their size and when they were changed last.

EXAMPLES
  poststack logs list
  poststack logs list --category database --json
`,
  show: `Shows the last lines of the log, of all categories in the order of their times. Each has the id of its run; --run shows one
run alone. --follow goes on with what other commands do, until Ctrl-C.

EXAMPLES
  poststack logs show --level warning
  poststack logs show --run 3f9a --category database
`,
  clean: `Deletes log files that were not changed for --days days, and says which. Other files in the folder are left alone.

EXAMPLES
  poststack logs clean --dry-run
  poststack logs clean --days 30
`,
  size: `Shows how much room the logs of each category take.

EXAMPLES
  poststack logs size
  poststack logs size --json
`,
} as const

export function logsHelpOf(command: keyof typeof descriptions): string {
  return `${descriptions[command]}\n${exitCodesOf(command)}`
}
