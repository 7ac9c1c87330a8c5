/** A config written as YAML or JSON: the plain form itself, with nothing to evaluate. */
import { PoststackError } from '../../errors.ts'
import { isRecord } from '../is-record.ts'
import { suggest } from '../nearest.ts'
import { failure } from './errors.ts'
import { parseYaml, type YamlMistake } from '../yaml-text.ts'
import type { FramePosition } from '../locate/code-frame.ts'
import type { FoundConfig } from './find.ts'
import type { ConfigIssue, Path } from '../schema/issues.ts'
import type { PlainValue } from '../serialize.ts'

export interface YamlConfig {
  readonly plain: PlainValue
  readonly issues: readonly ConfigIssue[]
  readonly positions: ReadonlyMap<string, FramePosition>
}

const example = `A config can be as short as this:

  services:
    db:
      kind: postgres
      port: 5433`

const jsonExample = `A config can be as short as this:

  { "services": { "db": { "kind": "postgres" } } }`

/** A whole config in the form of the file. */
export function exampleFor(file: string): string {
  return file.endsWith('.json') ? jsonExample : example
}

/** @throws `CONFIG_FAILED` when it cannot be read as YAML, `CONFIG_INVALID` when it is no object. */
export async function loadYaml(config: FoundConfig, text: string): Promise<YamlConfig> {
  const read = parseYaml(text)
  if ('mistakes' in read) throw await unreadable(config, text, read.mistakes)
  const { positions, value } = read
  if (!isRecord(value)) {
    throw await failure(
      {
        code: 'CONFIG_INVALID',
        what: 'expected an object with `services`',
        place: undefined,
        hint: exampleFor(config.file),
      },
      config,
    )
  }
  // For editors; it says nothing about the stack.
  const { $schema: _, ...plain } = value as { readonly [key: string]: PlainValue }
  return { plain, issues: [...kindless(plain['services']), ...lostKeys(plain)], positions }
}

async function unreadable(
  config: FoundConfig,
  text: string,
  mistakes: readonly YamlMistake[],
): Promise<PoststackError> {
  // The parser tells its own kinds of mistakes one after the other.
  const sorted = mistakes.toSorted((one, other) => one.line - other.line || one.column - other.column)
  const errors = await Promise.all(
    sorted
      .slice(0, 5)
      .map(({ message, line, column }) =>
        failure({ code: 'CONFIG_FAILED', what: message, place: { file: config.file, line, column }, text }, config),
      ),
  )
  return new PoststackError('CONFIG_FAILED', errors.map(({ message }) => message).join('\n\n'), {
    hint: mistakes.some(({ isTab }) => isTab === true)
      ? 'Mend the line; YAML wants blanks for indentation, never tabs.'
      : `Mend the ${mistakes.length === 1 ? 'line' : 'lines'}.`,
    details: { ...errors[0]?.details, errors: errors.map(({ details }) => details) },
  })
}

/** What a mapping cannot hold in JavaScript: whoever reads the data would pass over it. */
function lostKeys(value: unknown, path: Path = []): readonly ConfigIssue[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    return key === '__proto__' ? [{ path: at, message: 'unknown key: leave it out' }] : lostKeys(inner, at)
  })
}

/** In a program, functions say what a service is; here a key does. */
function kindless(services: PlainValue | undefined): readonly ConfigIssue[] {
  if (!isRecord(services)) return []
  return Object.entries(services).flatMap(([name, service]) => {
    const kind = isRecord(service) ? service['kind'] : undefined
    if (kind === 'postgres' || kind === 'container') return []
    const near = typeof kind === 'string' ? suggest(kind, ['postgres', 'container']) : ''
    const what =
      kind === undefined ? 'an object with `kind: postgres` or `kind: container`' : '`postgres` or `container`'
    const message = `expected ${what}${near.startsWith('did') ? `: ${near}` : ''}`
    const path = ['services', name, ...(kind === undefined ? [] : ['kind'])]
    return [{ path, message, ...(kind !== undefined && { value: JSON.stringify(kind) }) }]
  })
}
