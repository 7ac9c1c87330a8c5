/**
 * A reporter that keeps what it tells in the log of the project as well.
 */
import { resolve } from 'node:path'

import { type Environment, filledVariable } from '../../config/environment/environment.ts'
import { logLevels } from '../../execute/log/lines.ts'
import { createRunLog, type RunLog } from '../../execute/log/run-log.ts'
import type { Io } from '../context.ts'
import type { LogPlace, Reporter, Speaker } from './reporter.ts'

/** What is said before the project is known; of a run that is longer than that, the log tells the end. */
const heldBack = 200

export function withLog(speaker: Speaker, io: Io): Reporter {
  let log: RunLog | undefined
  const held: ((log: RunLog) => void)[] = []
  const keep = (write: (log: RunLog) => void): void => {
    if (log !== undefined) {
      write(log)
      return
    }
    held.push(write)
    if (held.length > heldBack) held.shift()
  }
  return {
    ...speaker,
    event(event) {
      keep((one) => {
        one.event(event)
      })
      speaker.event(event)
    },
    outcome(outcome) {
      keep((one) => {
        one.outcome(outcome)
      })
      speaker.outcome(outcome)
    },
    ran(outcome) {
      keep((one) => {
        one.outcome(outcome)
      })
      speaker.ran(outcome)
    },
    error(error) {
      keep((one) => {
        one.error(error)
      })
      speaker.error(error)
    },
    keepLog({ folder, level }) {
      if (level === undefined || log !== undefined) return
      log = createRunLog({
        folder,
        level,
        command: io.command ?? '',
        onRefused: (message) => {
          speaker.event({ type: 'warning', message })
        },
      })
      for (const write of held.splice(0)) write(log)
    },
  }
}

/** Where the log of a project goes, and how much of it: as the variables say, of the process or of `.env`. */
export function logPlace({ root, variables }: Pick<Environment, 'root' | 'variables'>): LogPlace {
  const said = (name: string): string => filledVariable(variables, name)?.value ?? ''
  const folder = said('LOG_DIR')
  const level = said('LOG_LEVEL').toLowerCase()
  const known = logLevels.find((one) => one === level || (level === 'warn' && one === 'warning'))
  return {
    folder: resolve(root, folder === '' ? 'logs' : folder),
    level: level === 'off' ? undefined : (known ?? 'info'),
  }
}
