/**
 * Words for people. Pure; no colour.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent, StepResult } from '../../events.ts'
import type { ServiceStatus, StackStatus } from '../../plan/status.ts'
import { changesOf } from '../../plan/format.ts'
import type { Cause, Plan, StepKind } from '../../plan/step.ts'

const doing: Readonly<Record<StepKind, string>> = {
  build: 'building',
  pull: 'pulling',
  'create-network': 'creating',
  'create-volume': 'creating',
  create: 'creating',
  start: 'starting',
  wait: 'waiting',
  migrate: 'migrating',
  stop: 'stopping',
  rename: 'renaming',
  remove: 'removing',
  'remove-network': 'removing',
  'remove-volume': 'deleting',
  blocked: 'blocked',
}

const done: Readonly<Record<StepKind, string>> = {
  build: 'built',
  pull: 'pulled',
  'create-network': 'created',
  'create-volume': 'created',
  create: 'created',
  start: 'started',
  wait: 'ready',
  migrate: 'migrated',
  stop: 'stopped',
  rename: 'renamed',
  remove: 'removed',
  'remove-network': 'removed',
  'remove-volume': 'deleted',
  blocked: 'blocked',
}

export function doingWord(kind: StepKind): string {
  return doing[kind]
}

/** `service:db` reads `db`; other subjects keep their kind: `volume shop-db-data`. */
export function subjectText(subject: string): string {
  return subject.startsWith('service:') ? subject.slice('service:'.length) : subject.replace(':', ' ')
}

export function duration(ms: number): string {
  if (ms < 1000) return `${String(Math.round(ms))} ms`
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${String(Math.floor(ms / 60_000))} min ${String(Math.round((ms % 60_000) / 1000))} s`
}

/** Word for a finished step; a job is not ready, it is completed. */
export function finishedWord({ kind, note }: Extract<StackEvent, { type: 'step-done' }>): string {
  return kind === 'wait' && note !== undefined ? note : done[kind]
}

/** What a finished step has to say besides its kind and time. Causes that only name another step say nothing to a person. */
export function noteOf(event: Extract<StackEvent, { type: 'step-done' }>): string {
  const cause = /^(created|started) by #/.test(event.cause.text) ? '' : event.cause.text
  return event.kind === 'migrate' ? (event.note ?? cause) : event.kind === 'wait' ? '' : cause
}

/** Message, details that help, and what to do, as plain lines. */
export function errorLines(error: ErrorRecord): readonly string[] {
  // What a service wrote, or the program that built its image.
  const logs = error.details?.['logs'] ?? error.details?.['output']
  const lines = error.message.split('\n')
  if (Array.isArray(logs) && logs.length > 0)
    lines.push('', 'its last lines:', ...logs.map((line) => `  | ${String(line)}`))
  const changes = error.details?.['changes']
  if (Array.isArray(changes))
    lines.push(...changesOf({ text: '', changes: changes as Cause['changes'] }).map((line) => `  ${line}`))
  if (error.hint !== undefined) lines.push('', ...error.hint.split('\n').map((line) => `try: ${line}`))
  return lines
}

/** The last line of a run. */
export function outcomeText({ ok, plan, durationMs, results }: Outcome): string {
  const time = duration(durationMs)
  const forward = results.filter(({ status }) => status !== 'not-needed').length
  const count = forward === 0 ? 'nothing to do' : `${String(forward)} ${forward === 1 ? 'step' : 'steps'}`
  const on = `on ${plan.runtime} (${count}, ${time})`
  if (ok && plan.goal === 'up') return `${plan.stack} is as declared ${on}`
  if (ok && forward === 0) return `${plan.stack} is down ${on}`
  if (ok) return `${plan.stack} is down ${on}${keepsData(plan) ? '; its volumes are kept' : '; its data is deleted'}`
  const number = (status: string): string => String(results.filter((result) => result.status === status).length)
  const counts = `${number('done')} done, ${number('failed')} failed, ${number('skipped')} not begun`
  const cut = results.some(isCutOff) ? 'interrupted: ' : ''
  return `${cut}${plan.stack} is not ${plan.goal === 'up' ? 'as declared' : 'down'} on ${plan.runtime}: ${counts} (${time})`
}

function isCutOff({ status, because, error }: StepResult): boolean {
  return error === undefined ? status === 'skipped' && because === undefined : isInterruption(error.code)
}

/** The step did not fail by itself: somebody asked for the end. */
export function isInterruption(code: ErrorRecord['code']): boolean {
  return code === 'INTERRUPTED' || code === 'TERMINATED'
}

function keepsData(plan: Plan): boolean {
  return plan.steps.every(({ action }) => action.kind !== 'remove-volume')
}

/** The table of `status`. */
export function statusText(status: StackStatus): string {
  const head = `${status.stack} on ${status.runtime}: ${status.asDeclared ? 'as declared' : 'not as declared'}`
  const rows = status.services.map((service) => [
    service.service,
    service.state,
    migrationsText(service),
    service.addresses.join(' '),
  ])
  const details = status.services.flatMap(({ service, differences }) =>
    differences.map((difference) => `${service}: ${difference}`),
  )
  const all = [...details, ...status.differences]
  return [
    head,
    '',
    ...table(rows),
    ...(all.length === 0 ? [] : ['', 'up would:', ...all.map((line) => `  ${line}`)]),
    '',
  ].join('\n')
}

function migrationsText({ migrations }: ServiceStatus): string {
  if (migrations === undefined) return ''
  if (migrations === 'unknown') return 'migrations unknown'
  return migrations.pending === 0
    ? `${String(migrations.applied)} applied`
    : `${String(migrations.applied)} applied, ${String(migrations.pending)} pending`
}

/** Columns two spaces apart, indented by two, without trailing blanks. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}
