/** Schemas for property tests: few names, so that two of them have objects in common. */
import fc from 'fast-check'
import { createSnapshot, type SchemaObject } from '../../../../src/migrations/snapshot/snapshot.ts'

const name = fc.constantFrom('a', 'b', '"c, d"', 'é😀')
const value = fc.constantFrom('integer', 'text', 'line\n\tnext: line', '', 'a, b, "c, d"')
const definition = fc
  .dictionary(fc.constantFrom('type', 'null', 'query'), value, { noNullPrototype: true })
  .map((attributes) =>
    Object.entries(attributes)
      .map(([key, text]) => `${key}: ${text}`)
      .join('\n'),
  )

const object: fc.Arbitrary<SchemaObject> = fc.oneof(
  fc.record({ class: fc.constant('table'), name, definition }),
  fc.record({ table: name, column: name, definition }).map((column) => ({
    class: 'column',
    name: `${column.table}.${column.column}`,
    definition: column.definition,
    parent: `table ${column.table}`,
  })),
  fc.record({ name, order: fc.shuffledSubarray(['x', '"y, z"', 'w']) }).map((order) => ({
    class: 'column-order',
    name: order.name,
    definition: `order: ${order.order.join(', ')}`,
    parent: `table ${order.name}`,
  })),
)

export const snapshots = fc
  .uniqueArray(object, { selector: (one) => `${one.class} ${one.name}`, maxLength: 12 })
  .map(createSnapshot)
