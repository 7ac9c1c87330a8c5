/**
 * Answers that are longer than the screen, in the pager of whoever sits there: what a command writes is held back until it has ended, and then
 * shown by `less` or what was chosen instead. Only on a terminal; programs that read get every line as it comes.
 */
import { stripVTControlCharacters } from 'node:util'

import type { Io, Output } from './context.ts'

/** Commands whose answer may be long, and comes at the end. */
const long: ReadonlySet<string> = new Set([
  'plan',
  'status',
  'report',
  'config-show',
  'doctor',
  'container list',
  'container status',
  'database migration-status',
  'database show-schema',
  'database list-backups',
  'database query',
  'database verify-migrations',
  'logs list',
  'logs show',
])
/** What would not be a list for a person. */
const plainly = /^(?:--no-pager|--json|--follow|-[a-z]*f[a-z]*)$/i

/** For `less` where nobody has said otherwise: it ends by itself when all fits, keeps colours, and leaves the text on the screen. */
const lessOptions = 'FRX'

export interface Paged {
  /** What the command is handed. */
  readonly io: Io
  /** Shows what it has written; to be called when it has ended. */
  show(): Promise<void>
}

/** `words` are those of the whole command line, `command` is the command in them. */
export function paged(io: Io, words: readonly string[], command: string): Paged {
  const { env, signal, stdout } = io
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  const choice = (env['POSTSTACK_PAGER'] ?? env['PAGER'] ?? 'less').split(/\s+/).filter((word) => word !== '')
  const isSeen = stdout.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined
  if (!isSeen || !long.has(command) || choice.length === 0 || own.some((word) => plainly.test(word)))
    return { io, show: () => Promise.resolve() }
  let text = ''
  const output: Output = {
    isTTY: true,
    columns: stdout.columns,
    write: (part) => void (text += part),
  }
  return {
    io: { ...io, stdout: output },
    show: async () => {
      if (signal.aborted || fits(text, stdout) || !(await showIn(choice, text, io))) stdout.write(text)
    },
  }
}

function fits(text: string, { columns = 0, rows = 0 }: Output): boolean {
  // A terminal that nobody has told its size is no reason to take the text away.
  if (columns === 0 || rows === 0) return true
  const lines = stripVTControlCharacters(text).trimEnd().split('\n')
  const needed = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0)
  // The prompt that follows wants one, too.
  return needed < rows
}

/** False where there is no such program. */
async function showIn([program = '', ...args]: readonly string[], text: string, io: Io): Promise<boolean> {
  const { env, handOver } = io
  const shownBy = { program, args, env: { ...env, LESS: env['LESS'] ?? lessOptions } }
  // Ctrl-C is the pager's own key while it shows something.
  const { runAttached } = await import('../runtime/attached-program.ts')
  return await runAttached(shownBy, { handOver, terminal: true, input: text }).then(
    () => true,
    () => false,
  )
}
