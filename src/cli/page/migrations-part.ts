/**
 * The time line of the migrations of one database: newest first, what is pending on top, a day at a time.
 */
import type { MigrationState } from '../../migrations/status.ts'
import { describeHolder } from '../../migrations/lock/lock.ts'
import { duration, minuteOf } from '../report/words.ts'
import type { ReportDatabase } from './document.ts'
import { html, type Html } from './html.ts'
import { markOf, migrationStanding } from './marks.ts'
import { amount, fold, hintOf, missing, told } from './pieces.ts'

/** What stands open; older ones are folded. */
const shown = 40

export function migrationsPart({ migrations: part }: ReportDatabase): Html {
  if (part === undefined) return html`<p class="muted">No migrations are declared.</p>`
  if ('missing' in part) return missing(part.missing)
  const { applied, halfDone, ledger, migrations, pending, problems, run, wrong } = part.value
  const newest = migrations.toReversed()
  const longest = Math.max(1, ...migrations.map(({ durationMs = 0 }) => durationMs))
  const total = migrations.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0)
  const line = { busy: run !== undefined, longest }
  const rest = newest.slice(shown)
  return html`<p class="counts">
      ${applied} applied, ${pending}
      pending${halfDone > 0 && `, ${String(halfDone)} half-done`}${wrong > halfDone && `, ${String(wrong - halfDone)} wrong`}${total > 0 && html` <span class="muted">${duration(total)} altogether</span>`}
    </p>
    ${
      run !== undefined &&
      html`<div class="note is-busy">
        ${markOf('busy')}
        <p>A run is at work on this database: ${describeHolder(run)}.</p>
      </div>`
    }
    ${!ledger && html`<p class="muted">The database has no ledger yet: Poststack has never migrated it.</p>`}
    ${problems.map(
      ({ file, hint, message }) =>
        html`<div class="note is-bad">
          ${markOf('bad')}
          <div>
            <p><strong>${file}</strong> ${told(message)}</p>
            ${hintOf(hint)}
          </div>
        </div>`,
    )}
    ${migrations.length === 0 ? html`<p class="muted">There are no migrations.</p>` : timeLine(newest.slice(0, shown), line)}
    ${rest.length > 0 && fold({ summary: `${amount(rest.length, 'older migration')}: ${rest.at(-1)?.version ?? ''} to ${rest[0]?.version ?? ''}`, body: timeLine(rest, line) })}`
}

interface Line {
  readonly busy: boolean
  /** Milliseconds. */
  readonly longest: number
}

function timeLine(migrations: readonly MigrationState[], line: Line): Html {
  const days: { day: string; migrations: MigrationState[] }[] = []
  for (const one of migrations) {
    const day = dayOf(one)
    const last = days.at(-1)
    if (last?.day === day) last.migrations.push(one)
    else days.push({ day, migrations: [one] })
  }
  return html`<ol class="days">
    ${days.map(
      (one) =>
        html`<li>
          <p class="day">${one.day}</p>
          <ol class="line">
            ${one.migrations.map((migration) => entry(migration, line))}
          </ol>
        </li> `,
    )}
  </ol>`
}

/** Of one that is not done, the ledger tells no day that would mean anything. */
function dayOf({ appliedAt, state }: MigrationState): string {
  if (state === 'pending' || state === 'late' || state === 'invalid' || appliedAt === undefined) return 'Not applied'
  return appliedAt.slice(0, 10)
}

function entry(one: MigrationState, { busy, longest }: Line): Html {
  const {
    appliedAt,
    appliedBy,
    durationMs,
    gitCommit,
    name,
    problem,
    reformatted,
    renamed,
    reversible,
    statements,
    version,
  } = one
  const { mark, word } = migrationStanding(one, busy)
  const notes = [
    ...(mark === 'good' ? [] : [word]),
    ...(reformatted === true ? ['comments or blanks edited since'] : []),
    ...(renamed === true ? [`its file is ${one.file ?? ''} now`] : []),
    ...(statements === undefined
      ? []
      : [`${String(statements.applied)} of ${String(statements.total ?? '?')} statements`]),
    ...(reversible ? [] : ['no rollback']),
  ]
  return html`<li class="is-${mark}">
    <span class="dot">${markOf(mark)}<span class="unseen">${word}: </span></span>
    <span class="title"
      ><span class="version">${version}</span>
      ${name}${notes.length > 0 && html` <span class="notes">${notes.join(' · ')}</span>`}</span
    >
    <span class="when"
      >${appliedAt !== undefined && dayOf(one) !== 'Not applied' && html`<time datetime="${appliedAt}">${minuteOf(appliedAt).slice(11)}</time>`}</span
    >
    <span class="who"
      >${appliedBy}${gitCommit !== undefined && html` <span class="muted">from <code>${gitCommit.slice(0, 10)}</code></span>`}</span
    >
    <span class="took">${durationMs !== undefined && html`${bar(durationMs / longest)}${duration(durationMs)}`}</span>
    ${
      problem !== undefined &&
      html`<div class="problem">
        <p>${told(problem.message)}</p>
        ${hintOf(problem.hint)}
      </div>`
    }
  </li> `
}

/** As long as the migration took, of the longest one. */
function bar(part: number): Html {
  const width = Math.max(1, Math.round(part * 72))
  return html`<svg class="bar" width="72" height="8" aria-hidden="true">
    <rect width="72" height="8" rx="2" />
    <rect class="filled" width="${width}" height="8" rx="2" />
  </svg>`
}
