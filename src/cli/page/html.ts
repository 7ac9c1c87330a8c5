/**
 * The one door to markup: whatever is put into a template is text, and is escaped; only what another template has made stays as it is.
 * So no name of a table and no word of a server can become a tag, whoever wrote it.
 */
import { steers } from '../report/visible.ts'

const markup = Symbol('markup')

/** Markup that `html` has made. There is no other way to have one. */
export interface Html {
  readonly [markup]: string
}

export type Piece = Html | string | number | undefined | false | readonly Piece[]

/** Attributes are written in double quotes, always: that is what the escaping is for. */
export function html(literals: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return {
    [markup]: withoutIndents(literals).reduce((text, literal, index) => text + textOf(pieces[index - 1]) + literal),
  }
}

const shortened = new WeakMap<TemplateStringsArray, readonly string[]>()

/** Lines of a template are for who reads our code. In a page with thousands of rows, blanks would be most of it. */
function withoutIndents(literals: TemplateStringsArray): readonly string[] {
  const known = shortened.get(literals) ?? literals.map((literal) => literal.replaceAll(/\s*\n\s*/g, '\n'))
  shortened.set(literals, known)
  return known
}

/** What a page looks like. It is code of ours, and nothing is put into it. */
export function styleElement(css: string): Html {
  if (css.includes('<')) throw new TypeError('a style holds no tags')
  return { [markup]: `<style>${css}</style>` }
}

/** The markup as text, for whoever writes it to a file. */
export function markupText(made: Html): string {
  return made[markup]
}

function textOf(piece: Piece): string {
  if (piece === undefined || piece === false) return ''
  if (typeof piece === 'object') return isHtml(piece) ? piece[markup] : piece.map((one) => textOf(one)).join('')
  return escaped(String(piece))
}

function isHtml(piece: Html | readonly Piece[]): piece is Html {
  return markup in piece
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// What no page may hold, beside what steers.
const unseen = new RegExp(String.raw`(?![\n\r\t])[${steers}\uFEFF\uFFFE\uFFFF]`, 'gu')

function escaped(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
    .replaceAll(unseen, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * The id of a place on the page. Different names give different ones: what is no letter, digit or `_-` of ASCII stands as its number, and a
 * dot only between names.
 */
export function anchor(...names: readonly string[]): string {
  return names
    .map((name) => name.replaceAll(/[^\w-]/g, (character) => `~${character.codePointAt(0)?.toString(16) ?? ''}~`))
    .join('.')
}
