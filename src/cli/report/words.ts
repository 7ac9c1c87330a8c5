/**
 * Words for people. Pure; no colour.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent, StepResult } from '../../events.ts'
import type { ServiceStatus, StackStatus } from '../../plan/status.ts'
import { displayWidth, widthOfAll } from '../../migrations/sql/frame.ts'
import { changesOf, noServices } from '../../plan/format.ts'
import type { Cause, Plan, StepKind } from '../../plan/step.ts'

const doing: Readonly<Record<StepKind, string>> = {
  build: 'building',
  tag: 'tagging',
  pull: 'pulling',
  'create-network': 'creating',
  'create-volume': 'creating',
  remember: 'remembering',
  forget: 'forgetting',
  create: 'creating',
  start: 'starting',
  update: 'updating',
  'set-password': 'setting password',
  wait: 'waiting',
  migrate: 'migrating',
  seed: 'seeding',
  hook: 'running its hook',
  record: 'recording',
  stop: 'stopping',
  rename: 'renaming',
  remove: 'removing',
  'remove-network': 'removing',
  'remove-volume': 'deleting',
  'remove-image': 'removing',
  blocked: 'blocked',
}

const done: Readonly<Record<StepKind, string>> = {
  build: 'built',
  tag: 'tagged',
  pull: 'pulled',
  'create-network': 'created',
  'create-volume': 'created',
  remember: 'remembered',
  forget: 'forgotten',
  create: 'created',
  start: 'started',
  update: 'updated',
  'set-password': 'changed',
  wait: 'ready',
  migrate: 'migrated',
  seed: 'seeded',
  hook: 'ran',
  record: 'recorded',
  stop: 'stopped',
  rename: 'renamed',
  remove: 'removed',
  'remove-network': 'removed',
  'remove-volume': 'deleted',
  'remove-image': 'removed',
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
  // Rounded first: there are no 60.0 s, and no 60 s beside minutes.
  if (Math.round(ms / 100) < 600) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`
}

/** `2026-11-26 01:12 UTC`: who reads it may be in any time zone. */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}

/** Word for a finished step; a job is not ready, it is completed. */
export function finishedWord({ kind, note }: Extract<StackEvent, { type: 'step-done' }>): string {
  return kind === 'wait' && note !== undefined ? note : done[kind]
}

/** What a finished step has to say besides its kind and time. */
export function noteOf(event: Extract<StackEvent, { type: 'step-done' }>): string {
  const cause = event.cause.follows === true ? '' : event.cause.text
  return ['migrate', 'seed', 'record'].includes(event.kind) ? (event.note ?? cause) : event.kind === 'wait' ? '' : cause
}

/** Message, details that help, and what to do, as plain lines. */
export function errorLines(error: ErrorRecord): readonly string[] {
  // What a service wrote, or the program that built its image.
  const logs = error.details?.['logs'] ?? error.details?.['output']
  const { lines, hints } = withOwnHints(error)
  if (Array.isArray(logs) && logs.length > 0)
    lines.push('', 'its last lines:', ...logs.map((line) => `  | ${String(line)}`))
  const changes = error.details?.['changes']
  if (Array.isArray(changes))
    lines.push(...changesOf({ text: '', changes: changes as Cause['changes'] }).map((line) => `  ${line}`))
  if (hints.length > 0) lines.push('', ...hints.flatMap(hintLines))
  return lines
}

interface Problem {
  readonly message: string
  readonly file?: string
  readonly hint: string
}

/** Of a list of problems, each has its way out right below it; what is left over comes at the end. */
function withOwnHints({ details, hint, message }: ErrorRecord): { lines: string[]; hints: readonly string[] } {
  const rest = problemsIn(details)
  const lines = message.split('\n')
  // One way out for all of them is said once.
  if (new Set(rest.map((problem) => problem.hint)).size < 2) return { lines, hints: hint === undefined ? [] : [hint] }
  const shared = sharedHints(rest)
  if (shared !== undefined) return { lines, hints: shared }
  const withHints = lines.flatMap((line) => {
    const at = line.startsWith('- ') ? rest.findIndex((problem) => line.endsWith(problem.message)) : -1
    const own = at === -1 ? [] : rest.splice(at, 1)
    return [line, ...own.flatMap((problem) => hintLines(problem.hint)).map((text) => `  ${text}`.trimEnd())]
  })
  return { lines: withHints, hints: rest.map((problem) => problem.hint) }
}

/** A way out that several files have in common is told once, with the files; nothing where each has its own. */
function sharedHints(problems: readonly Problem[]): readonly string[] | undefined {
  const files = new Map<string, Set<string>>()
  for (const { file, hint } of problems) {
    if (file === undefined) return undefined
    files.set(hint, (files.get(hint) ?? new Set()).add(file))
  }
  if (files.size === problems.length) return undefined
  return [...files].map(([hint, names]) => hint.replaceAll(/^(?=\S)/gm, `in ${[...names].join(', ')}: `))
}

