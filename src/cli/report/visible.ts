/**
 * Text from outside as it may stand on a terminal: whatever a name, a file or a server holds, it moves no cursor, hides nothing, and sets no
 * title.
 */

/** What programs colour their lines with; it says nothing. */
const colouring = new RegExp(String.raw`\u{1B}\[[\d;:]*m`, 'gu')
/** What steers a terminal, and what turns the direction of the text around it, so that a name reads as another one. As in a `[…]`. */
export const steers = String.raw`\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069`
// A line break and a tab are text.
const steering = new RegExp(String.raw`(?![\n\t])[${steers}]`, 'gu')
/** Longer lines tell nobody more. */
const longest = 2000

/** Without colours, and with every control character as `\x1b` or `\u202e`. */
export function visible(text: string): string {
  return text
    .replaceAll(/\r+(?=\n|$)/g, '')
    .replaceAll(colouring, '')
    .replaceAll(steering, asWritten)
}

/** JSON escapes some of them by itself; the others are as harmless, and mean the same, as `\u009b`. */
export function visibleJson(text: string): string {
  return text.replaceAll(steering, (character) => `\\u${hex(character).padStart(4, '0')}`)
}

/** The same for all texts of a record, which stays what it is otherwise. */
export function visibleIn<T>(value: T): T
export function visibleIn(value: unknown): unknown {
  if (typeof value === 'string') return visible(value)
  if (Array.isArray(value)) return value.map((one: unknown) => visibleIn(one))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, visibleIn(one)]))
}

/** Lines cut where nobody would read on, with how much is left out. */
export function clipped(text: string): string {
  if (text.length <= longest) return text
  const lines = text.split('\n').map((line) => {
    const left = line.length - longest
    return left <= 0 ? line : `${line.slice(0, longest)}… (${String(left)} characters more)`
  })
  return lines.join('\n')
}

function asWritten(character: string): string {
  const code = hex(character)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16)
}
