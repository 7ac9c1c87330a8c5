/**
 * A database's schema as data: every object by its name, with a canonical definition. Two snapshots are equal when the schemas
 * are, whatever the order in which things were made and the numbers they got.
 */
import { createHash } from 'node:crypto'
import { compareText } from '../../config/text-order.ts'
import { PoststackError } from '../../errors.ts'

/** One object. Its identity is class and name; everything else about it stands in the definition. */
export interface SchemaObject {
  /** `table`, `column`, `index`, `constraint`, `function`, `enum-value` … */
  readonly class: string
  /** Qualified and quoted as SQL needs it: `public.users`, `public.users.email`, `users_pkey on public.users`, `public.f(integer,text)`. */
  readonly name: string
  /**
   * Canonical text; equal texts mean equal objects. One `attribute: value` a line, without the attributes that have their
   * default; later lines of a value begin with a tab.
   */
  readonly definition: string
  /** Class and name of the object that it comes and goes with: `table public.users` of a column. */
  readonly parent?: string
}

export interface Snapshot {
  /** Sorted by class and name. */
  readonly objects: readonly SchemaObject[]
  /** SHA-256 in hex over all objects; the schema's fingerprint. */
  readonly fingerprint: string
}

// Of what definitions look like. Snapshots of different formats say nothing about each other, so it is counted up with each change
// of a query or of the text made of it.
const snapshotFormat = 1

/** Puts objects in their order and takes the fingerprint. */
export function createSnapshot(objects: readonly SchemaObject[]): Snapshot {
  const sorted = objects.toSorted((a, b) => compareText(a.class, b.class) || compareText(a.name, b.name))
  const hash = createHash('sha256').update(`format ${snapshotFormat}\n`)
  // Lengths, not separators: a name may hold any character.
  for (const object of sorted)
    for (const text of [object.class, object.name, object.definition]) hash.update(`${text.length}:${text}`)
  return { objects: sorted, fingerprint: hash.digest('hex') }
}

/** A snapshot as one text of JSON, for a column of type `text`, `json` or `jsonb`. Holds whole definitions, to show old and new. */
export function packSnapshot(snapshot: Snapshot): string {
  const objects = snapshot.objects.map((object) =>
    [object.class, object.name, object.definition, object.parent].filter((text) => text !== undefined),
  )
  return JSON.stringify({ format: snapshotFormat, objects })
}

/**
 * The snapshot of a text that `packSnapshot` made; `undefined` when a Poststack made it that wrote definitions differently, so
 * that it can only be recorded anew. Fails with `LEDGER_FOREIGN` when it is no snapshot at all.
 */
export function unpackSnapshot(text: string): Snapshot | undefined {
  const packed = parseJson(text)
  if (typeof packed !== 'object' || packed === null || !('format' in packed) || typeof packed.format !== 'number')
    throw notASnapshot()
  if (packed.format !== snapshotFormat) return undefined
  if (!('objects' in packed) || !Array.isArray(packed.objects)) throw notASnapshot()
  return createSnapshot(packed.objects.map(unpackObject))
}

function unpackObject(entry: unknown): SchemaObject {
  if (!Array.isArray(entry) || !entry.every((text) => typeof text === 'string')) throw notASnapshot()
  const [kind, name, definition, parent] = entry
  if (kind === undefined || name === undefined || definition === undefined) throw notASnapshot()
  return { class: kind, name, definition, ...(parent === undefined ? {} : { parent }) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notASnapshot(error)
  }
}

function notASnapshot(cause?: unknown): PoststackError {
  return new PoststackError('LEDGER_FOREIGN', 'The schema snapshot in the ledger is not one that Poststack wrote.', {
    hint: 'Somebody changed that column by hand. It is recorded again with the next migration that is applied.',
    ...(cause === undefined ? {} : { cause }),
  })
}
