/**
 * What only psql understands in a file: its backslash commands. Those that pg_dump writes and that change nothing are taken out,
 * files are included when the folder is read, and for the rest a person is told what to write in its place.
 */
import type { SqlProblem } from './program.ts'
import type { Command } from './statements.ts'

// pg_dump sets these around its output since August 2025, so that nothing in it can be a command of psql. Nothing is one here.
const harmless = new Set(['restrict', 'unrestrict'])

/** Whether a line can be left out without a change in what the file does. */
export function isHarmlessCommand({ name }: Command): boolean {
  return harmless.has(name)
}

/** What is wrong with a command that cannot be carried out. */
export function commandProblem(command: Command): SqlProblem {
  const name = `\\${command.name}`
  if (command.name === '.') {
    const message = '"\\." ends the data of a COPY … FROM stdin, but there is none before it.'
    return { index: command.start, message, hint: 'Delete the line, or put the COPY statement before its data.' }
  }
  const line = `"${name}" is a command of psql, not SQL, and a migration is not run by psql.`
  return { index: command.start, message: line, hint: hintFor(command.name) }
}

function hintFor(name: string): string {
  switch (name) {
    case 'c':
    case 'connect':
      return 'A migration runs in the one database it is declared for. Put what belongs into another database among the migrations of that one, and take the line out.'
    case 'copy':
      return 'Write COPY … FROM stdin; with the rows after it and "\\." on a line of its own at the end: the data then stands in the migration itself.'
    case 'i':
    case 'include':
    case 'ir':
    case 'include_relative':
      return 'Files are included when a migration folder is read; this text did not come from one. Put the SQL itself here.'
    case 'set':
    case 'unset':
    case 'gset':
    case 'prompt':
    case 'getenv':
      return "Variables of psql do not exist here. Write the value itself, or use set_config('my.name', …, true) and current_setting('my.name')."
    case 'if':
    case 'elif':
    case 'else':
    case 'endif':
      return 'Decide inside SQL: a DO block with IF.'
    case 'gexec':
      return 'Use a DO block that runs EXECUTE format(…) for each row.'
    case 'g':
    case 'gx':
    case 'gdesc':
    case ';':
      return 'End the statement with a semicolon.'
    case 'echo':
    case 'qecho':
    case 'warn':
      return "Take the line out; what a person should see while it runs can be said with DO $$ BEGIN RAISE NOTICE '…'; END $$."
    case 'q':
    case 'quit':
      return 'Take out the line and everything after it: a migration is always run to its end.'
    case 'encoding':
      return 'Take the line out: migrations are UTF-8.'
    case '!':
    case 'cd':
    case 'setenv':
    case 'o':
    case 'out':
      return 'A migration cannot run programs or touch files. Do it outside, for example in a script beside the migrations.'
    case 'timing':
    case 'pset':
    case 'x':
    case 'a':
    case 't':
    case 'errverbose':
      return 'Take the line out: it only changes what psql shows.'
    default:
      return 'Take the line out, or write what it does as SQL.'
  }
}
