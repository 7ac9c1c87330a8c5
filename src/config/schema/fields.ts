/** The leaves of the config's schema: each says in one sentence what it expects. */
import { isIP } from 'node:net'
import * as z from 'zod'
import { suggest } from '../nearest.ts'
import { engineNamePattern, nameLike, namePattern, ownHostNames } from '../names.ts'
import { bytesOf } from '../sizes.ts'

/** An object in which every unknown key is an issue of its own that knows which keys there are. */
export function strict<Shape extends z.ZodRawShape>(
  shape: Shape,
  expected = 'an object',
): z.ZodObject<Shape, z.core.$strict> {
  const unknownKey = z.custom<never>(() => false, { params: { known: Object.keys(shape) } })
  const object = z.object(shape, { error: `expected ${expected}` }).catchall(unknownKey)
  return object as z.ZodObject<z.ZodRawShape> as z.ZodObject<Shape, z.core.$strict>
}

/** A text that a test accepts; `expected` and `missing`, for where there is none, finish the sentence "expected …". */
export function text(expected: string, accepts: (value: string) => boolean, missing = expected): z.ZodString {
  const error = ({ input }: { readonly input?: unknown }) => `expected ${input === undefined ? missing : expected}`
  return z.string({ error }).refine(accepts, { error: `expected ${expected}` })
}

export function integer(min: number, max: number): z.ZodNumber {
  const error = `expected a whole number from ${String(min)} to ${String(max)}`
  return z
    .number({ error })
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, { error })
    .meta({ type: 'integer', minimum: min, maximum: max })
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

/** An object with free keys, every key tested. `form` is what it looks like. */
export function record<Value extends z.ZodType>(key: z.ZodString, value: Value, form: string) {
  return z.record(key, value, { error: `expected an object like ${form}` })
}

export function list<Item extends z.ZodType>(item: Item, expected: string) {
  return z.array(item, { error: `expected ${expected}` }).readonly()
}

const portNumber = 'expected a whole number from 1 to 65535'
const portMapping =
  'expected one number: ranges and mappings cannot be declared, so give each port a name and an entry of its own'

/** `8000-8010`, `8080:80`, `8080/udp`: what other tools accept. */
function isPortMapping(input: unknown): boolean {
  return typeof input === 'string' && /^[\d.]+[-:/]/.test(input)
}

const hasNoNul = (value: string) => !value.includes('\0')
const isFilled = (value: string) => value !== '' && hasNoNul(value)

export const boolean = z.boolean({ error: 'expected true or false' })
export const filled = text('a text that is not empty', isFilled)
export const path = text('a path', isFilled)
export const port = z
  .number({ error: ({ input }) => (isPortMapping(input) ? portMapping : portNumber) })
  .refine((value) => Number.isInteger(value) && value >= 1 && value <= 65_535, { error: portNumber })
  .meta({ type: 'integer', minimum: 1, maximum: 65_535 })
export const hostPort = z.union([port, z.literal('auto')], {
  error: ({ input }) => (isPortMapping(input) ? portMapping : `${portNumber}, or 'auto'`),
})
/** A number with a unit; parsed by `bytesOf`. */
export const size = text(
  'a size such as `512MB`: a whole number with kB, MB or GB',
  (value) => bytesOf(value) !== undefined,
)
export const memory = size.refine((value) => (bytesOf(value) ?? Infinity) >= 6 * 1024 * 1024, {
  error: 'expected at least 6MB, the least that engines accept',
})
export const cpus = z
  .number({ error: 'expected a number from 0.01 to 1024' })
  .refine((value) => value >= 0.01 && value <= 1024, { error: 'expected a number from 0.01 to 1024' })
export const labelName = text(
  'a name of a label, not beginning with `dev.poststack.`',
  (value) => isFilled(value) && !/[\s=]/.test(value) && !value.startsWith('dev.poststack.'),
)
export const labelValue = text('a text', hasNoNul)
export const hostName = text('a host name: letters, digits, `-`, `_` and `.`, at most 253 characters', (value) =>
  /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/i.test(value),
)
const notOwn = { error: 'expected another name: every container takes this one for itself' }
export const alias = hostName.refine((value) => !ownHostNames.has(value.toLowerCase()), notOwn)
export const hostTarget = text(
  'an IP address, or `host-gateway` for this machine',
  (value) => value === 'host-gateway' || isIP(value) !== 0,
)
export const signal = text('a name of a signal, such as SIGTERM', (value) =>
  /^SIG[A-Z]+[0-9]*([+-][0-9]+)?$/.test(value),
)
export const secretId = text('a name of letters, digits, `.`, `_` and `-`', (value) => /^[\w.-]+$/.test(value))
export const platform = text('a platform such as linux/amd64', (value) =>
  /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/.test(value),
)
export const capability = text('a name of a capability, such as NET_ADMIN or ALL', (value) =>
  /^[A-Z][A-Z_]*$/.test(value),
)
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

const aName =
  'a name: lower-case letters, digits and `-`, beginning with a letter, not ending with `-`, at most 40 characters'
export const name = text(aName, (value) => namePattern.test(value))
const profileName = text(
  'a name of a profile: letters, digits, `_`, `.` and `-`, beginning with a letter or digit',
  (value) => /^[a-zA-Z0-9][\w.-]*$/.test(value),
)
export const profiles = list(profileName, 'a list of names')
export const serviceName = z
  .string()
  .refine((value) => namePattern.test(value), {
    error: ({ input }) => `expected ${aName}; for example \`${nameLike(String(input), 'service')}\``,
  })
  .refine((value) => !ownHostNames.has(value), notOwn)
export const portName = text('a name of letters, digits, `-` and `_`, at most 40 characters', (value) =>
  /^[a-z0-9][\w-]{0,39}$/i.test(value),
)
const anEngineName =
  'a name that every engine accepts: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 63 characters'
const isEngineName = (value: string) => engineNamePattern.test(value)
export const engineName = text(anEngineName, isEngineName)
export const volumeName = text(
  anEngineName,
  isEngineName,
  'the name of a volume, or in its place `bind` with a path or `tmpfs` with a size',
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
const anExpression = 'expected a JavaScript regular expression'
export const expression = z.string({ error: anExpression }).superRefine((value, context) => {
  const why = value === '' ? 'it is empty' : whyNoExpression(value)
  if (why !== undefined) context.addIssue(`${anExpression}: ${why}`)
})

/** V8 ends the process over one that is too large. */
const longestExpression = 2000

function whyNoExpression(value: string): string | undefined {
  if (value.length > longestExpression) return `it is longer than ${String(longestExpression)} characters`
  try {
    void new RegExp(value)
    return undefined
  } catch (error) {
    // `Invalid regular expression: /(/: Unterminated group`: the expression itself is shown beside it.
    return (error as Error).message.replace(/^.*\/\w*: /s, '')
  }
}

export const urlPath = text('a path beginning with `/`', (value) => /^\/[^\s#\0]*$/.test(value))
export const scalar = z.union([text('a text', hasNoNul), z.number(), z.boolean()], {
  error: 'expected a text, a number, true or false',
})
