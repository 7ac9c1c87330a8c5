/** The lines around a position, with a caret under it. */

export interface FramePosition {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

const linesBefore = 2
const linesAfter = 1

export function codeFrame(source: string, { line, column }: FramePosition): string | undefined {
  const lines = source.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  if (line < 1 || line > lines.length) return undefined
  const first = Math.max(1, line - linesBefore)
  const last = Math.min(lines.length, line + linesAfter)
  const width = String(last).length
  const frame: string[] = []
  for (let number = first; number <= last; number++) {
    const text = hideSecrets(lines[number - 1] ?? '')
    frame.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd())
    if (number !== line) continue
    // Tabs stay tabs, so that the caret lands where the terminal puts the character.
    const indent = text.slice(0, Math.max(0, column - 1)).replaceAll(/[^\t]/g, ' ')
    frame.push(`  ${' '.repeat(width)} | ${indent}^`)
  }
  return frame.join('\n')
}

/** Frames end up in terminals, logs and issues: text beside a word like `password` keeps its length only. */
function hideSecrets(line: string): string {
  return line
    .replaceAll(
      /((?:password|passwd|passphrase|secret|token|api_?key|private_?key|credential)\w*['"]?\s*[:=]\s*)(['"`])(.*?)\2/gi,
      (_, start: string, quote: string, text: string) => `${start}${quote}${'*'.repeat(text.length)}${quote}`,
    )
    .replaceAll(
      /(:\/\/[^\s/?#@:'"`]*:)([^\s/'"`$]+)(?=@)/g,
      (_, start: string, text: string) => start + '*'.repeat(text.length),
    )
}
