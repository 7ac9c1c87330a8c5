/**
 * Machine-readable output: results are versioned documents, progress is one event a line, all on stdout. The last line of a
 * run is its `outcome`, or an `error`.
 */
import { recordBug } from '../../errors.ts'
import type { Outcome } from '../../events.ts'
import { isBlocked } from '../../plan/format.ts'
import type { Io } from '../context.ts'
import { callingOf, waysAsCalled } from './called.ts'
import type { JsonLine } from './json-line.ts'
import type { ReportFlags, Speaker } from './reporter.ts'
import { visibleJson } from './visible.ts'

/** Version of every document and event below; it changes when a field changes its meaning or goes. */
const version = 1

/** Answers whose fields have names that are a user's own. */
const data: ReadonlySet<JsonLine['type']> = new Set(['config', 'log', 'query-result', 'variables'])

export function createJsonReporter(io: Io, flags: ReportFlags): Speaker {
  const calling = callingOf(flags, io)
  // No field of a line may take the name: it would stand in place of ours.
  const write = ({ type, ...fields }: JsonLine & { readonly version?: typeof version }): void => {
    const said = data.has(type) ? fields : waysAsCalled(fields, calling)
    io.stdout.write(`${visibleJson(JSON.stringify({ version, type, ...said }))}\n`)
  }
  const outcome = ({ plan, ...rest }: Outcome): void => {
    const { goal, stack, project, runtime, selected, keptVolumes, warnings, unchanged } = plan
    write({ type: 'outcome', goal, stack, project, runtime, selected, keptVolumes, ...rest, warnings, unchanged })
  }
  return {
    event: (event) => {
      // Commands that answer with one document do so in one line.
      if (event.type !== 'config-read' || flags.verbose) write(event)
    },
    plan: (plan) => {
      write({ type: 'plan', ...plan, blocked: isBlocked(plan) })
    },
    outcome,
    ran: outcome,
    status: (status) => {
      write({ type: 'status', ...status })
    },
    result: write,
    say: () => undefined,
    aside: (body) => body(),
    error: (error) => {
      write({ type: 'error', error })
    },
    bug: (error) => {
      write({ type: 'error', error: recordBug(error) })
    },
    close: () => undefined,
  }
}
