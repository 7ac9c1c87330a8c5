/**
 * The canonical spec of a container as it stands in a label.
 */
import { isRecord } from '../config/is-record.ts'
import { compareText } from '../config/text-order.ts'
import type { ContainerSpec, PostgresSpec, RecordedSpec } from './types.ts'

/** Version of the label's format. A field that a reader does not know counts as a change: the container that it makes has none. */
const format = 1

/**
 * The spec as it is recorded: plain JSON with sorted keys, secrets as keyed digests.
 * `digests` maps a secret's name to its digest; a name that is missing there is a bug.
 */
export function recordSpec(spec: ContainerSpec, digests: Readonly<Record<string, string>>): RecordedSpec {
  return { format, ...(canonical(spec, digests) as Record<string, unknown>) }
}

/** The same with these fields, or without those that are undefined, in the order in which records are written. */
export function withFields({ format: number, ...record }: RecordedSpec, fields: RecordedSpec): RecordedSpec {
  const entries = Object.entries({ ...record, ...fields }).filter(([, value]) => value !== undefined)
  return { format: number, ...Object.fromEntries(entries.toSorted(([a], [b]) => compareText(a, b))) }
}

export function formatRecord(record: RecordedSpec): string {
  return JSON.stringify(record)
}

/** Reads a label; `undefined` when it is not the JSON object that Poststack writes. */
export function parseRecord(text: string | undefined): RecordedSpec | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Seconds that a container may take to stop, as it was made. */
export function recordedGrace(record: RecordedSpec | undefined): number {
  const seconds = record?.['stopGraceSeconds']
  return typeof seconds === 'number' ? seconds : defaultGraceSeconds
}

/** Role and database that a server was made with, as far as they can be read. */
export function recordedPostgres(record: RecordedSpec | undefined): Partial<Pick<PostgresSpec, 'user' | 'database'>> {
  const postgres = record?.['postgres']
  if (!isRecord(postgres)) return {}
  const { user, database } = postgres
  return {
    ...(typeof user === 'string' ? { user } : {}),
    ...(typeof database === 'string' ? { database } : {}),
  }
}

/** The image that a container was made from, by the name that was declared then. */
export function recordedImage(record: RecordedSpec | undefined): string | undefined {
  const image = record?.['image']
  return typeof image === 'string' ? image : undefined
}

/** Where a container has a volume mounted, as far as it can be read. */
export function recordedTarget(record: RecordedSpec | undefined, volume: string): string | undefined {
  const mounts = record?.['mounts']
  const found: unknown = Array.isArray(mounts)
    ? mounts.find((mount) => isRecord(mount) && mount['volume'] === volume)
    : undefined
  const target = isRecord(found) ? found['target'] : undefined
  return typeof target === 'string' ? target : undefined
}

/** Whether the declared password is another one than that which a server was made with. Not where that cannot be told. */
export function hasNewPassword(
  before: RecordedSpec | undefined,
  { postgres }: ContainerSpec,
  digests: Readonly<Record<string, string>>,
): boolean {
  const recorded = before?.['postgres']
  const password = isRecord(recorded) ? recorded['password'] : undefined
  const digest = isRecord(password) ? password['digest'] : undefined
  return postgres !== undefined && typeof digest === 'string' && digest !== digests[postgres.password.name]
}

/** What an engine grants when nothing is said. */
export const defaultGraceSeconds = 10

/** The same spec as it was recorded before the content of mounted files was. */
export function withoutContents(spec: ContainerSpec): ContainerSpec {
  const { mounts } = spec
  if (mounts === undefined) return spec
  return {
    ...spec,
    mounts: mounts.map((mount) => {
      if (mount.kind !== 'bind') return mount
      const { kind, readOnly, source, target } = mount
      return { kind, source, target, ...(readOnly === undefined ? {} : { readOnly }) }
    }),
  }
}

/** The names of the secrets that stand in it. */
export function secretsIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(secretsIn)
  if (!isRecord(value)) return []
  const { encoding, kind, name } = value
  if (kind === 'secret' && encoding !== undefined && typeof name === 'string') return [name]
  return Object.values(value).flatMap(secretsIn)
}

function canonical(value: unknown, digests: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item, digests))
  if (!isRecord(value)) return value
  if (value['kind'] === 'secret' && 'encoding' in value && typeof value['name'] === 'string')
    return { secret: value['name'], digest: digestOf(value['name'], digests) }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined && !isEmpty(item))
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([key, item]) => [key, canonical(item, digests)]),
  )
}

function digestOf(name: string, digests: Readonly<Record<string, string>>): string {
  const digest = digests[name]
  if (digest === undefined) throw new Error(`no digest for secret ${name}`)
  return digest
}

/** Empty records say nothing; leaving them out keeps "no env" and "env: {}" the same spec. Empty lists do say something: `command: []`. */
function isEmpty(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0
}
