/** Ways that lead back to where they began. */
import { compareText } from '../text-order.ts'

/** The cycles, each once, beginning with its first name: `['a', 'b', 'a']`. */
export function findCycles(
  names: Iterable<string>,
  next: (name: string) => Iterable<string>,
): readonly (readonly string[])[] {
  const cycles = new Map<string, readonly string[]>()
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (name: string) => {
    const start = trail.indexOf(name)
    if (start !== -1) {
      const cycle = fromFirst(trail.slice(start))
      cycles.set(cycle.join(' '), [...cycle, cycle[0] ?? name])
      return
    }
    if (done.has(name)) return
    trail.push(name)
    for (const other of next(name)) visit(other)
    trail.pop()
    done.add(name)
  }
  for (const name of [...names].toSorted(compareText)) visit(name)
  return [...cycles.values()]
}

function fromFirst(names: readonly string[]): readonly string[] {
  const first = names.indexOf(names.toSorted(compareText)[0] ?? '')
  return [...names.slice(first), ...names.slice(0, first)]
}
