/** What `POSTSTACK_…` variables mean for a config: they win over what it says. Pure; every mistake at once. */
import { logChoices, runtimeChoices } from '../choices.ts'
import { wrongDatabaseUrl } from '../database-url.ts'
import {
  invalidEnvironment,
  prefix,
  showVariable,
  type Environment,
  type Variable,
  type VariableMistake,
} from './environment.ts'
import { isRecord } from '../is-record.ts'
import { nearest, suggest } from '../nearest.ts'
import { engineNamePattern } from '../names.ts'
import type { PlainValue } from '../serialize.ts'

export interface AppliedEnvironment {
  readonly plain: PlainValue
  /** What says each value that the config does not say itself, by the value's path: `services.db.port`. */
  readonly origins: ReadonlyMap<string, Variable>
  /** Variables that nobody knows. */
  readonly warnings: readonly string[]
}

/** Variables that are about the stack as a whole, or one of those that decide a field of its PostgreSQL service. */
const generalNames = [
  'CONFIG',
  'CONTAINER_RUNTIME',
  'DATABASE_URL',
  'LOG_DIR',
  'LOG_LEVEL',
  'MIGRATIONS_PATH',
  'PAGER',
  'POSTGRES_CONTAINER_NAME',
  'POSTGRES_HOST_PORT',
  'PROFILES',
  'PROJECT_CONTAINERS_PATH',
].map((name) => `${prefix}${name}`)

interface Field {
  readonly key: 'port' | 'containerName' | 'migrations'
  /** For the one PostgreSQL service that there is. */
  readonly name: string
  /** Behind the name of a service, for that one. */
  readonly suffix: string
  /** Only a server that the stack runs has it. */
  readonly isOfServer: boolean
  /** The value, or undefined when the text is none. */
  readonly read: (text: string) => string | number | undefined
  /** Finishes "is not …". */
  readonly expected: string
}

const fields: readonly Field[] = [
  {
    key: 'port',
    name: `${prefix}POSTGRES_HOST_PORT`,
    suffix: 'HOST_PORT',
    isOfServer: true,
    read: (text) => (text === 'auto' ? text : portOf(text)),
    expected: 'a whole number from 1 to 65535, or auto',
  },
  {
    key: 'containerName',
    name: `${prefix}POSTGRES_CONTAINER_NAME`,
    suffix: 'CONTAINER_NAME',
    isOfServer: true,
    read: (text) => (engineNamePattern.test(text) ? text : undefined),
    expected:
      'a name that every engine accepts: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 63 characters',
  },
  {
    key: 'migrations',
    name: `${prefix}MIGRATIONS_PATH`,
    suffix: 'MIGRATIONS_PATH',
    isOfServer: false,
    read: (text) => (text.includes('\0') ? undefined : text),
    expected: 'a path',
  },
]

/** @throws `ENV_INVALID` */
export function applyEnvironment(plain: PlainValue, { variables }: Pick<Environment, 'variables'>): AppliedEnvironment {
  const mistakes: VariableMistake[] = []
  const origins = new Map<string, Variable>()
  const databases = databasesIn(plain)
  const known = new Set([
    ...generalNames,
    ...databases.flatMap(({ name }) => fields.map((field) => specificName(name, field))),
  ])
  let result = plain
  const set = (path: readonly string[], value: string | number, variable: Variable): void => {
    result = withValue(result, path, value)
    origins.set(path.join('.'), variable)
  }
  for (const variable of variables.values()) {
    if (known.has(variable.name) && variable.value === '') mistakes.push({ variable, message: 'is empty' })
  }
  const database = filled(variables.get(`${prefix}DATABASE_URL`))
  const wrong = database === undefined ? undefined : wrongDatabaseUrl(database.value)
  if (database !== undefined && wrong !== undefined) mistakes.push({ variable: database, message: wrong })
  const runtime = filled(variables.get(`${prefix}CONTAINER_RUNTIME`))
  if (runtime !== undefined) {
    const value = runtime.value.toLowerCase()
    if (runtimeChoices.some((one) => one === value)) set(['runtime'], value, runtime)
    else mistakes.push({ variable: runtime, message: `is ${shown(runtime)}: ${suggest(value, runtimeChoices)}` })
  }
  const level = filled(variables.get(`${prefix}LOG_LEVEL`))
  if (level !== undefined) {
    const value = level.value.toLowerCase().replace(/^warn$/, 'warning')
    if (logChoices.some((one) => one === value)) set(['logs', 'level'], value, level)
    else mistakes.push({ variable: level, message: `is ${shown(level)}: ${suggest(value, logChoices)}` })
  }
  const folder = filled(variables.get(`${prefix}LOG_DIR`))
  if (folder !== undefined) set(['logs', 'folder'], folder.value, folder)
  for (const field of fields) {
    const { single, misplaced } = singleOf(field, databases, variables)
    if (misplaced !== undefined) mistakes.push(misplaced)
    for (const { name, isServer } of databases) {
      const specific = filled(variables.get(specificName(name, field)))
      if (specific !== undefined && field.isOfServer && !isServer) {
        mistakes.push({ variable: specific, message: `does not fit \`${name}\`, a database that somebody else runs` })
        continue
      }
      const variable = stronger(specific, single === name ? filled(variables.get(field.name)) : undefined)
      if (variable === undefined) continue
      const value = field.read(variable.value)
      if (value === undefined) mistakes.push({ variable, message: `is ${shown(variable)}, not ${field.expected}` })
      else set(['services', name, field.key], value, variable)
    }
  }
  if (mistakes.length > 0) throw invalidEnvironment(mistakes)
  return { plain: result, origins, warnings: unknown(variables, known) }
}

