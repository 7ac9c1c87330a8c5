/**
 * Small pieces that several parts of the page are made of.
 */
import { minuteOf } from '../report/words.ts'
import { html, type Html, type Piece } from './html.ts'
import type { Gap } from './document.ts'
import { markOf } from './marks.ts'

/** In UTC, and said so: who reads a page may be anywhere. */
export function timeOf(iso: string): Html {
  return html`<time datetime="${iso}">${minuteOf(iso)}</time>`
}

/** Something that is not on the page: why, and what to do. */
export function missing({ hint, message }: Gap): Html {
  return html`<div class="note is-unknown">
    ${markOf('unknown')}
    <div>
      <p><strong>Not on this page.</strong> ${told(message)}</p>
      ${hintOf(hint)}
    </div>
  </div>`
}

/** What was said elsewhere, in lines of its own. */
export function told(message: string): Html {
  return html`<span class="told">${message}</span>`
}

/** Each line of a hint is a way out of its own, but for those that are indented. */
export function hintOf(hint: string | undefined): Html | undefined {
  if (hint === undefined) return undefined
  return html`<p class="hint">${hint}</p>`
}

export interface Folded {
  readonly summary: Piece
  readonly body: Piece
}

/** What a reader opens; print has it open. */
export function fold({ body, summary }: Folded): Html {
  return html`<details class="fold">
    <summary>${summary}</summary>
    ${body}
  </details>`
}

/** `1 table`, `2,400 tables`. */
export function amount(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
