/**
 * What two snapshots differ in, and what that means for a rollback. Pure.
 */
import { compareText } from '../../config/text-order.ts'
import type { SchemaObject, Snapshot } from './snapshot.ts'

export interface SchemaDifference {
  readonly kind: 'added' | 'removed' | 'changed'
  readonly class: string
  readonly name: string
  /** Of a removed object the whole definition; of a changed one the attributes that changed, one a line as in the definition. */
  readonly before?: string
  /** Of an added object the whole definition; of a changed one the attributes that changed. */
  readonly after?: string
  /** Objects that were added or removed along with it and are not listed themselves: class -> how many. */
  readonly parts?: Readonly<Record<string, number>>
}

export interface RollbackJudgement {
  /**
   * `exact`: the schema is as it was. `column-order`: but for the order of columns, which no rollback can restore.
   * `irreversible`: all that is left is labels of enums, which PostgreSQL cannot take away again. Else `not-restored`.
   */
  readonly verdict: 'exact' | 'column-order' | 'irreversible' | 'not-restored'
  /** After the rollback, seen from before: what was left behind is `added`. */
  readonly differences: readonly SchemaDifference[]
}

/**
 * The differences, sorted by class and name. What came or went with its table, type or server is counted there. An order of columns or
 * labels is a difference only if it is another among those that both have.
 */
export function compareSnapshots(before: Snapshot, after: Snapshot): readonly SchemaDifference[] {
  if (before.fingerprint === after.fingerprint) return []
  const old = byIdentity(before)
  const fresh = byIdentity(after)
  const removed = only(old, fresh, 'removed')
  const added = only(fresh, old, 'added')
  const changed = after.objects.flatMap((object) => {
    const was = old.get(identityOf(object))
    return was === undefined || was.definition === object.definition ? [] : changeOf(was, object)
  })
  return [...removed, ...added, ...changed].toSorted(
    (a, b) => compareText(a.class, b.class) || compareText(a.name, b.name),
  )
}

/** Whether a rollback restored the schema: `before` was taken before the migration, `afterRollback` after its rollback. */
export function judgeRollback(before: Snapshot, afterRollback: Snapshot): RollbackJudgement {
  const differences = compareSnapshots(before, afterRollback)
  const rest = differences.filter((difference) => difference.class !== 'column-order')
  const verdict =
    differences.length === 0
      ? 'exact'
      : rest.length === 0
        ? 'column-order'
        : rest.every(isLabelLeft)
          ? 'irreversible'
          : 'not-restored'
  return { verdict, differences }
}

function isLabelLeft(difference: SchemaDifference): boolean {
  return difference.kind === 'added' && difference.class === 'enum-value'
}

type Objects = ReadonlyMap<string, SchemaObject>

function byIdentity(snapshot: Snapshot): Objects {
  return new Map(snapshot.objects.map((object) => [identityOf(object), object]))
}

function identityOf(object: SchemaObject): string {
  return `${object.class} ${object.name}`
}

/** What one side alone has, each with the parts that it explains. */
function only(here: Objects, there: Objects, kind: 'added' | 'removed'): readonly SchemaDifference[] {
  const parts = new Map<string, Record<string, number>>()
  const tops: SchemaObject[] = []
  for (const [key, object] of here) {
    if (there.has(key)) continue
    const top = topmost(object, here, there)
    if (top === object) tops.push(object)
    else count(parts, identityOf(top), object.class)
  }
  return tops.map((object) => {
    const counted = parts.get(identityOf(object))
    return {
      kind,
      class: object.class,
      name: object.name,
      [kind === 'added' ? 'after' : 'before']: object.definition,
      ...(counted === undefined ? {} : { parts: counted }),
    }
  })
}

/** The outermost object that came or went with this one: of an index of a primary key of a new table, the table. */
function topmost(object: SchemaObject, here: Objects, there: Objects): SchemaObject {
  const seen = new Set<SchemaObject>()
  let top = object
  while (top.parent !== undefined && !seen.has(top)) {
    seen.add(top)
    const parent = here.get(top.parent)
    if (parent === undefined || there.has(top.parent)) break
    top = parent
  }
  return top
}

function count(parts: Map<string, Record<string, number>>, key: string, kind: string): void {
  const counts = parts.get(key) ?? {}
  counts[kind] = (counts[kind] ?? 0) + 1
  parts.set(key, counts)
}

function changeOf(was: SchemaObject, is: SchemaObject): readonly SchemaDifference[] {
  if (is.class.endsWith('-order') && !isReordered(was.definition, is.definition)) return []
  const old = attributesOf(was.definition)
  const fresh = attributesOf(is.definition)
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((name) => old.get(name) !== fresh.get(name))
    .toSorted(compareText)
  const text = (attributes: ReadonlyMap<string, string>): string =>
    names.flatMap((name) => (attributes.has(name) ? [attributes.get(name)] : [])).join('\n')
  return [{ kind: 'changed', class: is.class, name: is.name, before: text(old), after: text(fresh) }]
}

function isReordered(was: string, is: string): boolean {
  const old = namesOf(was)
  const fresh = namesOf(is)
  return inBoth(old, fresh) !== inBoth(fresh, old)
}

function inBoth(names: readonly string[], others: readonly string[]): string {
  const known = new Set(others)
  return names.filter((name) => known.has(name)).join(' ')
}

function namesOf(definition: string): readonly string[] {
  return definition.slice(definition.indexOf(':') + 1).match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? []
}

/** The attributes of a definition: name -> its lines as they stand there. */
export function attributesOf(definition: string): ReadonlyMap<string, string> {
  if (definition === '') return new Map()
  return new Map(definition.split(/\n(?!\t)/).map((line) => [line.slice(0, line.indexOf(':')), line]))
}
