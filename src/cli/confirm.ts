/**
 * A question that needs a person. Without a terminal the answer is no.
 */
import { createInterface } from 'node:readline/promises'

import type { Io } from './context.ts'

/** Asks on stderr; only `y` and `yes` mean yes. False at once when nobody can answer. */
export async function confirm(question: string, io: Io): Promise<boolean> {
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true) return false
  const questions = createInterface({ input: io.stdin })
  try {
    io.stderr.write(question)
    const answer = await new Promise<string>((resolve) => {
      questions.once('line', resolve)
      // Ctrl-D and Ctrl-C: nobody said yes.
      questions.once('close', () => {
        resolve('')
      })
      io.signal.addEventListener('abort', () => {
        resolve('')
      })
    })
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    questions.close()
  }
}
