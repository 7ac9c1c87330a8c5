/**
 * How things stand: a shape, a word and a colour for each, so that none of the three has to be seen to know it.
 */
import type { MigrationState } from '../../migrations/status.ts'
import type { ServiceStatus } from '../../plan/status.ts'
import type { Risk } from '../../plan/step.ts'
import type { ReportRun } from './runs-read.ts'
import { html, type Html } from './html.ts'

/** Each is a shape of `markShapes`, and a class of the style. */
export type Mark = 'good' | 'busy' | 'bad' | 'off' | 'none' | 'unknown' | 'next' | 'base'

export interface Standing {
  readonly mark: Mark
  readonly word: string
}

const services: Readonly<Record<ServiceStatus['state'], Standing>> = {
  ready: { mark: 'good', word: 'ready' },
  completed: { mark: 'good', word: 'completed' },
  starting: { mark: 'busy', word: 'starting' },
  failed: { mark: 'bad', word: 'failed' },
  stopped: { mark: 'off', word: 'stopped' },
  absent: { mark: 'none', word: 'not there' },
}

export function serviceStanding(status: ServiceStatus | undefined): Standing {
  return status === undefined ? { mark: 'unknown', word: 'state unknown' } : services[status.state]
}

const migrations: Readonly<Record<MigrationState['state'], Standing>> = {
  applied: { mark: 'good', word: 'applied' },
  baselined: { mark: 'base', word: 'baselined, never run' },
  pending: { mark: 'next', word: 'pending' },
  changed: { mark: 'bad', word: 'applied, file edited since' },
  missing: { mark: 'bad', word: 'applied, file is gone' },
  late: { mark: 'bad', word: 'pending, comes too late' },
  invalid: { mark: 'bad', word: 'pending, text is wrong' },
  running: { mark: 'busy', word: 'cut off half-way' },
  failed: { mark: 'bad', word: 'failed half-way' },
  'rolling-back': { mark: 'busy', word: 'rolled back half-way' },
  unknown: { mark: 'unknown', word: 'half-applied, unclear how far' },
}

/** `busy`: a run is at work on the database. */
export function migrationStanding({ state }: MigrationState, busy: boolean): Standing {
  if (busy && state === 'running') return { mark: 'busy', word: 'running now' }
  if (busy && state === 'rolling-back') return { mark: 'busy', word: 'being rolled back now' }
  return migrations[state]
}

export const runStandings: Readonly<Record<ReportRun['state'], Standing>> = {
  done: { mark: 'good', word: 'done' },
  failed: { mark: 'bad', word: 'failed' },
  unfinished: { mark: 'unknown', word: 'end not logged' },
}

export const riskStandings: Readonly<Record<Exclude<Risk, 'none'>, Standing>> = {
  downtime: { mark: 'busy', word: 'downtime' },
  'data-loss': { mark: 'bad', word: 'data loss' },
}

/** The shape; a word stands beside it. */
export function markOf(mark: Mark): Html {
  return html`<svg class="mark is-${mark}" width="16" height="16" aria-hidden="true"><use href="#mark-${mark}" /></svg>`
}

export function badge({ mark, word }: Standing): Html {
  return html`<span class="badge is-${mark}">${markOf(mark)}${word}</span>`
}

/** Stands once on the page, before the marks are used. */
export const markShapes = html`<svg width="0" height="0" class="shapes" aria-hidden="true">
  <defs>
    <symbol id="mark-good" viewBox="0 0 16 16">
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path
        d="M4.7 8.3 7 10.6l4.4-5"
        fill="none"
        stroke="var(--surface)"
        stroke-width="1.8"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </symbol>
    <symbol id="mark-busy" viewBox="0 0 16 16">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" />
      <path d="M8 4.4a3.6 3.6 0 0 1 0 7.2z" fill="currentColor" />
    </symbol>
    <symbol id="mark-bad" viewBox="0 0 16 16">
      <path
        d="M8 1.2 15.2 14H.8z"
        fill="currentColor"
        stroke="currentColor"
        stroke-width="1.2"
        stroke-linejoin="round"
      />
      <path d="M8 5.8v4" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round" />
      <circle cx="8" cy="12" r="1" fill="var(--surface)" />
    </symbol>
    <symbol id="mark-off" viewBox="0 0 16 16">
      <rect x="2" y="2" width="12" height="12" rx="2.5" fill="none" stroke="currentColor" stroke-width="1.6" />
      <rect x="5.2" y="5.2" width="5.6" height="5.6" rx="1" fill="currentColor" />
    </symbol>
    <symbol id="mark-none" viewBox="0 0 16 16">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.6 2.27" />
    </symbol>
    <symbol id="mark-unknown" viewBox="0 0 16 16">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" />
      <path
        d="M6 6.4a2 2 0 1 1 2.8 1.8c-.6.3-.8.6-.8 1.2"
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
      />
      <circle cx="8" cy="11.6" r=".9" fill="currentColor" />
    </symbol>
    <symbol id="mark-next" viewBox="0 0 16 16">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" />
    </symbol>
    <symbol id="mark-base" viewBox="0 0 16 16">
      <path
        d="M8 1.4 14.6 8 8 14.6 1.4 8z"
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linejoin="round"
      />
    </symbol>
  </defs>
</svg>`