/** What variables say that no config can, by the name under which it is shown. Empty ones are mistakes, which `applyEnvironment` tells. */
export function besideConfig({ variables }: Pick<Environment, 'variables'>): ReadonlyMap<string, Variable> {
  const names = { projectContainersPath: 'PROJECT_CONTAINERS_PATH', databaseUrl: 'DATABASE_URL' }
  const said = Object.entries(names).flatMap(([key, name]) => {
    const variable = filled(variables.get(`${prefix}${name}`))
    return variable === undefined ? [] : [[key, variable] as const]
  })
  return new Map(said)
}

interface Database {
  readonly name: string
  /** The stack runs it. */
  readonly isServer: boolean
}

function databasesIn(plain: PlainValue): readonly Database[] {
  const services = isRecord(plain) && isRecord(plain['services']) ? plain['services'] : {}
  return Object.entries(services).flatMap(([name, service]) =>
    isRecord(service) && service['kind'] === 'postgres' ? [{ name, isServer: !Object.hasOwn(service, 'url') }] : [],
  )
}

/** `POSTSTACK_DB_HOST_PORT`; a `-` in the name of a service is a `_`. */
function specificName(service: string, { suffix }: Field): string {
  return `${prefix}${service.toUpperCase().replaceAll('-', '_')}_${suffix}`
}

/** The service that the name without a service means. Where there are several, or none, it means nothing. */
function singleOf(
  field: Field,
  databases: readonly Database[],
  variables: Environment['variables'],
): { readonly single?: string; readonly misplaced?: VariableMistake } {
  const variable = filled(variables.get(field.name))
  const possible = databases.filter(({ isServer }) => isServer || !field.isOfServer)
  const [first, ...more] = possible
  // For a service called `postgres` the two forms are one name.
  if (variable === undefined || possible.some(({ name }) => specificName(name, field) === field.name)) return {}
  if (first === undefined) {
    const what = field.isOfServer ? 'PostgreSQL service that the stack runs' : 'PostgreSQL service'
    return { misplaced: { variable, message: `is about nothing: the config declares no ${what}` } }
  }
  if (more.length === 0) return { single: first.name }
  const instead = possible.map(({ name }) => specificName(name, field)).join(' or ')
  const message = `does not say which of several PostgreSQL services it means: use ${instead}`
  return { misplaced: { variable, message } }
}

/** The process wins over the file; from the same place, the name that says more. */
function stronger(specific: Variable | undefined, single: Variable | undefined): Variable | undefined {
  if (specific === undefined || single === undefined) return specific ?? single
  return specific.file !== undefined && single.file === undefined ? single : specific
}

/** One of the process that resembles none of ours may belong to a program around us. */
function unknown(variables: Environment['variables'], known: ReadonlySet<string>): readonly string[] {
  return [...variables.values()].flatMap((variable) => {
    if (known.has(variable.name)) return []
    const near = meantName(wordsOf(variable.name), [...known])
    if (near === undefined && variable.file === undefined) return []
    const meant = near === undefined ? 'it changes nothing' : `did you mean ${near}?`
    return [`${showVariable(variable)} is no variable of Poststack: ${meant}`]
  })
}

/** The nearest one, else one that says the same words with others between them: POSTSTACK_POSTGRES_PORT lacks HOST. */
function meantName(words: readonly string[], known: readonly string[]): string | undefined {
  const near = nearest(
    words.join('_'),
    known.map((name) => wordsOf(name).join('_')),
  )
  if (near !== undefined) return `${prefix}${near}`
  return known.find((name) => words.every((word) => wordsOf(name).includes(word)))
}

function wordsOf(name: string): readonly string[] {
  return name.slice(prefix.length).split('_')
}

function filled(variable: Variable | undefined): Variable | undefined {
  return variable?.value === '' ? undefined : variable
}

function shown({ value }: Variable): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value)
}

function portOf(text: string): number | undefined {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined
}

function withValue(plain: PlainValue, [key = '', ...rest]: readonly string[], value: string | number): PlainValue {
  const record = isRecord(plain) ? (plain as Readonly<Record<string, PlainValue>>) : {}
  return { ...record, [key]: rest.length === 0 ? value : withValue(record[key] ?? {}, rest, value) }
}
