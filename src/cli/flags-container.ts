/**
 * Values of the flags in group `container`, read from what is typed.
 */

export function portNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= 65_535) return value
  throw new RangeError(`"${text}" is not a port from 1 to 65535`)
}

export function tailCount(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new RangeError(`"${text}" is not a number of lines`)
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `10m`, or anything that JavaScript takes for a time. */
export function sinceWhen(text: string): Date {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(Date.now() - Number(count) * (unitMs[unit] ?? 0))
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return new Date(time)
  throw new RangeError(`"${text}" is neither how long ago (30s, 10m, 2h, 1d) nor a time such as 2026-01-31T12:00Z`)
}
