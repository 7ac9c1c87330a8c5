/** Questions to the plain form of services, for code that does without the schema: zod is slow to load. */
import type { AnyPart, ExternalPart, PlainExternal, PlainService, PlainStack } from '../schema/schema.ts'

/** Whether a part says this key, and what it says is wrong. */
export function isWrong(part: object, key: string): boolean {
  return Object.hasOwn(part, key) && (part as Readonly<Record<string, unknown>>)[key] === undefined
}

export function isExternal(service: PlainService): service is PlainExternal
export function isExternal(service: AnyPart): service is ExternalPart
export function isExternal(service: AnyPart): boolean {
  return service.kind === 'postgres' && 'url' in service
}

/** The plain form of a config that has passed the schema before. */
export function withoutCheck(plain: unknown): PlainStack {
  const { hooks, logs, name, profiles, runtime, services } = plain as Pick<PlainStack, 'name' | 'runtime'> & {
    readonly hooks?: PlainStack['hooks']
    readonly logs?: PlainStack['logs']
    readonly profiles?: readonly string[]
    readonly services: Readonly<Record<string, PlainService>>
  }
  const entries = new Map(Object.entries(services))
  const names = new Set(entries.keys())
  return { name, runtime, hooks, logs, profiles: profiles ?? [], services: entries, parts: entries, names }
}
