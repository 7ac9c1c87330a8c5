/**
 * What the doctor says of one thing. Pure.
 */

/** One thing that was looked at, and what it means for the stack. */
export interface Finding {
  readonly check: string
  /** `note`: it works, and something is worth to know. `problem`: something does not work. */
  readonly level: 'ok' | 'note' | 'problem'
  readonly message: string
  readonly cause?: string
  readonly remedy?: string
  /** `up` cannot work as long as it is so. */
  readonly stopsUp: boolean
}

export type Reasons = Pick<Finding, 'cause' | 'remedy'>

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message, stopsUp: false }
}

export function note(check: string, message: string, reasons: Reasons): Finding {
  return { check, level: 'note', message, ...reasons, stopsUp: false }
}

/** One that keeps `up` from working. */
export function obstacle(check: string, message: string, reasons: Reasons): Finding {
  return { check, level: 'problem', message, ...reasons, stopsUp: true }
}

/** What an error says besides its message, where it says something. */
export function remedyOf(hint: string | undefined): Pick<Finding, 'remedy'> {
  return hint === undefined ? {} : { remedy: hint }
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`
}
