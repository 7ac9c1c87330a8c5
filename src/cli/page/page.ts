/**
 * The page of `report`: one HTML file that asks for nothing outside of itself, and runs no script. Pure: the same document, the same page.
 */
import { createHash } from 'node:crypto'

import { placeText } from '../report/database-words.ts'
import { gapsOf, type ReportDatabase, type Report, valueOf } from './document.ts'
import { anchor, html, type Html, markupText, styleElement } from './html.ts'
import { badge, markOf, markShapes, type Standing } from './marks.ts'
import { migrationsPart } from './migrations-part.ts'
import { hintOf, timeOf, told } from './pieces.ts'
import { planPart, planWords } from './plan-part.ts'
import { runsPart } from './runs-part.ts'
import { schemaPart } from './schema-part.ts'
import { servicesPart } from './services-part.ts'
import { style } from './style.ts'

/** How each page begins, so that a file can be told from one that somebody else has written. */
export const pageMark = '<!doctype html><!-- poststack report -->'

export function reportPage(document: Report): string {
  const { databases, stack } = document
  return `${pageMark}\n${markupText(
    html`<html lang="en">
      ${head(stack)}
      <body>
        <a class="skip" href="#main">Skip to the report</a>
        ${markShapes} ${top(document)}
        <main id="main" tabindex="-1">
          ${gaps(document)} ${section('services', 'Services', servicesPart(document))}
          ${section('plan', 'Plan', planPart(document))}
          ${section('migrations', 'Migrations', forEach(databases, 'migrations', migrationsPart))}
          ${section('schema', 'Schema', forEach(databases, 'schema', schemaPart))}
          ${section('runs', 'Last runs', runsPart(document))}
        </main>
        <footer>
          <p>Made by Poststack ${document.tool}, ${timeOf(document.madeAt)}. It shows how things stood then.</p>
        </footer>
      </body>
    </html> `,
  )}`
}

function head(stack: string): Html {
  const digest = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  return html`<head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="referrer" content="no-referrer" />
    <meta name="color-scheme" content="light dark" />
    <title>${stack}: report of the stack</title>
    ${styleElement(style)}
  </head>`
}

const places = [
  ['services', 'Services'],
  ['plan', 'Plan'],
  ['migrations', 'Migrations'],
  ['schema', 'Schema'],
  ['runs', 'Last runs'],
] as const

function top(document: Report): Html {
  const { madeAt, plan, services, stack, status } = document
  const runtime = valueOf(status)?.runtime
  const ready = valueOf(status)?.services.filter(({ state }) => state === 'ready' || state === 'completed').length
  const facts = [
    ...(runtime === undefined ? [] : [`on ${runtime}`]),
    ready === undefined ? `${String(services.length)} declared` : `${String(ready)} of ${String(services.length)} up`,
    planWords(plan),
  ]
  return html`<header>
    <div class="inner">
      <p class="kind">Stack</p>
      <div class="heading">
        <h1>${stack}</h1>
        ${badge(standingOf(document))}
      </div>
      <p class="facts">${facts.join(' · ')} · ${timeOf(madeAt)}</p>
      <nav aria-label="Parts of the report">
        <ul>
          ${places.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}
        </ul>
      </nav>
    </div>
  </header>`
}

function standingOf({ plan, status }: Report): Standing {
  if (valueOf(plan)?.blocked === true) return { mark: 'bad', word: 'blocked' }
  const state = valueOf(status)
  if (state === undefined) return { mark: 'unknown', word: 'state unknown' }
  return state.asDeclared ? { mark: 'good', word: 'as declared' } : { mark: 'busy', word: 'not as declared' }
}

/** What went wrong while it was made; that something is not running is told in its place. */
function gaps(document: Report): Html | undefined {
  const wrong = gapsOf(document).filter(({ code }) => code !== undefined)
  if (wrong.length === 0) return undefined
  return html`<section class="note is-bad" aria-labelledby="gaps">
    ${markOf('bad')}
    <div>
      <h2 id="gaps">This report is not complete</h2>
      ${wrong.map(
        ({ code, hint, message, what }) =>
          html`<p><strong>${what}:</strong> ${told(message)} <span class="muted">${code}</span></p>
            ${hintOf(hint)}`,
      )}
    </div>
  </section>`
}

function section(id: string, title: string, content: Html): Html {
  return html`<section id="${id}" class="part" tabindex="-1" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${content}
  </section>`
}

function placeOf({ database: { database, host, port, user } }: ReportDatabase): string {
  return placeText({ host, port, user, database })
}

function forEach(databases: readonly ReportDatabase[], kind: string, part: (database: ReportDatabase) => Html): Html {
  if (databases.length === 0) return html`<p class="muted">No PostgreSQL service is declared.</p>`
  return html`${databases.map(
    (one) =>
      html`<section class="database" aria-labelledby="${anchor(kind, one.service)}">
        <h3 id="${anchor(kind, one.service)}">${one.service}</h3>
        <p class="muted place">${placeOf(one)}</p>
        ${part(one)}
      </section> `,
  )}`
}
