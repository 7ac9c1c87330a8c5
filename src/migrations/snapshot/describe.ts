/**
 * Differences of schemas in plain words, one line each.
 */
import { attributesOf, type SchemaDifference } from './difference.ts'
import { compareText } from '../../config/text-order.ts'

const marks = { added: '+', removed: '-', changed: '~' } as const

// Longer values are cut down to the part that differs, and that to this many characters.
const longestValue = 60

/**
 * One line: `+ table public.orders (3 columns, 1 index)`, `~ column public.users.email: not null -> null`. Of a long definition it shows
 * the part that changed.
 */
export function describeDifference(difference: SchemaDifference): string {
  const { kind, before = '', after = '', parts = {} } = difference
  const subject = `${marks[kind]} ${difference.class.replaceAll('-', ' ')} ${oneLine(difference.name)}`
  if (kind === 'changed') return `${subject}: ${describeChange(before, after)}`
  const counts = Object.entries(parts).filter(([name]) => !name.endsWith('-order'))
  return counts.length === 0
    ? subject
    : `${subject} (${counts.map(([name, count]) => counted(name, count)).join(', ')})`
}

/** The first `most` differences, a line each, and a last line that counts what is left out. */
export function summarizeDifferences(differences: readonly SchemaDifference[], most = 5): readonly string[] {
  if (differences.length <= most) return differences.map(describeDifference)
  const shown = differences.slice(0, Math.max(most - 1, 0)).map(describeDifference)
  return [...shown, `and ${differences.length - shown.length} more`]
}

function describeChange(before: string, after: string): string {
  const old = attributesOf(before)
  const fresh = attributesOf(after)
  const names = [...new Set([...old.keys(), ...fresh.keys()])].toSorted(compareText)
  return names.map((name) => describeAttribute(name, valueOf(old, name), valueOf(fresh, name))).join('; ')
}

function valueOf(attributes: ReadonlyMap<string, string>, name: string): string {
  const line = attributes.get(name)
  return line === undefined ? 'none' : oneLine(line.slice(name.length + 1))
}

function describeAttribute(name: string, before: string, after: string): string {
  const [old, fresh] = changedPart(before, after)
  const speaksForItself = [before, after].every((value) => value === name || value === `not ${name}`)
  return `${speaksForItself ? '' : `${name} `}${old} -> ${fresh}`
}

/** Both values without the words that they begin and end with alike, if they are long. */
function changedPart(before: string, after: string): readonly [string, string] {
  if (before.length <= longestValue && after.length <= longestValue) return [before, after]
  const old = before.split(' ')
  const fresh = after.split(' ')
  const shortest = Math.min(old.length, fresh.length)
  let start = 0
  while (start < shortest && old[start] === fresh[start]) start += 1
  let end = 0
  while (end < shortest - start && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end += 1
  // One word more on each side: a part that is empty would say nothing.
  const from = Math.max(start - 1, 0)
  const tail = Math.max(end - 1, 0)
  return [excerpt(old, from, tail), excerpt(fresh, from, tail)]
}

function excerpt(words: readonly string[], from: number, tail: number): string {
  const part = words.slice(from, words.length - tail).join(' ')
  const isCut = part.length > longestValue
  const text = isCut ? Array.from(part).slice(0, longestValue).join('') : part
  return `${from > 0 ? '… ' : ''}${text}${isCut || tail > 0 ? ' …' : ''}`
}

function counted(name: string, count: number): string {
  const word = name.replaceAll('-', ' ')
  if (count === 1) return `1 ${word}`
  const plural = word.endsWith('y') ? `${word.slice(0, -1)}ies` : /(s|x)$/.test(word) ? `${word}es` : `${word}s`
  return `${count} ${plural}`
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
