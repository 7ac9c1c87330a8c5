/** The lines around a position, with a caret under it. */
import { hideUrlPasswords } from '../schema/issues.ts'

export interface FramePosition {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

const linesBefore = 2
const linesAfter = 1
/** Of a longer line this much is shown, around the place. */
const widest = 200

export function codeFrame(source: string, { line, column }: FramePosition): string | undefined {
  const lines = source.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  if (line < 1 || line > lines.length) return undefined
  const first = Math.max(1, line - linesBefore)
  const last = Math.min(lines.length, line + linesAfter)
  const width = String(last).length
  const frame: string[] = []
  const marked = lines[line - 1] ?? ''
  const from = marked.length <= widest || column <= widest / 2 ? 0 : column - 1 - widest / 2
  for (let number = first; number <= last; number++) {
    const text = cut(hideSecrets(lines[number - 1] ?? ''), from)
    frame.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd())
    if (number !== line) continue
    // Tabs stay tabs, so that the caret lands where the terminal puts the character.
    const indent = text.slice(0, Math.max(0, column - 1 - from + (from > 0 ? 1 : 0))).replaceAll(/[^\t]/g, ' ')
    frame.push(`  ${' '.repeat(width)} | ${indent}^`)
  }
  return frame.join('\n')
}

function cut(line: string, from: number): string {
  const end = from + widest
  return `${from > 0 && line.length > 0 ? '…' : ''}${line.slice(from, end)}${line.length > end ? '…' : ''}`
}

const secret =
  /((?:password|passwd|passphrase|secret|token|api_?key|private_?key|credential)\w*['"]?\s*[:=]\s*)(['"`])(.*?)\2/i

/** Frames end up in terminals, logs and issues: text beside a word like `password` keeps its length only. */
function hideSecrets(line: string): string {
  let shown = ''
  let rest = line
  for (let found; (found = secret.exec(rest)) !== null;) {
    const [whole, start = '', quote = '', text = ''] = found
    const before = rest.slice(0, found.index) + start
    const isClosing = endsText(shown + before, quote, rest.slice(before.length + 1))
    shown += isClosing ? before + quote : `${before}${quote}${'*'.repeat(text.length)}${quote}`
    rest = rest.slice(isClosing ? before.length + 1 : found.index + whole.length)
  }
  return hideUrlPasswords(shown + rest, (password) => '*'.repeat(password.length))
}

/**
 * Whether a quote ends the text that the word itself stands in, as in `log('SECRET=', secret)`: what follows is code then. Only where nothing speaks
 * against it, for an apostrophe of a comment looks like a quote.
 */
function endsText(before: string, quote: string, after: string): boolean {
  if (!/[:=]$/.test(before) || !/^\s*(?:[,+;)\]}]|$)/.test(after)) return false
  const opening = before.lastIndexOf(quote)
  if (opening === -1 || /\w/.test(before.charAt(opening - 1))) return false
  return before.split(quote).length % 2 === 0
}
