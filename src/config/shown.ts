/** A config as it may be shown: what was declared and what follows from it, in the words of whoever writes it, without a secret in it. */
import { formatPath, hideUrlPasswords, looksSecret } from './schema/issues.ts'
import { isRecord } from './is-record.ts'
import { usualLogs } from './logs.ts'
import { hideValues } from './secrets.ts'
import type { Path } from './schema/issues.ts'
import type { PlainValue } from './serialize.ts'
import type { Config, ServiceConfig } from './types.ts'

export interface ShownValue {
  readonly path: Path
  /** A scalar, or a list of them; `${db.url}` stands for a reference, `***` for a secret. */
  readonly value: PlainValue
  /** It stands in the config; else it is a default, or follows from something else. */
  readonly isDeclared: boolean
}

export interface ShownSource {
  readonly plain: PlainValue
  readonly config: Config
  readonly literals: Readonly<Record<string, string>>
  /** What only variables say. */
  readonly beside?: Readonly<Record<string, string>>
}

/** Every value of the config, declared ones first and each service's together. */
export function shownValues({ plain, config, literals, beside = {} }: ShownSource): readonly ShownValue[] {
  const declared = isRecord(plain) ? plain : {}
  const services = isRecord(declared['services']) ? declared['services'] : {}
  const top = [
    ...entry(['name'], config.name, 'name' in declared),
    ...entry(['runtime'], config.runtime, 'runtime' in declared),
    ...Object.entries(beside).flatMap(([key, value]) => entry([key], value, true)),
  ]
  const logs = isRecord(declared['logs']) ? declared['logs'] : {}
  const log = [
    ...entry(['logs', 'level'], config.logs?.level ?? 'info', 'level' in logs),
    ...entry(
      ['logs', 'folder'],
      typeof logs['folder'] === 'string' ? logs['folder'] : `./${usualLogs}`,
      'folder' in logs,
    ),
  ]
  const { logs: _, name: __, runtime: ___, services: ____, ...more } = declared
  const others = [...leaves(more, [])].map(([path, value]) => ({ path, value, isDeclared: true }))
  const secrets = Object.values(literals)
  const all = config.services.flatMap((service) => {
    const path = ['services', service.name]
    const options = services[service.name]
    const said = [...leaves(options, path)].map(([at, value]) => ({ path: at, value, isDeclared: true }))
    const own = isRecord(options) ? options : {}
    const rest = Object.entries(effective(service)).filter(([key, value]) => !(key in own) && value !== undefined)
    return [...said, ...rest.flatMap(([key, value]) => entry([...path, key], value, false))]
  })
  return [...top, ...log, ...(Object.keys(more).length === 0 ? [] : others), ...all].map((one) => ({
    ...one,
    value: masked(one, secrets),
  }))
}

/** The same as one object. */
export function asObject(values: readonly ShownValue[]): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = {}
  for (const { path, value } of values) {
    let holder: Record<string, unknown> = result
    for (const [depth, key] of path.slice(0, -1).entries()) {
      holder[key] ??= typeof path[depth + 1] === 'number' ? [] : {}
      holder = holder[key] as Record<string, unknown>
    }
    const last = path.at(-1)
    if (last !== undefined)
      Object.defineProperty(holder, last, { value, enumerable: true, configurable: true, writable: true })
  }
  return result
}

function entry(path: Path, value: PlainValue | undefined, isDeclared: boolean): readonly ShownValue[] {
  return value === undefined ? [] : [{ path, value, isDeclared }]
}

function* leaves(value: unknown, path: Path): Iterable<readonly [Path, PlainValue]> {
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) {
    for (const [index, item] of value.entries()) yield* leaves(item, [...path, index])
  } else if (isRecord(value) && !('$ref' in value) && !('$text' in value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) yield* leaves(item, [...path, key])
  } else if (value !== undefined) yield [path, readable(value)]
}

function readable(value: unknown): PlainValue {
  if (!isRecord(value)) return value as PlainValue
  if (typeof value['$ref'] === 'string') return `\${${value['$ref']}}`
  const text = value['$text']
  return Array.isArray(text) ? text.map((part) => partText(part)).join('') : {}
}

function partText(part: unknown): string {
  if (typeof part === 'string') return part
  return isRecord(part) && typeof part['$ref'] === 'string' ? `\${${part['$ref']}}` : ''
}

/** What Poststack takes where nothing is said. */
function effective(service: ServiceConfig): Readonly<Record<string, PlainValue | undefined>> {
  const waits =
    service.dependsOn.length === 0 ? undefined : service.dependsOn.map((one) => `${one.service}: ${one.condition}`)
  const common = { dependsOn: waits, readyTimeoutSeconds: service.readyTimeoutMs / 1000 }
  if (service.kind === 'external') return common
  const { restart, stopGraceSeconds } = service
  if (service.kind === 'container') return { ...common, stopGraceSeconds, restart }
  const { version, port, hostAddress, user, database } = service
  return { version, port, hostAddress, user, password: 'generated', database, ...common, stopGraceSeconds, restart }
}

function masked({ path, value, isDeclared }: ShownValue, secrets: readonly string[]): PlainValue {
  // The names of services say nothing about what they hold.
  const names = path.slice(path[0] === 'services' ? 2 : 0)
  if (isDeclared && names.some((key) => typeof key === 'string' && looksSecret(key))) return '***'
  return hidden(value, secrets)
}

function hidden(value: PlainValue, secrets: readonly string[]): PlainValue {
  if (Array.isArray(value)) return value.map((item: PlainValue) => hidden(item, secrets))
  if (typeof value !== 'string') return value
  return hideValues(hideUrlPasswords(value), secrets)
}

export function pathText({ path }: Pick<ShownValue, 'path'>): string {
  return formatPath(path)
}
