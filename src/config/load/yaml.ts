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

const example = `  services:
    db:
      kind: postgres
      port: 5433`

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
        hint: `A config can be as short as this:\n\n${example}`,
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
    const message = `expected an object with \`kind: postgres\` or \`kind: container\`${near.startsWith('did') ? `: ${near}` : ''}`
    return [{ path: ['services', name], message, ...(kind !== undefined && { value: JSON.stringify(kind) }) }]
  })
}
