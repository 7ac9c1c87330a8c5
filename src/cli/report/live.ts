/**
 * A few rows at the end of a terminal that show what is now, and go away when something is to be said for good.
 */
import { cutToWidth, displayWidth } from '../../migrations/sql/frame.ts'
import type { Output } from '../context.ts'

const refreshMs = 100

/** Its colours are put on after it was cut. */
export interface Row {
  readonly text: string
  readonly paint?: ((text: string) => string) | undefined
}

export interface LiveRows {
  /** Whether somebody sees them. */
  readonly draws: boolean
  /** Writes text that stays, above them. */
  write(text: string): void
  /** What stands in them, asked for at each refresh; the last ones, where the terminal is lower. */
  show(rows: () => readonly Row[]): void
  /** Nothing is drawn while the body writes by itself, such as a question. */
  aside<Result>(body: () => Promise<Result>): Promise<Result>
  close(): void
}

/** Draws on terminals only; elsewhere `write` is all there is. */
export function createLiveRows(output: Output, env: Readonly<Record<string, string | undefined>>): LiveRows {
  const draws = output.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined
  let current: (() => readonly Row[]) | undefined
  let drawn: readonly string[] = []
  let isAside = false
  let timer: NodeJS.Timeout | undefined

  const wipe = (): void => {
    // One that was made narrower since has broken them.
    const columns = sizeOr(output.columns, 80)
    const height = drawn.reduce((sum, row) => sum + Math.max(1, Math.ceil(displayWidth(row) / columns)), 0)
    if (height > 0) output.write(`\r${height > 1 ? `\u001b[${String(height - 1)}A` : ''}\u001b[J`)
    drawn = []
  }
  const rowsNow = (): readonly Row[] => {
    const rows = isAside ? [] : (current?.() ?? [])
    // A row more would scroll, or break, and then it is not wiped.
    const [most, width] = [sizeOr(output.rows, 24) - 1, Math.max(1, sizeOr(output.columns, 80) - 1)]
    // Whatever moves the cursor would leave rows behind that nothing wipes.
    return rows
      .slice(-most)
      .map(({ text, paint }) => ({ text: cutToWidth(text.replaceAll(/[\t-\r]+/g, ' '), width), paint }))
  }
  const draw = (): void => {
    const rows = rowsNow()
    const texts = rows.map(({ text }) => text)
    if (texts.join('\n') === drawn.join('\n')) return
    wipe()
    output.write(rows.map(({ text, paint = String }) => paint(text)).join('\n'))
    drawn = texts
  }
  return {
    draws,
    write(text) {
      wipe()
      output.write(text)
      if (draws) draw()
    },
    show(rows) {
      if (!draws) return
      current = rows
      // Unreferenced: forgotten rows must not keep the program from ending.
      timer ??= setInterval(draw, refreshMs).unref()
    },
    async aside(body) {
      wipe()
      isAside = true
      try {
        return await body()
      } finally {
        isAside = false
      }
    },
    close() {
      clearInterval(timer)
      current = undefined
      wipe()
    },
  }
}

/** A terminal that nobody has told its size says that it has none. */
function sizeOr(size: number | undefined, usual: number): number {
  return size === undefined || size === 0 ? usual : size
}
