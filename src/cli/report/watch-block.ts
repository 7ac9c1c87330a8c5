/**
 * What a terminal shows of a watch, below all that was said: where the services are, the last run, what is wrong, and what happens now.
 */
import kleur from 'kleur'

import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import type { Row } from './live.ts'
import { changeText, waitingText } from './watch-lines.ts'
import { duration, table } from './words.ts'

export interface WatchBlock {
  hear(event: StackEvent): void
  ran(outcome: Outcome): void
  /** With what runs now; nothing before the first run has ended. */
  rows(running: string): readonly Row[]
}

/** More would leave no room for what was said. */
const mostServices = 6

export function createWatchBlock(now: () => Date = () => new Date()): WatchBlock {
  let where: Outcome['services'] = []
  let change = ''
  let last: readonly string[] | undefined
  let error: ErrorRecord | undefined
  let waiting = ''
  return {
    hear(event) {
      if (event.type === 'watch-changed') [change, waiting] = [changeText(event), '']
      else if (event.type === 'run-started') waiting = ''
      else if (event.type === 'watch-waiting') {
        last = [clock(now()), duration(event.durationMs), change].filter((part) => part !== '')
        error = event.error
        change = ''
        waiting = waitingText(event)
      }
    },
    ran({ results, services }) {
      const down = new Set(results.filter(isNotStarted).map(({ subject }) => subject))
      where = services.filter(({ addresses, service }) => addresses.length > 0 && !down.has(`service:${service}`))
    },
    rows(running) {
      if (last === undefined) return []
      const more = where.length - mostServices
      const shown = where.slice(0, mostServices)
      const facts = [
        ...shown.map(({ service, addresses }) => [service, addresses.join(' ')]),
        ...(more > 0 ? [['', `and ${String(more)} more`]] : []),
        ['last run', last.join('  ')],
        ...(error === undefined ? [] : [['error', shortOf(error)]]),
      ]
      const rows = table(facts).map((text): Row => ({ text }))
      const [wrong] = error === undefined ? [] : rows.splice(-1)
      const below = running === '' ? waiting : running
      return [
        { text: '' },
        ...rows,
        ...(wrong === undefined ? [] : [{ ...wrong, paint: kleur.red }]),
        { text: below === '' ? '  …' : below },
      ]
    },
  }
}

/** Its first line; and the first of what that announces, as the mistakes of a config are. */
function shortOf({ message }: ErrorRecord): string {
  const [first = '', next = ''] = message.split('\n').filter((line) => line.trim() !== '')
  return first.endsWith(':') ? `${first} ${next.trim()}` : first
}

/** A service whose migration has failed runs all the same. */
function isNotStarted({ kind, status }: Outcome['results'][number]): boolean {
  return (kind === 'start' || kind === 'wait') && (status === 'failed' || status === 'skipped')
}

function clock(time: Date): string {
  return time.toTimeString().slice(0, 8)
}
