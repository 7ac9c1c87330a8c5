/** What may be chosen, in the order in which it is told. Imports nothing: the config's process loads it. */
import type { LogChoice, RuntimeChoice } from './options.ts'

export const runtimeChoices = ['auto', 'podman', 'docker', 'native'] as const satisfies readonly RuntimeChoice[]

/** From the least to the most important. */
export const logLevels = ['debug', 'info', 'warning', 'error'] as const satisfies readonly LogChoice[]

export type LogLevel = (typeof logLevels)[number]

export const logChoices = [...logLevels, 'off'] as const satisfies readonly LogChoice[]
