/** The flags under which tsx executes a config as it is, with everything allowed. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

export function trustedFlags(): readonly string[] {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href]
}
