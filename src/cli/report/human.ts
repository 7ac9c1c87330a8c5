/**
 * What a person sees: one line for each finished step, one live line for what runs, and results as plain text on stdout.
 */
import { createConsola } from 'consola/core'
import kleur from 'kleur'

import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import { formatPlan } from '../../plan/format.ts'
import type { CommonFlags } from '../flags.ts'
import type { Io, Output } from '../context.ts'
import { createLiveLine, type LiveLine } from './live.ts'
import type { Reporter } from './reporter.ts'
import {
  doingWord,
  duration,
  errorLines,
  finishedWord,
  isInterruption,
  noteOf,
  outcomeText,
  statusText,
  subjectText,
  table,
} from './words.ts'

export function createHumanReporter(io: Io, flags: Pick<CommonFlags, 'color' | 'verbose'>): Reporter {
  kleur.enabled = wantsColor(io.stderr, io.env, flags.color)
  const live = createLiveLine(io.stderr, io.env)
  const say = (text: string): void => {
    live.write(`${text}\n`)
  }
  const log = createConsola({
    reporters: [
      {
        log: ({ args, type }) => {
          say(`${label(type)}${args.join(' ')}`)
        },
      },
    ],
  })
  const event = printEvents({
    say,
    warn: (text) => {
      log.warn(text)
    },
    live,
    verbose: flags.verbose,
  })
  return {
    event,
    plan: (plan) => {
      io.stdout.write(formatPlan(plan))
    },
    outcome(outcome) {
      live.close()
      io.stdout.write(`${outcomeText(outcome)}\n${addresses(outcome)}`)
    },
    status: (status) => {
      io.stdout.write(statusText(status))
    },
    error(error) {
      live.close()
      printError(error, say)
    },
    bug(error) {
      live.close()
      log.error('this is a bug of Poststack; please report it with the lines below')
      say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    },
    close: () => {
      live.close()
    },
  }
}

function label(type: string): string {
  if (type === 'warn') return `${kleur.yellow('warning')}  `
  return type === 'error' ? `${kleur.red('error')}  ` : ''
}

function printError(error: ErrorRecord, say: (text: string) => void): void {
  const [first = '', ...rest] = errorLines(error)
  say(`${kleur.red('error')}  ${first}  ${kleur.dim(`[${error.code}]`)}`)
  for (const line of rest) say(line === '' ? '' : `       ${line}`)
}

interface PrinterOptions {
  readonly say: (text: string) => void
  readonly warn: (text: string) => void
  readonly live: LiveLine
  readonly verbose: boolean
}

function printEvents({ say, warn, live, verbose }: PrinterOptions): (event: StackEvent) => void {
  let width = 0
  const running = new Map<number, { readonly text: string; readonly since: number; progress: string }>()
  live.show(() => {
    const now = performance.now()
    const parts = [...running.values()].map(
      ({ text, since, progress }) => `${text} ${duration(now - since)}${progress === '' ? '' : ` (${progress})`}`,
    )
    return parts.length === 0 ? '' : `  …  ${parts.join(' · ')}`
  })
  return (event) => {
    switch (event.type) {
      case 'run-started':
        width = Math.max(...event.subjects.map((subject) => subjectText(subject).length), 0)
        if (event.steps > 0 && verbose) say(`${event.stack} on ${event.runtime}: ${String(event.steps)} steps`)
        return
      case 'step-started':
        running.set(event.step, {
          text: `${subjectText(event.subject)} ${doingWord(event.kind)}`,
          since: performance.now(),
          progress: '',
        })
        return
      case 'step-progress': {
        const step = running.get(event.step)
        if (step !== undefined) step.progress = event.text
        if (verbose) say(kleur.dim(`      ${subjectText(event.subject)}  ${event.text}`))
        return
      }
      case 'step-done':
        running.delete(event.step)
        say(stepLine(event, width))
        return
      case 'step-failed':
        running.delete(event.step)
        say(stepLine(event, width))
        // An interruption is no error of the step, and the last line says it once for all.
        if (!isInterruption(event.error.code)) printError(event.error, say)
        return
      case 'step-skipped':
        if (verbose) say(`  ${kleur.dim('skipped')}  ${subjectText(event.subject)} ${doingWord(event.kind)}`)
        return
      case 'migration-applied':
        say(
          `  ${kleur.green('ok')}       ${event.service.padEnd(width)}  ${'applied'.padEnd(wordWidth)}  ${event.migration}_${event.name}  ${kleur.dim(duration(event.durationMs))}`,
        )
        return
      case 'lock-waiting':
        say(`waiting for ${event.holder}, which works on this stack (${duration(event.waitedMs)})`)
        return
      case 'notice':
        say(event.message)
        return
      case 'warning':
        warn(event.subject === undefined ? event.message : `${subjectText(event.subject)}: ${event.message}`)
    }
  }
}

/** Length of the longest usual word, so that the times stand in a column. */
const wordWidth = 9

function stepLine(event: Extract<StackEvent, { type: 'step-done' | 'step-failed' }>, width: number): string {
  const isDone = event.type === 'step-done'
  const mark = isDone
    ? `${kleur.green('ok')}     `
    : isInterruption(event.error.code)
      ? kleur.yellow('stopped')
      : `${kleur.red('failed')} `
  const word = isDone ? finishedWord(event) : doingWord(event.kind)
  const note = isDone ? noteOf(event) : ''
  const time = kleur.dim(duration(event.durationMs))
  return `  ${mark}  ${subjectText(event.subject).padEnd(width)}  ${word.padEnd(wordWidth)}  ${time}${note === '' ? '' : `  ${note}`}`
}

function addresses({ ok, services }: Outcome): string {
  const rows = services
    .filter((service) => service.addresses.length > 0)
    .map((service) => [service.service, service.addresses.join(' ')])
  return ok && rows.length > 0 ? `\n${table(rows).join('\n')}\n` : ''
}

/** `NO_COLOR` and `--no-color` win; `FORCE_COLOR` comes next; else a terminal decides. */
function wantsColor(output: Output, env: Io['env'], flag: boolean): boolean {
  if (!flag || (env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return output.isTTY === true && env['TERM'] !== 'dumb'
}
