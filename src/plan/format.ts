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
  const lines = [`${plan.stack} on ${plan.runtime}: ${summary(forward)}`]
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

function summary(forward: readonly PlanStep[]): string {
  if (forward.length === 0) return 'everything is as declared'
  const blocked = forward.filter(({ action }) => action.kind === 'blocked').length
  const count = `${String(forward.length)} ${forward.length === 1 ? 'step' : 'steps'}`
  return blocked === 0 ? count : `${count}, ${String(blocked)} blocked: nothing will be done until that is mended`
}

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
      ...waysOf(step.action).map((line) => indent + line),
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

function waysOf(action: Action): readonly string[] {
  return action.kind === 'blocked' ? action.ways.map((way) => `- ${way}`) : []
}
