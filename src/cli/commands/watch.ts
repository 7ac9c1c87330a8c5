import { setMaxListeners } from 'node:events'

import { errorCodes, ExitCode, exitCodeOf, isPoststackError, PoststackError, recordError } from '../../errors.ts'
import type { WatchingStack } from '../../stack.ts'
import type { ServiceLogLine, StackWatchOptions } from '../../stack/options.ts'
import { watchStack } from '../../watch-stack.ts'
import type { TakeBackQuestion } from '../../watch/take-back.ts'
import type { WatchEnd } from '../../watch/watch.ts'
import { formatPlan } from '../../plan/format.ts'
import { configOptions } from '../config-options.ts'
import { confirmByKey } from '../confirm.ts'
import type { Context } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { type Keys, listenToKeys } from '../keys.ts'
import { createLogLines } from '../report/container-words.ts'
import { createReporter } from '../report/create.ts'
import { logPlace } from '../report/logged.ts'
import type { Reporter } from '../report/reporter.ts'
import { fail, finish, runSession } from '../session.ts'

interface WatchFlags extends CommonFlags {
  readonly onEdit: NonNullable<StackWatchOptions['onEdit']>
  readonly yes: boolean
}

/** `poststack watch [service…]` */
export async function watch(this: Context, flags: WatchFlags, ...services: string[]): Promise<void> {
  const { io } = this
  const report = createReporter(io, flags)
  const quit = new AbortController()
  const signal = AbortSignal.any([io.signal, quit.signal])
  setMaxListeners(0, signal)
  let keys: Keys | undefined
  let wantsDown = false
  try {
    const watching = await watchStack({
      ...configOptions(flags, io),
      services,
      onEdit: flags.onEdit,
      emit: report.event,
      onOutcome: (outcome) => {
        report.ran(outcome)
      },
      confirm: async (question, changed) => {
        if (flags.yes) return true
        const heard = keys
        // They are heard long before the first run can ask.
        if (heard === undefined) return false
        const withdrawn = AbortSignal.any([changed, signal])
        return await report.aside(() => confirmByKey(questionText(question), { io, keys: heard, withdrawn }))
      },
      signal,
    })
    report.keepLog(logPlace(watching.stack().config, flags.logLevel))
    keys = listenToKeys(io, (key) => {
      if (key === 'Q') wantsDown = true
      if (key === 'q' || key === 'Q') quit.abort(new PoststackError('INTERRUPTED', 'interrupted'))
      else press(key, { watching, report, services })
    })
    const end = await watching.ended
    keys.close()
    this.exitCode = exitCodeOfEnd(end, signal)
  } catch (error) {
    this.exitCode = fail(error, signal, report)
  } finally {
    keys?.close()
    report.close()
  }
  if (!wantsDown || io.signal.aborted) return
  await runSession(this, flags, async (session) => {
    const outcome = await session.stack.down({ volumes: false })
    return finish(outcome, session, io.signal)
  })
}

/** Ending a watch is no failure, unless it stops a run, or leaves behind what is not as declared. */
function exitCodeOfEnd({ failure, inRun }: WatchEnd, signal: AbortSignal): ExitCode {
  const stopped = exitCodeOf(signal.reason)
  if (inRun || stopped !== ExitCode.interrupted) return stopped
  return failure === undefined ? ExitCode.ok : errorCodes[failure.code]
}

interface Pressed {
  readonly watching: WatchingStack
  readonly report: Reporter
  readonly services: readonly string[]
}

function press(key: string, pressed: Pressed): void {
  const { watching, report } = pressed
  const tell = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      if (isPoststackError(error)) report.error(recordError(error))
      else report.bug(error)
    })
  }
  if (key === 'r') watching.run()
  if (key === 'p') tell(showPlan(pressed))
  if (key === 'l') tell(showLogs(pressed))
}

async function showPlan({ watching, report, services }: Pressed): Promise<void> {
  report.say(formatPlan(await watching.stack().plan({ services })).trimEnd())
}

async function showLogs({ watching, report, services }: Pressed): Promise<void> {
  const stack = watching.stack()
  const text = createLogLines(stack.config.services.map(({ name }) => name))
  const onLine = (line: ServiceLogLine): void => report.say(text(line).trimEnd())
  await stack.containers.logs({ services, tail: shownLines, onLine })
}

/** Of each service. */
const shownLines = 15

function questionText({ service, database, migrations }: TakeBackQuestion): string {
  const reasons = {
    gone: 'its file is gone',
    'applied-again': 'applied again afterwards',
    edited: 'its file was edited',
  }
  const lines = migrations.map(({ name, version, why }) => `  ${version}_${name}  (${reasons[why]})`)
  return `This rolls back in ${service} (database ${database}), the newest first:\n${lines.join('\n')}\nRoll back? [y/N] `
}
