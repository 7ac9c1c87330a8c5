/**
 * Loads code while the config is evaluated in its own process: nothing else is to be done then, and the time would be
 * spent afterwards.
 */
import type { RuntimeChoice } from '../config/define.ts'
import { loadParser } from '../config/parse/parse.ts'
import { loadDriver } from '../runtime/select.ts'
import { loadClient } from './database/database.ts'

/** `choice` is what the command line says, if it does: the config's own choice is not known yet. */
export function loadAhead(choice: RuntimeChoice | undefined): void {
  const parts = [loadParser(), loadClient(), loadDriver(choice ?? 'auto')]
  // What cannot be loaded is asked for again where it is needed, and fails there.
  for (const part of parts) part.catch(() => undefined)
}
