/**
 * The number that a port declared as `'auto'` gets when nothing stands in its way. It follows from the project's path, the stack and the
 * port's own name, so it is the same after `down`, on another day, and in every command, and nothing has to be kept for that.
 */
import { createHash } from 'node:crypto'

/** Below what systems hand out to outgoing connections, above what well-known services have. */
const first = 20_000
const count = 10_000

/** The nth candidate: from the preferred number upward, and round. */
export function autoPortCandidate(identity: readonly string[], n: number): number {
  const start = createHash('sha256').update(identity.join('\0')).digest().readUInt32BE(0)
  return first + ((start + n) % count)
}

/** A port of the host whose number the config leaves to Poststack. */
export interface AutoPort {
  readonly service: string
  /** Name of the port; absent for that of a PostgreSQL service. */
  readonly port: string | undefined
}

/** Numbers that are taken, and those that were given so far. */
export interface PortChooser {
  readonly chosen: readonly AutoPort[]
  choose(service: string, port?: string): number
}

/** `taken`: every number that the config itself declares. */
export function createPortChooser(stack: readonly string[], taken: Iterable<number>): PortChooser {
  const numbers = new Set(taken)
  const chosen: AutoPort[] = []
  return {
    chosen,
    choose(service, port) {
      chosen.push({ service, port })
      let number = 0
      for (let n = 0; number === 0 || numbers.has(number); n += 1)
        number = autoPortCandidate([...stack, service, port ?? ''], n)
      numbers.add(number)
      return number
    },
  }
}
