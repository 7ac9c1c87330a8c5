/**
 * The published types, as users' editors and compilers read them. A change here is a change for everybody who uses the library:
 * `npm test -- tests/api.test.ts -u` takes it over, and the commit says why it is worth it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { publishedTypes } from './support/api.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
}
const entries = Object.entries(exports).flatMap(([path, entry]) =>
  typeof entry === 'string' ? [] : [[join('poststack', path), entry.types] as const],
)

test.each(entries)('%s must have the types that were published last', async (name, file) => {
  const text = publishedTypes(join(root, file))
  // A reader that finds nothing would be content with everything.
  expect(text).toMatch(/^(?:interface|type|const|function) \w+/m)
  await expect(text).toMatchFileSnapshot(`__snapshots__/${name.replaceAll('/', '-')}.api.txt`)
})
