/**
 * The last runs, as the log has them.
 */
import { duration } from '../report/words.ts'
import type { Report } from './document.ts'
import { html, type Html } from './html.ts'
import { badge, runStandings } from './marks.ts'
import { amount, missing, timeOf } from './pieces.ts'
import type { ReportRun } from './runs-read.ts'

export function runsPart({ runs }: Report): Html {
  if ('missing' in runs) return missing(runs.missing)
  if (runs.value.length === 0)
    return html`<p class="muted">The log tells of no runs. What only looks is not written down.</p>`
  return html`<ol class="runs">
      ${runs.value.map((run) => runOf(run))}
    </ol>
    <p class="muted">All of one: <code>poststack logs show --run ID</code></p>`
}

function runOf({ applied, command, durationMs, errors, id, rolledBack, startedAt, state, steps }: ReportRun): Html {
  return html`<li>
    <span class="command"><code>poststack ${command}</code></span>
    <span class="state">${badge(runStandings[state])}</span>
    <span class="when">${timeOf(startedAt)}</span>
    <span class="took">${durationMs !== undefined && duration(durationMs)}</span>
    <span class="id muted"><span class="unseen">run </span><code>${id}</code></span>
    <div class="more">
      ${steps !== undefined && html`<p>${stepWords(steps)}</p>`}${files('applied', applied)}${files('taken back', rolledBack)}${errors.map(({ code, message, subject }) => html`<p class="error">${subject !== undefined && html`<strong>${subject.replace(/^service:/, '')}:</strong> `}${message}${code !== undefined && html` <span class="muted">${code}</span>`}</p>`)}
    </div>
  </li> `
}

function stepWords({ done, failed, skipped }: NonNullable<ReportRun['steps']>): string {
  const words = [
    `${amount(done, 'step')} done`,
    failed > 0 && `${String(failed)} failed`,
    skipped > 0 && `${String(skipped)} not begun`,
  ]
  return words.filter((word) => word !== false).join(', ')
}

const shownFiles = 5

function files(what: string, names: readonly string[]): Html | false {
  const more = names.length - shownFiles
  return (
    names.length > 0 &&
    html`<p>${what}: ${names.slice(0, shownFiles).join(', ')}${more > 0 && ` and ${String(more)} more`}</p>`
  )
}
