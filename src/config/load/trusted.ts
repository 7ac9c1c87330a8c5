/** The flags under which tsx executes a config as it is, with everything allowed; and what it cannot execute. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { failure } from './errors.ts'
import type { FoundConfig } from './find.ts'

export function trustedFlags(): readonly string[] {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href]
}

/** Fails with `CONFIG_FAILED` where tsx would take part of a file's name for a query, and the file for another one. */
export async function refuseQueries(files: readonly string[], config: FoundConfig): Promise<void> {
  const file = files.find((one) => one.includes('?'))
  if (file === undefined) return
  const what = `tsx, which executes it with --allow-all, reads no file with a question mark in its path: ${file}`
  const hint = 'Take the question mark out of the name; or run it guarded, without --allow-all.'
  throw await failure({ code: 'CONFIG_FAILED', what, place: undefined, hint }, config)
}
