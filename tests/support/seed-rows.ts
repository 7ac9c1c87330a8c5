/**
 * The description of the original Poststack, a Python program, as rows: a line of it, what is promised, and the check that Poststack keeps it.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

export interface SeedRow {
  /** As it stands there: a command, a variable, a file, or a sentence. */
  readonly line: string
  /** What must be so after it. */
  readonly effect: string
  /** Why it is done in another way here; the page "design" of the project says so. */
  readonly adapted?: string
  readonly check: () => Promise<void>
}

/** Rows of a chapter, in the order in which a reader would follow them: each builds on what the ones before have left. */
export function followSeed(chapter: string, rows: readonly SeedRow[]): void {
  describe(`the description of the original: ${chapter}`, () => {
    for (const { adapted, check, effect, line } of rows) {
      test(`${line} => ${effect}${adapted === undefined ? '' : ` (adapted: ${adapted})`}`, check)
    }
  })
}

/** What another test asserts in full; it must be there, under this title or with these words in it. */
export function elsewhere(file: string, words: string): () => Promise<void> {
  return async () => {
    const text = await readFile(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8')
    expect(text).toContain(words)
  }
}
