/**
 * A user's regular expression on what a service has said.
 */
import { createContext, Script } from 'node:vm'
import { PoststackError } from '../errors.ts'

const matchMs = 200

/**
 * Whether a line matches; not known where the machine left no time to look. A pattern like `(a+)+$` can take years on one line, and nothing
 * in JavaScript interrupts a running match but the time limit of a script of `node:vm`.
 */
export function matchLines(pattern: string, lines: readonly string[]): 'yes' | 'no' | 'unknown' {
  const script = new Script('const regex = new RegExp(pattern); lines.some((line) => regex.test(line))')
  const before = process.cpuUsage()
  try {
    const isMatch = script.runInContext(createContext({ pattern, lines }), { timeout: matchMs }) === true
    return isMatch ? 'yes' : 'no'
  } catch (error) {
    const slow = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    const { system, user } = process.cpuUsage(before)
    // The limit is one of time that passes, and on a busy machine hardly any of it is ours.
    if (slow && (user + system) / 1000 < matchMs / 2) return 'unknown'
    throw new PoststackError(
      'CONFIG_INVALID',
      slow
        ? `The pattern /${pattern}/ takes too long to match.`
        : `The pattern /${pattern}/ is not a regular expression.`,
      { hint: 'Write a simpler pattern: a fixed part of the text is enough.', cause: error },
    )
  }
}
