import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { wrongLines } from './support/json-lines.ts'
import { outputSchemas } from './support/output-schemas.ts'
import { page } from './support/readme.ts'

// What `--json` prints is published in docs/json/. Here the schemas are those of the types; that the program prints nothing else is
// looked at whenever a test runs it with `--json` (tests/support/cli.ts).
// `POSTSTACK_README=write npm test -- tests/json-output.test.ts` writes the schemas.

const folder = fileURLToPath(new URL('../docs/json', import.meta.url))
const writes = process.env['POSTSTACK_README'] === 'write'

test('the schemas of JSON output are those of the types', { timeout: 120_000 }, async () => {
  const rows = [...page('docs/json.md').text.matchAll(/^\| \[`([a-z-]+)`\]\(json\/\1\.schema\.json\) \| (.+) \|$/gm)]
  const meanings = new Map(rows.map(([, type = '', meaning = '']) => [type, meaning]))
  const made = outputSchemas(meanings)
  expect([...meanings.keys()].toSorted()).toEqual([...made.keys()].toSorted())
  for (const [type, schema] of made) {
    const file = join(folder, `${type}.schema.json`)
    const text = `${JSON.stringify(schema, undefined, 2)}\n`
    if (writes) await writeFile(file, text)
    else expect(await readFile(file, 'utf8'), `${type}: see the head of this file`).toBe(text)
  }
  expect((await readdir(folder)).length).toBe(made.size)
})

function line(fields: object): string {
  return `${JSON.stringify({ version: 1, type: 'notice', ...fields })}\n`
}

test('what runCli looks at sees what is missing, wrong, or not published', () => {
  expect(wrongLines(line({ message: 'a' }) + line({ message: 'b', file: 'c' }))).toEqual([])
  expect(wrongLines(line({}))[0]).toContain("must have required property 'message'")
  expect(wrongLines(line({ message: 1 }))[0]).toContain('notice/message must be string')
  expect(wrongLines(line({ message: 'a', more: 1 }))[0]).toContain('must NOT have additional properties')
  expect(wrongLines(line({ version: 2, message: 'a' }))).toHaveLength(1)
  expect(() => wrongLines(line({ type: 'unheard-of' }))).toThrow()
})
