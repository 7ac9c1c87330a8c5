/**
 * Flags that every command takes.
 */
import type { FlagParametersForType } from '@stricli/core'

import type { RuntimeChoice } from '../config/define.ts'
import type { Context } from './context.ts'

export interface CommonFlags {
  readonly config?: string
  readonly mode?: string
  readonly runtime?: RuntimeChoice
  readonly allowAll: boolean
  readonly json: boolean
  readonly verbose: boolean
  readonly color: boolean
}

export const commonFlags = {
  config: {
    kind: 'parsed',
    parse: String,
    brief: 'config file, instead of looking for poststack.config.ts upward from here',
    placeholder: 'file',
    optional: true,
  },
  mode: {
    kind: 'parsed',
    parse: String,
    brief: 'mode handed to the config function (default: development)',
    placeholder: 'mode',
    optional: true,
  },
  runtime: {
    kind: 'enum',
    values: ['auto', 'podman', 'docker', 'native'],
    brief: "what runs the services, instead of the config's choice",
    optional: true,
  },
  allowAll: { kind: 'boolean', brief: 'evaluate the config with every permission', default: false, withNegated: false },
  json: { kind: 'boolean', brief: 'machine-readable output on stdout', default: false, withNegated: false },
  verbose: {
    kind: 'boolean',
    brief: 'say more: the output of builds and probes, what was skipped',
    default: false,
    withNegated: false,
  },
  color: { kind: 'boolean', brief: 'colour where a terminal shows it', default: true },
} as const satisfies FlagParametersForType<CommonFlags, Context>

/** Short names of the common flags. */
export const commonAliases = { c: 'config', A: 'allowAll', v: 'verbose' } as const

/** Words that may stand before the command as well, and whether a value follows. */
const globalWords: Readonly<Record<string, boolean>> = {
  '--config': true,
  '-c': true,
  '--mode': true,
  '--runtime': true,
  '--allow-all': false,
  '-A': false,
  '--json': false,
  '--verbose': false,
  '-v': false,
  '--color': false,
  '--no-color': false,
}

/** Moves flags that stand before the command to its end, where the parser expects them: `--json up db` becomes `up db --json`. */
export function hoistGlobalFlags(words: readonly string[]): readonly string[] {
  const moved: string[] = []
  let index = 0
  while (index < words.length) {
    const word = words[index] ?? ''
    const takesValue = globalWords[word.split('=')[0] ?? '']
    if (takesValue === undefined) break
    const count = takesValue && !word.includes('=') ? 2 : 1
    moved.push(...words.slice(index, index + count))
    index += count
  }
  const rest = words.slice(index)
  const end = rest.indexOf('--')
  return end === -1 ? [...rest, ...moved] : [...rest.slice(0, end), ...moved, ...rest.slice(end)]
}
