/**
 * The lines around a place in a text, with a caret under it that is right on a terminal: tabs are widened, wide and
 * combining characters are counted as what they take up, and a line too long to show is cut around the place.
 */

/** Line and column from 1, as editors count: a column is one character (code point). */
export interface Place {
  readonly line: number
  readonly column: number
  /** Index into the string. */
  readonly index: number
}

const linesBefore = 2
const linesAfter = 1
const tabWidth = 4
const widest = 100

/** Turns a string index into line and column. */
export function placeAt(text: string, index: number): Place {
  let line = 1
  let lineStart = 0
  for (let next = text.indexOf('\n'); next !== -1 && next < index; next = text.indexOf('\n', next + 1)) {
    line++
    lineStart = next + 1
  }
  return { line, column: countCharacters(text.slice(lineStart, index)) + 1, index }
}

/** A few lines of the text with their numbers, and a caret under the place. */
export function codeFrame(text: string, place: Place): string {
  const { from, lines } = linesAround(text, place.index)
  const first = place.line - from
  const gutter = String(first + lines.length - 1).length
  const cut = windowOf(lines[from] ?? '', place.column)
  const shown: string[] = []
  for (const [offset, content] of lines.entries()) {
    const number = first + offset
    const here = number === place.line
    const body = show(content, here ? cut : { ...cut, start: 0 })
    shown.push(`${here ? '>' : ' '} ${String(number).padStart(gutter)} | ${body.text}`.trimEnd())
    if (here) shown.push(`  ${' '.repeat(gutter)} | ${' '.repeat(body.widthTo(place.column))}^`)
  }
  return shown.join('\n')
}

/** Columns a text takes up on a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** Columns that the widest takes up; there may be more texts than a call takes arguments. */
export function widthOfAll(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, displayWidth(text)), 0)
}

/** As much of a text as so many columns hold. */
export function cutToWidth(text: string, columns: number): string {
  let kept = ''
  let width = 0
  for (const character of text) {
    width += characterWidth(character)
    if (width > columns) break
    kept += character
  }
  return kept
}

function countCharacters(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // The second half of a surrogate pair is not a character of its own.
    if (unit < 0xdc00 || unit > 0xdfff) count++
  }
  return count
}

// Only the lines that are shown are cut out: the text may have hundreds of megabytes.
function linesAround(text: string, index: number): { readonly from: number; readonly lines: readonly string[] } {
  let start = text.lastIndexOf('\n', index - 1) + 1
  let from = 0
  while (from < linesBefore && start > 0) {
    start = start === 1 ? 0 : text.lastIndexOf('\n', start - 2) + 1
    from++
  }
  const lines: string[] = []
  let end = start - 1
  while (lines.length < from + 1 + linesAfter && end < text.length) {
    const lineStart = end + 1
    const next = text.indexOf('\n', lineStart)
    end = next === -1 ? text.length : next
    // What stands after the last line end is no line.
    if (lineStart < text.length || lines.length <= from) lines.push(text.slice(lineStart, end))
  }
  return { from, lines }
}

interface Window {
  readonly start: number
  readonly length: number
}

// Characters to show of the line with the place: from its start where that fits, else with the place in the middle.
function windowOf(line: string, column: number): Window {
  const start = column <= widest - 10 || line.length <= widest ? 0 : column - 1 - Math.floor(widest / 2)
  return { start, length: widest }
}

function show(line: string, window: Window): { readonly text: string; readonly widthTo: (column: number) => number } {
  const characters = charactersOf(line, window)
  const cutLeft = window.start > 0
  const cutRight = characters.length > window.length
  const kept = characters.slice(0, window.length)
  const lead = cutLeft ? '…' : ''
  const widthTo = (column: number): number =>
    displayWidth(lead + widen(kept.slice(0, column - 1 - window.start), lead.length))
  return { text: lead + widen(kept, lead.length) + (cutRight ? '…' : ''), widthTo }
}

// One more than the window holds, so that the caller sees whether the line goes on.
function charactersOf(line: string, window: Window): readonly string[] {
  const characters: string[] = []
  let position = 0
  for (const character of line) {
    if (position >= window.start) characters.push(character)
    if (characters.length > window.length) break
    position++
  }
  return characters
}

function widen(characters: readonly string[], startWidth: number): string {
  let text = ''
  let width = startWidth
  for (const character of characters) {
    const shown = character === '\t' ? ' '.repeat(tabWidth - (width % tabWidth)) : printable(character)
    text += shown
    width += displayWidth(shown)
  }
  return text
}

// Control characters would move the terminal's cursor, or worse.
function printable(character: string): string {
  return /\p{Cc}/u.test(character) ? '\uFFFD' : character
}

const none = /[\p{Mn}\p{Me}\p{Cf}]/u
const double =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303E\uFF01-\uFF60\uFFE0-\uFFE6]/u

function characterWidth(character: string): number {
  if (character.charCodeAt(0) < 0x300) return 1
  if (none.test(character)) return 0
  return double.test(character) && !/[\uFF61-\uFFDC]/u.test(character) ? 2 : 1
}
