/** A config written as YAML or JSON: the plain form itself, with nothing to evaluate. */
import { PoststackError } from '../../errors.ts'
import { isRecord } from '../is-record.ts'
import { suggest } from '../nearest.ts'
import { failure } from './errors.ts'
import { parseYaml } from '../yaml-text.ts'
import type { FramePosition } from '../locate/code-frame.ts'
import type { FoundConfig } from './find.ts'
import type { ConfigIssue } from '../schema/issues.ts'
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
  if ('mistakes' in read) throw await unreadable(config, read.mistakes)
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
  return { plain, issues: kindless(plain['services']), positions }
}

async function unreadable(
  config: FoundConfig,
  mistakes: readonly ({ readonly message: string } & FramePosition)[],
): Promise<PoststackError> {
  const errors = await Promise.all(
    mistakes
      .slice(0, 5)
      .map(({ message, line, column }) =>
        failure({ code: 'CONFIG_FAILED', what: message, place: { file: config.file, line, column } }, config),
      ),
  )
  return new PoststackError('CONFIG_FAILED', errors.map(({ message }) => message).join('\n\n'), {
    hint: 'Mend the line; YAML wants blanks for indentation, never tabs.',
    details: { ...errors[0]?.details, errors: errors.map(({ details }) => details) },
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
