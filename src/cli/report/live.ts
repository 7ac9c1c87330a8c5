/**
 * One line on a terminal that shows what runs now, and goes away when something is to be said for good.
 */
import { cutToWidth } from '../../migrations/sql/frame.ts'
import type { Output } from '../context.ts'

const refreshMs = 100
const clear = '\r\u001b[2K'

export interface LiveLine {
  /** Whether somebody sees it. */
  readonly draws: boolean
  /** Writes text that stays, above the live line. */
  write(text: string): void
  /** Text of the live line, asked for at each refresh; nothing is drawn when it is empty. */
  show(text: () => string): void
  close(): void
}

/** Draws on terminals only; elsewhere `write` is all there is. */
export function createLiveLine(output: Output, env: Readonly<Record<string, string | undefined>>): LiveLine {
  const draws = output.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined
  let current: (() => string) | undefined
  let drawn = false
  let timer: NodeJS.Timeout | undefined

  const wipe = (): void => {
    if (drawn) output.write(clear)
    drawn = false
  }
  const draw = (): void => {
    const text = current?.() ?? ''
    wipe()
    if (text === '') return
    // A terminal that nobody has told its size says that it has none.
    const columns = output.columns === undefined || output.columns === 0 ? 80 : output.columns
    // Whatever moves the cursor would leave rows behind that nothing wipes.
    output.write(cutToWidth(text.replaceAll(/[\t-\r]+/g, ' '), Math.max(1, columns - 1)))
    drawn = true
  }
  return {
    draws,
    write(text) {
      wipe()
      output.write(text)
      if (draws) draw()
    },
    show(text) {
      if (!draws) return
      current = text
      // Unreferenced: a forgotten live line must not keep the program from ending.
      timer ??= setInterval(draw, refreshMs).unref()
    },
    close() {
      clearInterval(timer)
      current = undefined
      wipe()
    },
  }
}
