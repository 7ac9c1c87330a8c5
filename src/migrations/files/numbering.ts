/**
 * Which number comes after another. Folders count (`004`), or they number by the clock in one of several forms; a new number is of the
 * form that the folder has. Pure.
 */
import { compareVersions } from '../version.ts'

/** A way to write a moment as digits. */
interface Clock {
  readonly pattern: RegExp
  readonly format: (now: Date) => string
}

// What the last field holds is not looked at: the number after `…59` is `…60`, and that must still be known for a moment.
const clocks: readonly Clock[] = [
  calendar(/^(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d\d{2}$/, 14),
  calendar(/^(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d\d{3}$/, 17),
  calendar(/^(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])\d{2}$/, 12),
  calendar(/^(19|20|21)\d\d(0[1-9]|1[0-2])\d{2}$/, 8),
  { pattern: /^1\d{9}$/, format: (now) => String(Math.floor(now.getTime() / 1000)) },
  { pattern: /^1\d{12}$/, format: (now) => String(now.getTime()) },
]

function calendar(pattern: RegExp, length: number): Clock {
  return { pattern, format: (now) => now.toISOString().replaceAll(/\D/g, '').slice(0, length) }
}

/**
 * The number for a new migration: one more than the newest with its leading zeros, or the moment `now` (in UTC) where the newest is
 * one; `001` for the first.
 */
export function nextNumber(newest: string | undefined, now: Date): string {
  if (newest === undefined) return '001'
  const clock = clocks.find(({ pattern }) => pattern.test(newest))
  const moment = clock?.format(now)
  // Two in one second, or a clock that stands behind that of whoever made the newest.
  return moment !== undefined && compareVersions(moment, newest) > 0 ? moment : numberAfter(newest)
}

/** One more, as wide as before. */
export function numberAfter(version: string): string {
  return (BigInt(version) + 1n).toString().padStart(version.length, '0')
}
