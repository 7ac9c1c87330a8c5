/**
 * Plans that are not carried out, as errors that say why and how to go on.
 */
import { PoststackError } from '../errors.ts'
import type { Plan } from './step.ts'
import type { Desired } from './types.ts'

/** Somebody has to agree to the loss of exactly this data first. */
export function consentNeeded(plan: Plan): PoststackError {
  const targets = plan.steps.filter(({ risk }) => risk === 'data-loss').map(({ subject }) => subject)
  return new PoststackError(
    'CONSENT_NEEDED',
    `this would delete data for good: ${targets.join(', ')}; nothing was done`,
    {
      hint: 'run it again with --yes if that is what you want (in the library: `confirm`)',
      details: { targets },
    },
  )
}

/** A plan that a person must mend first is not begun: half a stack helps nobody. */
export function refuseBlocked(plan: Plan): void {
  const blocked = plan.steps.flatMap(({ action, cause, subject }) =>
    action.kind === 'blocked' ? [{ action, cause, subject }] : [],
  )
  const [first] = blocked
  if (first === undefined) return
  const reasons = blocked.map(({ action, cause, subject }) => {
    const frame = action.frame === undefined ? [] : ['', ...action.frame]
    const about = subject === 'image:all' ? '' : `${subject.replace(/^service:/, '')}: `
    return [`${about}${cause.text}`, ...frame].join('\n')
  })
  throw new PoststackError(first.action.code, `nothing was done. ${reasons.join('\n')}`, {
    hint: [...new Set(blocked.flatMap(({ action }) => action.ways))].join('\n'),
    details: {
      blocked: blocked.map(({ action, cause, subject }) => ({
        subject,
        code: action.code,
        cause: cause.text,
        ways: action.ways,
      })),
    },
  })
}

/** A change of the declaration as a way out. Where there is no config file, a variable can say some of it. */
export function waysInConfig(way: string, { conventional }: Desired, variable?: string): readonly string[] {
  if (conventional !== true) return [`${way} in the config`]
  const inFile = `write a poststack.config.ts, and ${way} in it`
  return variable === undefined ? [inFile] : [`set another ${variable}, in .env or the environment`, inFile]
}
