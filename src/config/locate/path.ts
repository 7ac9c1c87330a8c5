/**
 * Follows the path of a mistake through the source of a config: `services` to the service, through a variable that holds it, to the option and on
 * inside it. It reads brackets, keys and commas, not the whole language; where the text says it another way, it stops there.
 */
import { bareCode, escapePattern, keyPattern, matchesInCode } from './source-text.ts'
import type { SourceText } from './source-text.ts'

export interface Spot {
  readonly source: SourceText
  /** Where the key, the element or the variable begins. */
  readonly index: number
  /** The whole path was followed; else this is the innermost part that stands in the text. */
  readonly isExact: boolean
}

interface Code {
  readonly source: SourceText
  readonly bare: string
}

interface Entry {
  readonly code: Code
  readonly index: number
  /** Where its value begins. */
  readonly value: number
}

export function followPath(path: readonly (string | number)[], sources: readonly SourceText[]): Spot | undefined {
  const [first, name, ...rest] = path
  if (first !== 'services') return undefined
  const codes = sources.map((source) => ({ source, bare: bareCode(source.text) }))
  const list = serviceList(codes)
  if (typeof name !== 'string') return list && { source: list.code.source, index: list.index, isExact: true }
  let entry = definition(serviceEntry(name, codes), codes)
  if (entry === undefined) return undefined
  for (const [depth, key] of rest.entries()) {
    // Of a list that stands in a variable, the place where it stands says more than the place where it is used.
    const inner = childOf(depth === 0 ? entry : (definition(entry, codes) ?? entry), key)
    if (inner === undefined) return { source: entry.code.source, index: entry.index, isExact: false }
    entry = inner
  }
  return { source: entry.code.source, index: entry.index, isExact: true }
}

/** `services: { … }`, where it stands once. */
function serviceList(codes: readonly Code[]): Entry | undefined {
  const [list, another] = codes.flatMap((code) => find(code, new RegExp(keyPattern('services'), 'g')))
  return another === undefined ? list : undefined
}

/** The one in the list of services, or the only thing of that name that is a service. */
function serviceEntry(name: string, codes: readonly Code[]): Entry | undefined {
  const list = serviceList(codes)
  const listed = list === undefined ? undefined : childOf(list, name)
  if (listed !== undefined) return listed
  const patterns = [new RegExp(keyPattern(name), 'g'), variablePattern(name)]
  const found = codes.flatMap((code) => patterns.flatMap((pattern) => find(code, pattern)))
  const services = found.filter(({ code, value }) => serviceCall.test(code.bare.slice(value)))
  return services.length === 1 ? services[0] : undefined
}

/** What a value is made by, with the variable followed that it is the name of. */
function definition(entry: Entry | undefined, codes: readonly Code[]): Entry | undefined {
  if (entry === undefined) return undefined
  const variable = /^([\w$]+)\s*(?=[,}\]);\n]|$)/.exec(entry.code.bare.slice(entry.value))?.[1]
  if (variable === undefined) return entry
  const [only, another] = codes.flatMap((code) => find(code, variablePattern(variable)))
  return only === undefined || another !== undefined ? entry : only
}

const serviceCall = /^(?:await\s+)?(?:[\w$]+\.)*(?:postgres|container)\s*\(\s*/

function variablePattern(name: string): RegExp {
  return new RegExp(`(?<=\\b(?:const|let|var)\\s+)${escapePattern(name)}(?![\\w$])[^=\\n]*=\\s*(?![=>])`, 'g')
}

function find(code: Code, pattern: RegExp): readonly Entry[] {
  const found = matchesInCode(code.source.text, code.bare, pattern)
  return found.map(({ 0: match, index }) => ({ code, index, value: index + match.length }))
}

/** An option of a service or object, or an element of a list. */
function childOf({ code, value }: Entry, key: string | number): Entry | undefined {
  const call = serviceCall.exec(code.bare.slice(value))?.[0] ?? ''
  const open = value + call.length
  const bracket = code.bare[open]
  if (bracket !== (typeof key === 'number' ? '[' : '{')) return undefined
  const items = itemsIn(code, open + 1)
  if (typeof key === 'number') {
    const isSpread = items.slice(0, key + 1).some(({ index }) => code.bare.startsWith('...', index))
    return isSpread ? undefined : items[key]
  }
  const pattern = new RegExp(`^(?:${keyPattern(key)}|${escapePattern(key)}(?=\\s*[,}]))`)
  const at = items.findLastIndex(({ index }) => pattern.test(code.source.text.slice(index)))
  const item = items[at]
  // What is spread in behind it may replace it.
  if (item === undefined || items.slice(at).some(({ index }) => code.bare.startsWith('...', index))) return undefined
  const match = pattern.exec(code.source.text.slice(item.index))?.[0] ?? ''
  return { code, index: item.index, value: item.index + (match.includes(':') ? match.length : 0) }
}

/** What the commas separate, from behind the opening bracket to the closing one. */
function itemsIn(code: Code, start: number): readonly Entry[] {
  const starts = [start]
  let depth = 0
  let end = start
  for (; end < code.bare.length && depth >= 0; end++) {
    const sign = code.bare[end] ?? ''
    if ('([{'.includes(sign)) depth++
    else if (')]}'.includes(sign)) depth--
    else if (sign === ',' && depth === 0) starts.push(end + 1)
  }
  return starts
    .map((at) => at + (/^\s*/.exec(code.bare.slice(at, end))?.[0].length ?? 0))
    .filter((index) => index < end - 1)
    .map((index) => ({ code, index, value: index }))
}
