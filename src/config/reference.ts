/**
 * References as a config's process holds them: objects, or place holders in the strings they were put into.
 *
 * This module is loaded by every config, so it imports nothing but `options.ts` beside it.
 */
import { referenceBrand } from './options.ts'
import type { Reference } from './options.ts'

const marker = 'poststack-reference'

/** Matches one place holder as strings carry it; the groups are the service's id and the property. */
export const placeholderPattern = new RegExp(String.raw`\{\{${marker}:(\d+):(\w+(?::[^{}]*)?)\}\}`, 'g')

export function reference(service: number, property: string): Reference {
  const placeholder = () => `{{${marker}:${String(service)}:${property}}}`
  // Without it arithmetic would go on with NaN. `+` says 'default': a text may be put together with it, but with a port a sum is meant.
  const toPrimitive = (hint: string) => {
    const isPort = /^port(?::|$)/.test(property)
    if (hint === 'string' || (hint === 'default' && !isPort)) return placeholder()
    const way = isPort ? '; to put a port into a text, use a template string: `${…}`' : ''
    throw new TypeError(
      `a reference stands for a value that is not known yet, so nothing can be calculated with it${way}`,
    )
  }
  const mark = { [referenceBrand]: { service, property }, [Symbol.toPrimitive]: toPrimitive }
  return { ...mark, toString: placeholder, toJSON: placeholder }
}

/** The reference to a port, which needs the port's name. Without it, it is refused by what it lacks, in a template string as well. */
export function portReference(service: number, property: string): (name: string) => Reference {
  return Object.assign((name: string) => reference(service, `${property}:${name}`), reference(service, property))
}

/** Asked of any object by the language and by libraries; `then` by every `await`. */
const askedOfAnything = new Set(['then', 'toJSON', 'default', 'inspect', 'nodeType', 'tagName', 'asymmetricMatch'])

/**
 * Makes a mistyped property a reference, too: the checks refuse it by its name. As undefined nobody would know what was meant, and a template
 * string would hold the word "undefined".
 */
export function withMistyped<Service extends object>(service: Service, id: number): Service {
  return new Proxy(service, {
    get(target, key, receiver): unknown {
      const isKnown = typeof key === 'symbol' || key in target || askedOfAnything.has(key) || !/^[a-z]\w*$/i.test(key)
      return isKnown ? Reflect.get(target, key, receiver) : portReference(id, key)
    },
  })
}

export interface ChangedReference {
  /** What can still be read of it. */
  readonly service?: number
  readonly property?: string
}

/** Finds what is left of a place holder that was cut, changed or encoded: nothing could be put in for it any more. */
export function findChanged(text: string): ChangedReference | undefined {
  const rest = text.replaceAll(placeholderPattern, '')
  for (const form of [rest, ...decoded(rest)]) {
    const [found, service, property] = trace.exec(form) ?? []
    if (found !== undefined)
      return service === undefined || property === undefined ? {} : { service: Number(service), property }
  }
  return isCutOff(rest) ? {} : undefined
}

/** Colons may be percent-encoded, once or more often; of the marker a cut may have left the end only. */
const trace = new RegExp(
  String.raw`${marker}(?:(?::|%(?:25)*3A)(\d+)(?::|%(?:25)*3A)([a-z]+))?|(?:fer)?ence:(\d+):\w+(?::[^{}]*)?\}\}`,
  'i',
)

/** What base64 and hexadecimal text stands for. */
function decoded(text: string): readonly string[] {
  const base64 = [...text.matchAll(/[\w+/-]{24,}/g)].map(([token]) => Buffer.from(token, 'base64'))
  const hex = [...text.matchAll(/(?:[\da-f]{2}){20,}/gi)].map(([token]) => Buffer.from(token, 'hex'))
  return [...base64, ...hex].map((bytes) => bytes.toString('latin1'))
}

/** Whether it ends within the beginning of a place holder. */
function isCutOff(text: string): boolean {
  const start = text.toLowerCase().lastIndexOf('{{p')
  return start !== -1 && `{{${marker}`.startsWith(text.toLowerCase().slice(start))
}
