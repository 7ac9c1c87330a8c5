/**
 * A plan as text: one line a step, then what a person has to know about it. Stable, so that it can be compared, and without colour.
 */
import type { Action, Cause, Plan, PlanStep } from './step.ts'

/**
 * The text of a plan:
 *
 *     shop on podman: 3 steps
 *
 *       #1 volume:shop-db-data  create-volume  not found
 *       #2 service:db           create         not found      after #1
 *            image: poststack/postgres:16 -> poststack/postgres:17
 */
export function formatPlan(plan: Plan): string {
  const forward = plan.steps.filter(({ undo }) => undo === undefined)
  const lines = [`${plan.stack} on ${plan.runtime}: ${summary(plan, forward)}`]
  if (forward.length > 0) lines.push('', ...table(forward))
  const back = plan.steps.filter(({ undo }) => undo !== undefined)
  if (back.length > 0) lines.push('', 'if that fails:', ...table(back))
  if (plan.warnings.length > 0)
    lines.push('', ...plan.warnings.map(({ subject, message }) => `warning: ${subject}: ${message}`))
  return `${lines.join('\n')}\n`
}

/** The plan holds something that a person must decide or mend first, so it will not be carried out. */
export function isBlocked(plan: Plan): boolean {
  return plan.steps.some(({ action }) => action.kind === 'blocked')
}

function summary({ goal, selected, unchanged }: Plan, forward: readonly PlanStep[]): string {
  const names = selected.join(', ')
  if (forward.length === 0) {
    if (goal === 'up' && unchanged.length === 0) return noServices
    if (goal === 'clean') return 'nothing is left over'
    if (!['up', 'start', 'restart'].includes(goal)) return 'nothing to do'
    return names === '' ? 'everything is as declared' : `${names} and all that is needed for it: as declared`
  }
  const blocked = forward.filter(({ action }) => action.kind === 'blocked').length
  const steps = `${String(forward.length)} ${forward.length === 1 ? 'step' : 'steps'}`
  const count = names === '' ? steps : `${steps} for ${names}`
  return blocked === 0 ? count : `${count}, ${String(blocked)} blocked: nothing will be done until that is mended`
}

/** Said in place of "as declared", where nothing is declared. */
export const noServices = 'there is no service to run'

function table(steps: readonly PlanStep[]): readonly string[] {
  const width = (text: (step: PlanStep) => string): number => Math.max(...steps.map((step) => text(step).length))
  const idWidth = width(({ id }) => String(id))
  const subjectWidth = width(({ subject }) => subject)
  const kindWidth = width(({ action }) => action.kind)
  return steps.flatMap((step) => {
    const head = `  #${String(step.id).padEnd(idWidth)} ${step.subject.padEnd(subjectWidth)}  ${step.action.kind.padEnd(kindWidth)}  ${step.cause.text}`
    const indent = ' '.repeat(idWidth + 6)
    return [
      `${head}${suffix(step)}`,
      ...changesOf(step.cause).map((line) => indent + line),
      ...linesOf(step.action).map((line) => (line === '' ? '' : indent + line)),
    ]
  })
}

function suffix(step: PlanStep): string {
  const risk = step.risk === 'none' ? '' : `  [${step.risk}]`
  const needs =
    step.needs.length === 0 || step.undo !== undefined
      ? ''
      : `  after ${step.needs.map((id) => `#${String(id)}`).join(' ')}`
  return risk + needs
}

/** `env.LOG_LEVEL: debug -> info`, and words for a value that was or will be absent. */
export function changesOf(cause: Cause): readonly string[] {
  return cause.changes.map(({ path, before, after }) => `${path}: ${before ?? '(none)'} -> ${after ?? '(none)'}`)
}

function linesOf(action: Action): readonly string[] {
  if (action.kind !== 'blocked') return []
  const ways = action.ways.map((way) => `- ${way}`)
  return action.frame === undefined ? ways : ['', ...action.frame, '', ...ways]
}
