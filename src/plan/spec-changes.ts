/**
 * What two recorded specs of a container differ in, in the words of the config: `memory`, not the bytes that an engine is told. Volumes and
 * ports are known by where they are in the container, so that another order is no change.
 */
import { isRecord } from '../config/is-record.ts'
import { sizeText } from '../config/sizes.ts'
import { compareText } from '../config/text-order.ts'
import { hostInUrl, postgresPort } from './references.ts'
import type { FieldChange } from './step.ts'
import type { RecordedSpec } from './types.ts'

/** What people see instead of a secret. */
const mask = '(secret)'

/** The fields that differ, sorted by path, with secrets masked. Empty when the container is as wanted. */
export function diffSpecs(before: RecordedSpec, after: RecordedSpec): readonly FieldChange[] {
  const old = leaves(before)
  const wanted = leaves(after)
  const paths = [...new Set([...old.keys(), ...wanted.keys()])].toSorted(compareText)
  const changes = paths.flatMap((path): readonly FieldChange[] => {
    const from = old.get(path)
    const to = wanted.get(path)
    if (from?.identity === to?.identity) return []
    // What a mounted file held was not recorded before, and is not known where the file cannot be read.
    if (isContent(path) && (from === undefined || to === undefined)) return []
    const sameText = from !== undefined && to !== undefined && from.text === to.text
    return [{ path, before: from?.text, after: sameText ? `${to.text}, changed` : to?.text }]
  })
  return isServer(after) ? withoutDerived(changes) : changes
}

/** Variables, arguments and files of a server follow from what is declared of it, and are named only where nothing else is. */
function withoutDerived(changes: readonly FieldChange[]): readonly FieldChange[] {
  const declared = changes.filter(({ path }) => !/^(?:command$|env\.|files\.)/.test(path))
  return declared.length > 0 ? declared : changes
}

interface Leaf {
  /** Tells values apart, secrets by digest. */
  readonly identity: string
  /** What a person may see. */
  readonly text: string
}

type Field = readonly [path: string, value: unknown]

function leaves(record: RecordedSpec): Map<string, Leaf> {
  const found = new Map<string, Leaf>()
  for (const [name, value] of Object.entries(record))
    for (const [path, worded] of fieldsOf(name, value, isServer(record))) walk(worded, path, found)
  return found
}

function isServer(record: RecordedSpec): boolean {
  return isRecord(record['postgres'])
}

/** A field of the record as the config has it. What is not as we write it keeps the record's words. */
function fieldsOf(name: string, value: unknown, server: boolean): readonly Field[] {
  switch (name) {
    case 'format':
      return []
    case 'memoryBytes':
      return [['memory', sized(value)]]
    case 'shmBytes':
      return [['shmSize', sized(value)]]
    case 'postgres':
      return isRecord(value) ? Object.entries(value) : [[name, value]]
    case 'mounts':
      return listed(value)?.flatMap((mount) => mountFields(mount)) ?? [[name, value]]
    case 'ports':
      return portFields(listed(value), server) ?? [[name, value]]
    default:
      return [[name, value]]
  }
}

function listed(value: unknown): readonly RecordedSpec[] | undefined {
  return Array.isArray(value) && value.every(isRecord) ? value : undefined
}

function sized(value: unknown): unknown {
  return typeof value === 'number' ? sizeText(value) : value
}

function mountFields({ bytes, source, target, ...others }: RecordedSpec): readonly Field[] {
  const fields = { ...others, kind: undefined, bind: source, tmpfs: sized(bytes) }
  return Object.entries(fields).map(([field, value]) => [`volumes[${plain(target)}].${field}`, value])
}

/** One container port may be published several times. */
function portFields(ports: readonly RecordedSpec[] | undefined, server: boolean): readonly Field[] | undefined {
  if (ports === undefined) return undefined
  const byPort = new Map<string, string[]>()
  const more: Field[] = []
  for (const { container, host, hostAddress, protocol, ...others } of ports) {
    const number = `${plain(container)}${protocol === 'udp' ? '/udp' : ''}`
    const path = server && container === postgresPort ? 'port' : `ports[${number}]`
    byPort.set(path, [...(byPort.get(path) ?? []), published(host, hostAddress)].toSorted(compareText))
    more.push(...Object.entries(others).map(([field, value]): Field => [`${path}.${field}`, value]))
  }
  return [...[...byPort].map(([path, texts]): Field => [path, texts.join(', ')]), ...more]
}

function published(host: unknown, address: unknown): string {
  if (host === undefined) return 'not published'
  if (address === undefined || address === '127.0.0.1') return plain(host)
  return `${hostInUrl(plain(address))}:${plain(host)}`
}

function plain(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value).replace(/^"(.*)"$/s, '$1')
}

function walk(value: unknown, path: string, found: Map<string, Leaf>): void {
  if (value === undefined) return
  const identity = JSON.stringify(value)
  if (isRecordedSecret(value)) found.set(path, { identity, text: isContent(path) ? 'the file' : mask })
  else if (isRecordedText(value)) found.set(path, { identity, text: maskText(value.parts) })
  else if (isWords(value)) found.set(path, { identity, text: identity })
  else if (Array.isArray(value))
    value.forEach((item, index) => {
      walk(item, `${path}.${String(index)}`, found)
    })
  else if (isRecord(value)) for (const [key, item] of Object.entries(value)) walk(item, `${path}.${key}`, found)
  else found.set(path, { identity, text: plain(value) })
}

function isContent(path: string): boolean {
  return /^volumes\[.*\]\.content$/s.test(path)
}

/** A text with secrets as a person may see it. */
function maskText(parts: readonly unknown[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : mask)).join('')
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
