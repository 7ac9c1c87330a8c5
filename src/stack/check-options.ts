/** What the compiler tells whoever writes TypeScript, told to the others; and that the folder is there. */
import { stat } from 'node:fs/promises'

import { runtimeChoices } from '../config/choices.ts'
import { PoststackError } from '../errors.ts'

interface Given {
  readonly cwd?: unknown
  readonly env?: unknown
  readonly runtime?: unknown
}

/** Fails with `USAGE`. */
export async function checkOptions(options: Given | undefined): Promise<void> {
  const { cwd, env, runtime } = options ?? {}
  if (typeof cwd !== 'string')
    throw wrong(`\`cwd\` is ${shown(cwd)}, not the path of a folder`, 'Give cwd: process.cwd()')
  if (typeof env !== 'object' || env === null)
    throw wrong(`\`env\` is ${shown(env)}, not environment variables`, 'Give env: process.env')
  if (runtime !== undefined && !runtimeChoices.some((one) => one === runtime))
    throw wrong(`\`runtime\` is ${shown(runtime)}`, `Give one of ${runtimeChoices.join(', ')}, or leave it out.`)
  const folder = await stat(cwd).catch(() => undefined)
  if (folder?.isDirectory() !== true)
    throw wrong(`\`cwd\` is ${shown(cwd)}, and there is no such folder`, 'Give the folder of the project.')
}

function wrong(message: string, hint: string): PoststackError {
  return new PoststackError('USAGE', `${message}.`, { hint })
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : value === null ? 'null' : typeof value
}
