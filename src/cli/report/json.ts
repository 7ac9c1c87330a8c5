/**
 * Machine-readable output: results are versioned documents, progress is one event a line, all on stdout. The last line of a
 * run is its `outcome`, or an `error`.
 */
import { isBlocked } from '../../plan/format.ts'
import type { Output } from '../context.ts'
import type { Reporter } from './reporter.ts'

/** Version of every document and event below; it changes when a field changes its meaning or goes. */
const version = 1

export function createJsonReporter({ stdout }: { readonly stdout: Output }): Reporter {
  const line = (type: string, fields: object): void => {
    stdout.write(`${JSON.stringify({ version, type, ...fields })}\n`)
  }
  return {
    event: (event) => {
      line(event.type, event)
    },
    plan: (plan) => {
      line('plan', { ...plan, blocked: isBlocked(plan) })
    },
    outcome: ({ plan, ...outcome }) => {
      const { goal, stack, project, runtime, warnings, unchanged } = plan
      line('outcome', { goal, stack, project, runtime, ...outcome, warnings, unchanged })
    },
    status: (status) => {
      line('status', status)
    },
    error: (error) => {
      line('error', { error })
    },
    bug: (error) => {
      line('error', { error: { code: 'BUG', message: error instanceof Error ? error.message : String(error) } })
    },
    close: () => undefined,
  }
}
