/** Who waits for whom, and for what: explicit `dependsOn` and the edges that references make. */
import { findCycles } from '../schema/cycles.ts'
import type { Condition } from '../options.ts'
import type { AnyPart, PartOf, PlainEnvValue } from '../schema/schema.ts'
import { compareText } from '../text-order.ts'
import type { Dependency } from '../types.ts'

export interface ParsedReference {
  readonly service: string
  readonly property: string
}

type Services = ReadonlyMap<string, AnyPart>

/** The condition that is meant when only a service's name is given. */
function naturalCondition(service: AnyPart): Condition {
  if (service.kind === 'postgres') return service.migrations === undefined ? 'ready' : 'migrated'
  return service.job === true ? 'completed' : 'ready'
}

/** The conditions that a service can meet, the natural one first. */
export function possibleConditions(service: AnyPart): readonly Condition[] {
  if (service.kind === 'container') return service.job === true ? ['completed', 'started'] : ['ready', 'started']
  return 'url' in service ? ['migrated', 'ready'] : ['migrated', 'ready', 'started']
}

export function referencesIn(value: PartOf<PlainEnvValue> | undefined): readonly ParsedReference[] {
  if (typeof value !== 'object') return []
  const parts = '$text' in value ? (value.$text ?? []) : [value]
  return parts.flatMap((part) =>
    typeof part === 'object' && '$ref' in part && part.$ref !== undefined ? [parseReference(part.$ref)] : [],
  )
}

export function parseReference(text: string): ParsedReference {
  const dot = text.indexOf('.')
  return dot === -1 ? { service: text, property: '' } : { service: text.slice(0, dot), property: text.slice(dot + 1) }
}

/** The explicit part, with each name's natural condition filled in. Names that do not exist are left to the checks. */
function declaredDependencies(service: AnyPart, services: Services): readonly Dependency[] {
  const declared = service.dependsOn ?? []
  if (!isList(declared))
    return Object.entries(declared).map(([name, condition]) => ({ service: name, condition: condition ?? 'started' }))
  return declared.flatMap((name) => {
    if (name === undefined) return []
    const target = services.get(name)
    return [{ service: name, condition: target === undefined ? 'started' : naturalCondition(target) }]
  })
}

/** `Array.isArray` does not narrow readonly arrays. */
export function isList(
  dependsOn: NonNullable<AnyPart['dependsOn']>,
): dependsOn is Extract<NonNullable<AnyPart['dependsOn']>, readonly unknown[]> {
  return Array.isArray(dependsOn)
}

/** All edges of a service, sorted by name; of two to the same service the stronger condition stays. */
export function dependencies(service: AnyPart, services: Services): readonly Dependency[] {
  const edges = new Map<string, Condition>()
  const add = ({ service: name, condition }: Dependency) => {
    const target = services.get(name)
    if (target === undefined) return
    const effective = condition === 'migrated' ? naturalCondition(target) : condition
    const present = edges.get(name)
    if (present === undefined || strength[effective] > strength[present]) edges.set(name, effective)
  }
  for (const edge of declaredDependencies(service, services)) add(edge)
  for (const { service: name } of serviceReferences(service)) {
    const target = services.get(name)
    if (target !== undefined) add({ service: name, condition: naturalCondition(target) })
  }
  return [...edges]
    .map(([name, condition]) => ({ service: name, condition }))
    .toSorted((a, b) => compareText(a.service, b.service))
}

function serviceReferences(service: AnyPart): readonly ParsedReference[] {
  if (service.kind !== 'container') return []
  return Object.values(service.env ?? {}).flatMap((value) => referencesIn(value))
}

/** Each later one includes the earlier ones. */
const strength: Readonly<Record<Condition, number>> = { started: 0, ready: 1, migrated: 2, completed: 3 }

/** Services that wait for themselves, by way of others or not. */
export function waitingInCircles(services: Services): readonly (readonly string[])[] {
  return findCycles(services.keys(), (name) => {
    const service = services.get(name)
    return service === undefined ? [] : dependencies(service, services).map((edge) => edge.service)
  })
}
