/**
 * The plan: each step with its cause and its risk, what takes it back, and what stands in the way.
 */
import { changesOf } from '../../plan/format.ts'
import { type Report, type ReportPlan, type ReportStep, valueOf } from './document.ts'
import { html, type Html } from './html.ts'
import { badge, markOf, riskStandings } from './marks.ts'
import { amount, fold, missing, told } from './pieces.ts'
import { serviceAnchor } from './services-part.ts'

const shownSteps = 60

export function planPart({ plan, services }: Report): Html {
  if ('missing' in plan) return missing(plan.missing)
  const { steps, warnings } = plan.value
  const known = new Set(services.map(({ name }) => name))
  const forward = steps.filter(({ undoes }) => undoes === undefined)
  const back = steps.filter(({ undoes }) => undoes !== undefined)
  const blocked = forward.filter(({ kind }) => kind === 'blocked')
  return html` ${
    blocked.length > 0 &&
    html`<div class="note is-bad">
      ${markOf('bad')}
      <div>
        <p><strong>Nothing will be done until ${blocked.length === 1 ? 'this is' : 'these are'} mended.</strong></p>
        ${blocked.map(
          (step) =>
            html`<p>${subject(step.subject, known)}: ${told(step.cause.text)}</p>
              ${step.frame !== undefined && html`<pre>${step.frame.join('\n')}</pre>`}
              <ul>
                ${(step.ways ?? []).map((way) => html`<li>${way}</li>`)}
              </ul>`,
        )}
      </div>
    </div>`
  }
  ${warnings.map(
    ({ message, subject: about }) =>
      html`<div class="note is-busy">
        ${markOf('busy')}
        <p><strong>${subject(about, known)}</strong> ${message}</p>
      </div>`,
  )}
  ${forward.length === 0 ? asDeclared(services.length) : forward.length > blocked.length && stepList(forward, known)}
  ${
    back.length > 0 &&
    fold({
      summary: `If a step fails: ${amount(back.length, 'step')} that would take back what was begun`,
      body: html`<ol class="steps">
        ${back.map((step) => stepOf(step, known))}
      </ol>`,
    })
  }`
}

function asDeclared(services: number): Html {
  if (services === 0) return html`<p>There is nothing to do: no services are declared.</p>`
  return html`<div class="note is-good">
    ${markOf('good')}
    <p><strong>Everything is as declared.</strong> <code>poststack up</code> would do nothing.</p>
  </div>`
}

function stepList(steps: readonly ReportStep[], known: ReadonlySet<string>): Html {
  const rest = steps.slice(shownSteps)
  const when = steps.some(({ kind }) => kind === 'blocked') ? ' once that is mended' : ''
  return html`<p>What <code>poststack up</code> would do${when}, in this order:</p>
    <ol class="steps">
      ${steps.slice(0, shownSteps).map((step) => stepOf(step, known))}
    </ol>
    ${
      rest.length > 0 &&
      fold({
        summary: amount(rest.length, 'more step'),
        body: html`<ol class="steps">
          ${rest.map((step) => stepOf(step, known))}
        </ol>`,
      })
    }`
}

function stepOf(step: ReportStep, known: ReadonlySet<string>): Html {
  const { cause, id, kind, needs, risk, undoes } = step
  const changes = changesOf(cause)
  const after = undoes === undefined ? needs : [undoes]
  return html`<li>
    <span class="number">#${id}</span>
    <span class="what"
      ><strong>${kind.replaceAll('-', ' ')}</strong> ${subject(step.subject.replace(objectOf(kind), ''), known)}</span
    >
    <span class="why"
      >${cause.text}${after.length > 0 && html` <span class="muted">${undoes === undefined ? 'after' : 'takes back'} ${after.map((number) => `#${String(number)}`).join(' ')}</span>`}${
        changes.length > 0 &&
        html`<ul class="changes">
          ${changes.map((change) => html`<li><code>${change}</code></li>`)}
        </ul>`
      }</span
    >
    <span class="risk"
      >${kind === 'blocked' ? badge({ mark: 'bad', word: 'blocked' }) : risk !== 'none' && badge(riskStandings[risk])}</span
    >
  </li> `
}

/** `remove-volume` has said already what kind of thing it is about. */
function objectOf(kind: ReportStep['kind']): string {
  return kind.includes('-') ? `${kind.slice(kind.indexOf('-') + 1)}:` : ''
}

/** A service leads to its place on the page; other things keep their kind: `volume shop-db-data`. */
function subject(text: string, known: ReadonlySet<string>): Html {
  const service = text.startsWith('service:') ? text.slice('service:'.length) : undefined
  if (service !== undefined && known.has(service)) return html`<a href="#${serviceAnchor(service)}">${service}</a>`
  return html`${service ?? text.replace(':', ' ')}`
}

/** `no change`, `3 steps, one with data loss`: for the head of the page. */
export function planWords(plan: Report['plan']): string {
  const value: ReportPlan | undefined = valueOf(plan)
  if (value === undefined) return 'plan unknown'
  const forward = value.steps.filter(({ undoes }) => undoes === undefined)
  if (forward.length === 0) return 'nothing to do'
  const risky = forward.filter(({ risk }) => risk === 'data-loss').length
  return `${amount(forward.length, 'step')} to do${value.blocked ? ', blocked' : ''}${risky > 0 ? `, ${String(risky)} with data loss` : ''}`
}
