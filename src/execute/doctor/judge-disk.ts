/**
 * Room on a disk. Pure.
 */
import { type Finding, gigabytes, ok } from './finding.ts'

const scarceBytes = 2 * 1024 ** 3
const noRoomBytes = 100 * 1024 ** 2

export interface DiskFacts {
  readonly freeBytes: number
  /** After "3.1 GB free". */
  readonly where: string
  /** Whether `up` writes there. */
  readonly needed: boolean
}

export function judgeDisk(check: string, { freeBytes, needed, where }: DiskFacts): Finding {
  const message = `${gigabytes(freeBytes)} free ${where}`
  if (freeBytes >= scarceBytes) return ok(check, message)
  const isFull = needed && freeBytes < noRoomBytes
  return {
    check,
    level: isFull ? 'problem' : 'note',
    message,
    cause: 'databases and images need room, and a server without any stops',
    remedy: 'Make room; `poststack container clean` removes what is left over of this stack.',
    stopsUp: isFull,
  }
}
