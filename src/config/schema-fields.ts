/** The leaves of the config's schema: each says in one sentence what it expects. */
import { isIP } from 'node:net'
import * as z from 'zod'
import { suggest } from './issues.ts'
import { namePattern } from './names.ts'

/** An object in which every unknown key is an issue of its own that knows which keys there are. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const unknownKey = z.custom<never>(() => false, { params: { known: Object.keys(shape) } })
  const object = z.object(shape, { error: 'expected an object' }).catchall(unknownKey)
  return object as z.ZodObject<z.ZodRawShape> as z.ZodObject<Shape, z.core.$strict>
}

/** A text that a test accepts; `expected` finishes the sentence "expected …". */
export function text(expected: string, accepts: (value: string) => boolean): z.ZodString {
  return z.string({ error: `expected ${expected}` }).refine(accepts, { error: `expected ${expected}` })
}

export function integer(min: number, max: number): z.ZodNumber {
  const error = `expected a whole number from ${String(min)} to ${String(max)}`
  return z.number({ error }).refine((value) => Number.isInteger(value) && value >= min && value <= max, { error })
}

export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return z.enum(words, {
    error: ({ input }) => `expected one of ${words.join(', ')}${typeof input === 'string' ? hint(input, words) : ''}`,
  })
}

function hint(input: string, words: readonly string[]): string {
  const suggestion = suggest(input, words)
  return suggestion.startsWith('did') ? `: ${suggestion}` : ''
}

/** An object with free keys, every key tested. */
export function record<Value extends z.ZodType>(key: z.ZodString, value: Value) {
  return z.record(key, value, { error: 'expected an object' })
}

export function list<Item extends z.ZodType>(item: Item, expected: string) {
  return z.array(item, { error: `expected ${expected}` }).readonly()
}

const hasNoNul = (value: string) => !value.includes('\0')
const isFilled = (value: string) => value !== '' && hasNoNul(value)

export const boolean = z.boolean({ error: 'expected true or false' })
export const filled = text('a text that is not empty', isFilled)
export const path = text('a path', isFilled)
export const port = integer(1, 65_535)
export const absolutePath = text(
  'an absolute path inside the container',
  (value) => value.startsWith('/') && hasNoNul(value),
)
export const mountTarget = text(
  'an absolute path inside the container, other than `/`',
  (value) => value.startsWith('/') && /[^/]/.test(value) && !/[\0:]/.test(value),
)
export const address = text('an IP address of this machine', (value) => isIP(value) !== 0)
export const image = text('the name of an image', (value) => value !== '' && !/[\s\0]/.test(value))
export const arguments_ = list(text('a text', hasNoNul), 'a list of texts')
export const command = arguments_.refine((value) => value.length > 0 && value[0] !== '', {
  error: 'expected a program and its arguments',
})

export const name = text(
  'a name: lower-case letters, digits and `-`, beginning with a letter, not ending with `-`, at most 40 characters',
  (value) => namePattern.test(value),
)
export const portName = text('a name of letters, digits, `-` and `_`, at most 40 characters', (value) =>
  /^[a-z0-9][\w-]{0,39}$/i.test(value),
)
export const engineName = text(
  'a name that every engine accepts: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 63 characters',
  (value) => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(value),
)
export const envName = text('a name of a variable, without `=`', (value) => isFilled(value) && !value.includes('='))
export const identifier = text('1 to 63 bytes', (value) => isFilled(value) && Buffer.byteLength(value) <= 63)
export const roleName = text(
  '1 to 63 bytes, not beginning with `pg_`',
  (value) => isFilled(value) && Buffer.byteLength(value) <= 63 && !/^pg_/i.test(value),
)
export const password = text(
  'a text that is not empty, without control characters',
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  (value) => value !== '' && !/[\u0000-\u001f\u007f]/.test(value),
)
export const settingName = text('a name of a server setting', (value) => /^[a-z_][a-z0-9_.]*$/i.test(value))
export const expression = text('a JavaScript regular expression', (value) => {
  try {
    return new RegExp(value) instanceof RegExp && value !== ''
  } catch {
    return false
  }
})
export const urlPath = text('a path beginning with `/`', (value) => /^\/[^\s#\0]*$/.test(value))
export const scalar = z.union([text('a text', hasNoNul), z.number(), z.boolean()], {
  error: 'expected a text, a number, true or false',
})
