/**
 * What asks for a run: all that has come up since the last one began.
 */

export interface Wanted {
  /** Somebody asks for it. */
  isAsked: boolean
  /** One that was begun is to be begun anew. */
  isAgain: boolean
  /** Absolute, of files that have changed. */
  readonly paths: Set<string>
  /** Services whose container has ended, and when. */
  readonly ended: Map<string | undefined, number>
  /** Aborted with the first of `paths`. */
  readonly changed: AbortController
}

export function nothingWanted(): Wanted {
  return { isAsked: false, isAgain: false, paths: new Set(), ended: new Map(), changed: new AbortController() }
}

export function wantChanged(wanted: Wanted, paths: Iterable<string>): void {
  for (const path of paths) wanted.paths.add(path)
  wanted.changed.abort()
}

/** What the run was made for is still to be done, beside what has come up meanwhile. Its images have been pulled, and its ends judged. */
export function wantAgain(wanted: Wanted, { paths }: Pick<Wanted, 'paths'>): void {
  for (const path of paths) wanted.paths.add(path)
  wanted.isAgain = true
}
