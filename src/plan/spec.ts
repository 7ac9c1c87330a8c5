/**
 * The canonical spec of a container as it stands in a label, and what two of them differ in.
 */
import { isRecord } from '../config/is-record.ts'
import { compareText } from '../config/text-order.ts'
import type { FieldChange } from './step.ts'
import type { ContainerSpec, PostgresSpec, RecordedSpec } from './types.ts'

/** What people see instead of a secret. */
const mask = '(secret)'

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

/** The fields that differ, sorted by path, with secrets masked. Empty when the container is as wanted. */
export function diffSpecs(before: RecordedSpec, after: RecordedSpec): readonly FieldChange[] {
  const old = leaves(before)
  const wanted = leaves(after)
  const paths = [...new Set([...old.keys(), ...wanted.keys()])]
    .filter((path) => path !== 'format')
    .toSorted(compareText)
  return paths.flatMap((path) => {
    const from = old.get(path)
    const to = wanted.get(path)
    if (from?.identity === to?.identity) return []
    // What a mounted file held was not recorded before, and is not known where the file cannot be read.
    if (isContent(path) && (from === undefined || to === undefined)) return []
    const sameText = from !== undefined && to !== undefined && from.text === to.text
    return [{ path, before: from?.text, after: sameText ? `${to.text}, changed` : to?.text }]
  })
}

interface Leaf {
  /** Tells values apart, secrets by digest. */
  readonly identity: string
  /** What a person may see. */
  readonly text: string
}

function leaves(record: RecordedSpec): Map<string, Leaf> {
  const found = new Map<string, Leaf>()
  const walk = (value: unknown, path: string): void => {
    if (isRecordedSecret(value))
      found.set(path, { identity: JSON.stringify(value), text: isContent(path) ? 'the file' : mask })
    else if (isRecordedText(value)) found.set(path, { identity: JSON.stringify(value), text: maskText(value.parts) })
    else if (isWords(value)) found.set(path, { identity: JSON.stringify(value), text: JSON.stringify(value) })
    else if (Array.isArray(value))
      value.forEach((item, index) => {
        walk(item, join(path, String(index)))
      })
    else if (isRecord(value)) for (const [key, item] of Object.entries(value)) walk(item, join(path, key))
    else if (value !== undefined)
      found.set(path, { identity: JSON.stringify(value), text: JSON.stringify(value).replace(/^"(.*)"$/s, '$1') })
  }
  walk(record, '')
  return found
}

function isContent(path: string): boolean {
  return /^mounts\.\d+\.content$/.test(path)
}

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

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** A text with secrets as a person may see it. */
function maskText(parts: readonly unknown[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : mask)).join('')
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

function isRecordedText(value: unknown): value is { readonly parts: readonly unknown[] } {
  return isRecord(value) && Array.isArray(value['parts'])
}

function isRecordedSecret(value: unknown): boolean {
  return isRecord(value) && 'secret' in value && 'digest' in value
}

function isWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
