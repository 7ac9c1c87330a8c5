/**
 * What people name on a command line, and what they probably meant when there is nothing of that name.
 */
import { nearest } from '../config/nearest.ts'
import { compareText } from '../config/text-order.ts'
import { PoststackError } from '../errors.ts'
import { isOurs } from './names.ts'
import type { Desired, ObservedContainer } from './types.ts'

interface UnknownWords {
  /** What there is, for people. */
  readonly list?: string
  /** What the names are of, as one and as all of them. */
  readonly one?: string
  readonly all?: string
}

/** `UNKNOWN_SERVICE`, with the name that was probably meant and every one there is. */
export function unknownService(
  name: string,
  known: readonly string[],
  { list = known.join(', '), one = 'service', all: what = 'declared services' }: UnknownWords = {},
): PoststackError {
  const near = nearest(name, known)
  const all = list === '' ? 'nothing is declared' : `one of the ${what}: ${list}`
  return new PoststackError('UNKNOWN_SERVICE', `there is no ${one} ${name}`, {
    hint: near === undefined ? all : `did you mean ${near}?\n${all}`,
    details: { name, known },
  })
}

interface Named {
  readonly service: string
  readonly container: string | undefined
}

/**
 * Services by their own names or those of their containers, also such as the config no longer has. Sorted, each once. Fails with
 * `UNKNOWN_SERVICE`.
 */
export function servicesNamed(
  names: readonly string[],
  desired: Pick<Desired, 'services' | 'stack' | 'project'>,
  containers: readonly ObservedContainer[],
): readonly string[] {
  const ours = containers.filter(({ owner }) => isOurs(owner, desired))
  const present = ours.map(({ name, service = name }) => ({ service, container: name }))
  // In a second checkout the name that is declared may be that of the first one's container.
  const declared = desired.services.flatMap(({ container, name }): readonly Named[] => {
    const mine = present.filter(({ service }) => service === name)
    return mine.length > 0 ? mine : [{ service: name, container: container?.name }]
  })
  const pairs: readonly Named[] = [...declared, ...present]
  const found = names.map((wanted) => {
    const pair = pairs.find(({ service }) => service === wanted) ?? pairs.find(({ container }) => container === wanted)
    if (pair !== undefined) return pair.service
    const known = [...new Set(pairs.flatMap(({ container, service }) => [service, container ?? service]))]
    // The usual name goes without saying.
    const list = pairs.map(({ container, service }) =>
      container === undefined || container === `${desired.stack}-${service}`
        ? service
        : `${service} (container ${container})`,
    )
    throw unknownService(wanted, known, { list: [...new Set(list)].join(', ') })
  })
  return [...new Set(found)].toSorted(compareText)
}