function problemsIn(details: ErrorRecord['details']): Problem[] {
  const found: unknown = details?.['problems']
  return Array.isArray(found) ? (found as Partial<Problem>[]).filter((one): one is Problem => isProblem(one)) : []
}

function isProblem({ hint, message }: Partial<Problem>): boolean {
  return typeof hint === 'string' && typeof message === 'string'
}

/** Each line of a hint is a way out of its own, but those that are empty or indented: they belong to the one above. */
export function hintLines(hint: string): readonly string[] {
  return hint.split('\n').map((line) => (line === '' || line.startsWith(' ') ? line && `     ${line}` : `try: ${line}`))
}

/** What a run makes of its subject. */
const goals: Readonly<Record<Plan['goal'], string>> = {
  up: 'as declared',
  down: 'down',
  start: 'started',
  restart: 'restarted',
  stop: 'stopped',
  remove: 'removed',
  build: 'built',
  clean: 'clean',
}

/** The last line of a run. */
export function outcomeText({ ok, plan, durationMs, results, services }: Outcome): string {
  const time = duration(durationMs)
  const forward = results.filter(({ status }) => status !== 'not-needed').length
  const count = forward === 0 ? 'nothing to do' : `${String(forward)} ${forward === 1 ? 'step' : 'steps'}`
  const on = `on ${plan.runtime} (${count}, ${time})`
  const [subject, is] = subjectOf(plan)
  if (ok && plan.goal === 'up' && services.length === 0) return `${plan.stack}: ${noServices} (${count}, ${time})`
  if (ok) return `${subject} ${is} ${goals[plan.goal]} ${on}${forward === 0 ? '' : whatOfData(plan)}`
  const cut = results.some(isCutOff) ? 'interrupted: ' : ''
  return `${cut}${subject} ${is} not ${goals[plan.goal]} on ${plan.runtime}: ${counts(results)} (${time})`
}

/** What was cut off in the middle did not fail. */
function counts(results: Outcome['results']): string {
  const stopped = results.filter(({ error }) => error !== undefined && isInterruption(error.code)).length
  const number = (status: string): number => results.filter((result) => result.status === status).length
  const failed = number('failed') - stopped
  return [
    `${String(number('done'))} done`,
    ...(failed === 0 && stopped > 0 ? [] : [`${String(failed)} failed`]),
    ...(stopped === 0 ? [] : [`${String(stopped)} interrupted`]),
    `${String(number('skipped'))} not begun`,
  ].join(', ')
}

function isCutOff({ status, because, error }: StepResult): boolean {
  return error === undefined ? status === 'skipped' && because === undefined : isInterruption(error.code)
}

/** The step did not fail by itself: somebody asked for the end. */
export function isInterruption(code: ErrorRecord['code']): boolean {
  return code === 'INTERRUPTED' || code === 'TERMINATED'
}

/** What a run was about, and its verb: the stack, or the services of it that were asked for. */
function subjectOf({ goal, selected, stack }: Plan): readonly [string, string] {
  if (goal === 'build') return [`images of ${stack}`, 'are']
  if (selected.length === 0) return [stack, 'is']
  return [`${selected.join(', ')} of ${stack}`, selected.length === 1 ? 'is' : 'are']
}

/** Says nothing of data where there are none. */
function whatOfData({ keptVolumes, steps }: Plan): string {
  if (steps.some(({ action }) => action.kind === 'remove-volume')) return '; its data is deleted'
  return keptVolumes.length > 0 ? '; its volumes are kept' : ''
}

/** The table of `status`. */
export function statusText(status: StackStatus): string {
  const state = status.asDeclared ? (status.services.length === 0 ? noServices : 'as declared') : 'not as declared'
  const head = `${status.stack} on ${status.runtime}: ${state}`
  const rows = status.services.map((service) => [
    service.service,
    service.state,
    migrationsText(service),
    service.addresses.join(' '),
  ])
  const reasons = status.services.flatMap(({ reason, service }) =>
    reason === undefined ? [] : [`  ${service}: ${reason}`],
  )
  const details = status.services.flatMap(({ service, differences }) =>
    differences.map((difference) => `${service}: ${difference}`),
  )
  const all = [...details, ...status.differences]
  return [
    head,
    '',
    ...table(rows),
    ...(reasons.length === 0 ? [] : ['', ...reasons]),
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
  const widths = (rows[0] ?? []).map((_, column) => widthOfAll(rows.map((row) => row[column] ?? '')))
  const padded = (cell: string, column: number): string =>
    cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)))
  return rows.map((row) => `  ${row.map(padded).join('  ')}`.trimEnd())
}
