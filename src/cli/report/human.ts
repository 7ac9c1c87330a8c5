/**
 * What a person sees: one line for each finished step, live rows for what runs now, and results as plain text on stdout.
 */
import { createConsola } from 'consola/core'
import kleur from 'kleur'

import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import { formatPlan } from '../../plan/format.ts'
import { isDeclined } from '../confirm.ts'
import type { Io, Output } from '../context.ts'
import type { Document } from './documents.ts'
import { asCalled, callingOf } from './called.ts'
import { printError, printEvents } from './event-lines.ts'
import { fit } from './fit.ts'
import { createLiveRows } from './live.ts'
import { type Paint, paintDoctor, paintPlan, paintStatus } from './paint.ts'
import type { ReportFlags, Speaker } from './reporter.ts'
import { createWatchBlock } from './watch-block.ts'
import { clipped, visible, visibleIn } from './visible.ts'
import { outcomeText, statusText, table } from './words.ts'

export function createHumanReporter(io: Io, flags: ReportFlags): Speaker {
  kleur.enabled = wantsColor(io.stderr, io.env, flags.color)
  const live = createLiveRows(io.stderr, io.env)
  const calling = callingOf(flags, io)
  const called = (text: string): string => asCalled(text, calling)
  const say = (text: string): void => {
    live.write(`${fit(called(text), io.stderr)}\n`)
  }
  const write = (text: string, paint: Paint): void => {
    io.stdout.write(fit(painted(called(visible(text)), paint), io.stdout))
  }
  // The answer may go to another place than what is said on the way.
  const coloured = wantsColor(io.stdout, io.env, flags.color)
  const painted = (text: string, paint: Paint): string => (coloured ? inColour(text, paint) : text)
  const log = createLog(say)
  const block = createWatchBlock()
  const print = printEvents({
    say,
    warn: (text) => {
      log.warn(text)
    },
    live,
    block,
    verbose: flags.verbose,
  })
  /** Where the services were said to be last. */
  let told = ''
  return {
    event: (event) => {
      if (!flags.quiet || loud.has(event.type)) print(visibleIn(event))
    },
    plan: (plan) => {
      write(formatPlan(plan), paintPlan)
    },
    outcome(outcome) {
      live.close()
      write(`${outcomeText(outcome)}\n${addresses(outcome)}`, unpainted)
    },
    ran(outcome) {
      block.ran(visibleIn(outcome))
      // A terminal shows them for as long as it is watched.
      const where = live.draws ? '' : addresses(outcome)
      say(visible(`${outcomeText(outcome)}${where === '' || where === told ? '' : `\n${where}`}`))
      if (where !== '') told = where
    },
    status: (status) => {
      write(statusText(status), paintStatus)
    },
    result({ type }, text) {
      live.close()
      const shown = asItIs.has(type) ? text : painted(visible(text), paints[type] ?? unpainted)
      io.stdout.write(unbroken.has(type) ? withWays(type, shown, called) : fit(called(shown), io.stdout))
    },
    say: (text) => {
      say(visible(text))
    },
    aside: (body) => live.aside(body),
    error(error) {
      sayError(visibleIn(error), say)
    },
    bug(error) {
      live.close()
      log.error('this is a bug of Poststack; please report it with the lines below')
      say(visible(error instanceof Error ? (error.stack ?? error.message) : String(error)))
    },
    close: () => {
      live.close()
    },
  }
}

function createLog(say: (text: string) => void): ReturnType<typeof createConsola> {
  return createConsola({
    reporters: [
      {
        log: ({ args, type }) => {
          say(`${label(type)}${args.join(' ')}`)
        },
      },
    ],
  })
}

function sayError(error: ErrorRecord, say: (text: string) => void): void {
  if (isDeclined(error)) say(error.message)
  else printError({ ...error, message: clipped(error.message) }, say)
}

/** What --quiet leaves: each says that something is not as it should be. */
const loud: ReadonlySet<StackEvent['type']> = new Set(['step-failed', 'watch-failed', 'watch-crashing', 'warning'])

/** What programs read, what a container has written itself, and what has been made visible where colours were added. */
const asItIs: ReadonlySet<Document['type']> = new Set(['variables', 'log', 'container-health'])

/** Answers that hold SQL or lines of a difference, which are copied and compared, and lines of others. */
const unbroken: ReadonlySet<Document['type']> = new Set(['schema', 'verification', 'query-result', 'variables', 'log'])

/** Of those only one has ways out; its lines of differences may begin as some do elsewhere. */
function withWays(type: Document['type'], text: string, called: (text: string) => string): string {
  return type === 'verification' ? text.replaceAll(/^ +try: .*/gm, (line) => called(line)) : text
}

const paints: Partial<Readonly<Record<Document['type'], Paint>>> = {
  doctor: paintDoctor,
  report: paintStatus,
  'container-status': paintStatus,
}

/** Whatever the other stream shows. */
function inColour(text: string, paint: Paint): string {
  const { enabled } = kleur
  kleur.enabled = true
  const result = paint(text)
  kleur.enabled = enabled
  return result
}

function unpainted(text: string): string {
  return text
}

function label(type: string): string {
  if (type === 'warn') return `${kleur.yellow('warning')}  `
  return type === 'error' ? `${kleur.red('error')}  ` : ''
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
