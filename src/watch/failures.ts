/**
 * Why a stack that is watched is not as declared.
 */
import { type ErrorCode, errorCodes, type ErrorRecord, ExitCode } from '../errors.ts'
import type { Outcome } from '../events.ts'

/** No file that is edited mends it, so that waiting for one is of no use. */
export function isHopeless(code: ErrorCode): boolean {
  return code === 'UNKNOWN_SERVICE' || errorCodes[code] === ExitCode.machineLacks
}

export const staleConfig = 'the config cannot be read, so this run goes by what it said before'

const notConverged: ErrorRecord = { code: 'NOT_CONVERGED', message: 'the stack did not stay as declared' }

/** Nothing when it has gone well. */
export function failureOfRun({ ok, results }: Outcome): ErrorRecord | undefined {
  if (ok) return undefined
  return results.find(({ error }) => error !== undefined)?.error ?? notConverged
}

/** What the stack lacks while services are left alone; nothing when there are none. */
export function loopingFailure(services: readonly string[]): ErrorRecord | undefined {
  if (services.length === 0) return undefined
  const message = `${services.join(', ')} ended again and again right after the start, and was not started any more`
  return { code: 'NOT_READY', message }
}
