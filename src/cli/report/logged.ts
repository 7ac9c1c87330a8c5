/**
 * A reporter that keeps what it tells in the log of the project as well.
 */
import { type Environment, filledVariable } from '../../config/environment/environment.ts'
import { logsOf } from '../../config/logs.ts'
import type { LogChoice } from '../../config/options.ts'
import type { Config } from '../../config/types.ts'
import { logChoices } from '../../config/choices.ts'
import { createRunLog, type RunLog } from '../../execute/log/run-log.ts'
import type { Io } from '../context.ts'
import type { JsonLine } from './json-line.ts'
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
    result(document, text) {
      keep((one) => {
        logEnd(document, one)
      })
      speaker.result(document, text)
    },
    error(error) {
      keep((one) => {
        one.error(error)
      })
      speaker.error(error)
    },
    bug(error) {
      keep((one) => {
        one.bug(error)
      })
      speaker.bug(error)
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

/** What a command says at its end that has changed something. Whether it did, what it said before tells; a backup and a restore always have. */
function logEnd(document: JsonLine, log: RunLog): void {
  if (!document.type.endsWith('-result')) return
  if (document.type === 'backup-result' || document.type === 'restore-result') {
    const { bytes, database, durationMs, file, type } = document
    log.done(type, { service: database.service, database: database.database, file, bytes, durationMs })
  } else {
    log.ended(document.type, {
      ...('database' in document && { service: document.database.service, database: document.database.database }),
      ...('durationMs' in document && { durationMs: document.durationMs }),
    })
  }
}

/** Where the log of a project goes, and how much of it: as its config and the variables say, or a flag. */
export function logPlace({ logs, root }: Pick<Config, 'logs' | 'root'>, flag: LogChoice | undefined): LogPlace {
  const { folder, level } = logs ?? logsOf({}, root)
  const choice = flag ?? level
  return { folder, level: choice === 'off' ? undefined : choice }
}

/** The same where no config is read. */
export function logPlaceIn(
  environment: Pick<Environment, 'root' | 'variables'>,
  flag: LogChoice | undefined,
): LogPlace {
  const { root, variables } = environment
  const said = filledVariable(variables, 'LOG_LEVEL')?.value.toLowerCase()
  const level = logChoices.find((one) => one === said || (one === 'warning' && said === 'warn'))
  return logPlace({ root, logs: logsOf({ folder: filledVariable(variables, 'LOG_DIR')?.value, level }, root) }, flag)
}
