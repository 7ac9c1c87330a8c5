/**
 * Versions are digit strings of any length. They are numbers to people, so `4` and `004` are one version and `10` comes
 * after `9`; they may be longer than any JavaScript number holds, so they are never turned into one.
 */

/** The one form of a version that equal numbers share: no leading zeros. */
export function canonicalVersion(version: string): string {
  const digits = version.replace(/^0+/, '')
  return digits === '' ? '0' : digits
}

/** Orders versions as numbers: negative, zero or positive, for `Array.sort`. */
export function compareVersions(left: string, right: string): number {
  const a = canonicalVersion(left)
  const b = canonicalVersion(right)
  if (a.length !== b.length) return a.length - b.length
  if (a === b) return 0
  return a < b ? -1 : 1
}
