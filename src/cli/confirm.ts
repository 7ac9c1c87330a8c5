/**
 * Questions that need a person. Without a terminal there is no answer, and no answer never means yes.
 */
import { createInterface } from 'node:readline/promises'

import { onAbort } from '../abort.ts'
import { PoststackError, type ErrorRecord } from '../errors.ts'
import type { Plan } from '../plan/step.ts'
import type { Io } from './context.ts'
import type { Keys } from './keys.ts'
import { fit } from './report/fit.ts'
import { visible } from './report/visible.ts'

/** Whether somebody sits there who can be asked. */
export function canAsk({ stderr, stdin }: Io): boolean {
  return stdin.isTTY === true && stderr.isTTY === true
}

/** Asks on stderr; only `y` and `yes` mean yes, and every other answer ends the command. False at once when nobody can answer. */
export async function confirm(question: string, io: Io): Promise<boolean> {
  if (!canAsk(io)) return false
  if (/^y(es)?$/i.test((await ask(question, io)) ?? '')) return true
  throw declined()
}

interface KeyQuestion {
  readonly io: Io
  readonly keys: Keys
  /** Nobody waits for the answer any more. */
  readonly withdrawn: AbortSignal
}

/**
 * The same where single keys are heard: `y` means yes, `n` and Enter mean no, and what ends the command does; no other key means anything. False
 * when it is withdrawn.
 */
export async function confirmByKey(question: string, { io, keys, withdrawn }: KeyQuestion): Promise<boolean> {
  if (!canAsk(io) || withdrawn.aborted) return false
  io.stderr.write(fit(visible(question), io.stderr))
  const answer = await new Promise<'y' | 'n' | undefined>((resolve) => {
    const end = (said: 'y' | 'n' | undefined): void => {
      takeBack()
      forget()
      resolve(said)
    }
    const takeBack = keys.divert((key) => {
      if (/y/i.test(key)) end('y')
      else if (/[n\r\n]/i.test(key)) end('n')
      return !/q/i.test(key)
    })
    const forget = onAbort(withdrawn, () => end(undefined))
  })
  io.stderr.write(`${answer ?? ''}\n`)
  if (answer === 'n') throw declined()
  return answer === 'y'
}

/** A person was asked and did not agree: there is nothing to teach, and nothing to mend. */
export function declined(): PoststackError {
  return new PoststackError('CONSENT_NEEDED', 'Nothing was changed.', { details: { declined: true } })
}

/** Whether an error only says what the person has just decided. */
export function isDeclined({ details }: ErrorRecord): boolean {
  return details?.['declined'] === true
}

/** Asks before data is deleted, and names exactly what would be gone; `given` is `--yes`. */
export async function confirmLoss(plan: Plan, given: boolean, io: Io): Promise<boolean> {
  if (given) return true
  const volumes = plan.steps.filter(({ risk }) => risk === 'data-loss').map(({ subject }) => `  ${subject}`)
  return await confirm(`This deletes data for good, on ${plan.runtime}:\n${volumes.join('\n')}\nDelete? [y/N] `, io)
}

/** Whether a backup is wanted before migrations take away what `losses` says. Enter means yes; `q` and no answer end the command. */
export async function confirmBackup(losses: readonly string[], io: Io): Promise<boolean> {
  const shown = losses.map((loss) => `  ${loss}`).join('\n')
  const question = `These migrations take data away:\n${shown}\nMake a backup first? [Y/n/q] `
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- what is no answer is asked for again
    const answer = await ask(question, io)
    if (answer === undefined || /^q(uit)?$/i.test(answer)) throw declined()
    if (/^(y(es)?)?$/i.test(answer)) return true
    if (/^no?$/i.test(answer)) return false
    io.stderr.write(`"${answer}" is none of y, n and q.\n`)
  }
}

/**
 * Asks for one of the numbers from 1 to `most`, or for one of the names that stand for them, until it is one. Undefined when the person chooses
 * none, or nobody can answer.
 */
export async function askNumber(
  question: string,
  most: number,
  io: Io,
  names: readonly string[] = [],
): Promise<number | undefined> {
  const range = most === 1 ? '1' : `1-${String(most)}`
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a person answers one question after the other
    const answer = await ask(`${question} [${range}, or Enter for nothing] `, io)
    if (answer === undefined || answer === '') return undefined
    const number = Number(answer)
    if (/^\d+$/.test(answer) && number >= 1 && number <= most) return number
    const named = names.indexOf(answer)
    if (named !== -1) return named + 1
    const expected = most === 1 ? '1' : `a number from 1 to ${String(most)}`
    io.stderr.write(`"${answer}" is not ${expected}${names.length === 0 ? '' : `, nor one of ${names.join(', ')}`}.\n`)
  }
}

interface Asked<Value> {
  readonly usual: Value
  readonly read: (text: string) => Value | undefined
  /** What `read` takes: `a number from 1 to 9`. */
  readonly expected: string
  readonly io: Io
}

/** Asks for a text until `read` makes something of it; Enter, and nobody there to answer, mean the usual one. */
export async function askFor<Value>(question: string, asked: Asked<Value>): Promise<Value> {
  const { usual, read, expected, io } = asked
  const answer = (await ask(`${question} [${String(usual)}] `, io)) ?? ''
  if (answer === '') return usual
  const value = read(answer)
  if (value !== undefined) return value
  io.stderr.write(`"${answer}" is not ${expected}.\n`)
  return await askFor(question, asked)
}

/** The line that is typed, without blanks around it; undefined when nobody answers, as after Ctrl-C. */
async function ask(question: string, io: Io): Promise<string | undefined> {
  if (!canAsk(io) || io.signal.aborted) return undefined
  const questions = createInterface({ input: io.stdin })
  // Closed by Ctrl-D, and by Ctrl-C: nobody said anything.
  const forget = onAbort(io.signal, () => questions.close())
  try {
    io.stderr.write(fit(visible(question), io.stderr))
    const answer = await new Promise<string | undefined>((resolve) => {
      questions.once('line', resolve)
      questions.once('close', () => {
        resolve(undefined)
      })
    })
    return answer?.trim()
  } finally {
    forget()
    questions.close()
  }
}
