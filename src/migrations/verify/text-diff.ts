/**
 * Two texts side by side. The only importer of `diff`, which is loaded when there is something to show.
 */

/** The changed lines with two around them, as `diff -u` writes them without its head; nothing for equal texts. */
export async function textDiff(before: string, after: string): Promise<readonly string[]> {
  const { structuredPatch } = await import('diff')
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: 2 })
  return hunks.flatMap(({ oldStart, newStart, lines }) => [`@@ -${oldStart} +${newStart} @@`, ...lines])
}
