/**
 * What is open to the end of a text swallows all that stands behind it. Where that is a comment there may be nothing left to run, and the
 * server, asked to run nothing, would not complain.
 */
import type { SqlProblem } from './program.ts'

/** What is wrong with a comment, string or name that begins at the index and is never closed. */
export function unclosedProblems(sql: string, index: number | undefined): readonly SqlProblem[] {
  if (index === undefined) return []
  const never = 'is never closed, so everything after it belongs to it'
  if (!sql.startsWith('/*', index)) return [{ index, ...quotedAt(sql, index, never) }]
  const inner = openingsIn(sql, index + 2)
  const [first] = inner
  if (first === undefined)
    return [{ index, message: `this comment ${never}.`, hint: 'Close it with */ where it is to end.' }]
  const others =
    inner.length === 1
      ? 'one more begins inside it, which needs a "*/" of its own'
      : `${inner.length} more begin inside it, each of which needs a "*/" of its own`
  const hint =
    'Take "/*" out of the comment, writing "db/ *.sql" for "db/*.sql"; or begin each of its lines with "--" in place of "/*" and "*/". If it was to end earlier, put the missing "*/" there.'
  return [
    { index, message: `this comment ${never}: PostgreSQL nests comments, and ${others}.`, hint },
    { index: first, message: `${wordAt(sql, first)} begins a comment inside the one that is never closed.`, hint },
  ]
}

/** What stands around an opening, so that a person sees what was taken for one: `"app/models/*.rb,"`. */
function wordAt(sql: string, index: number): string {
  const before = /\S*$/.exec(sql.slice(Math.max(0, index - 30), index))?.[0] ?? ''
  const after = /^\S*/.exec(sql.slice(index, index + 30))?.[0] ?? ''
  return JSON.stringify(before + after)
}

function quotedAt(sql: string, index: number, never: string): Pick<SqlProblem, 'message' | 'hint'> {
  const [tag] = /^\$[^$]*\$/.exec(sql.slice(index, index + 100)) ?? []
  if (tag !== undefined)
    return { message: `this dollar-quoted string ${never}.`, hint: `Close it with ${tag} where it is to end.` }
  const quote = sql.charAt(index) === '"' ? '"' : "'"
  const what = quote === '"' ? 'quoted name' : 'string'
  const hint = `Close it with ${quote} where it is to end. If it is closed, a ${what} above it is not, or holds a ${quote} that has to be doubled: ${quote}${quote}`
  return { message: `this ${what} ${never}.`, hint }
}

function openingsIn(sql: string, from: number): readonly number[] {
  return [...sql.slice(from).matchAll(/\/\*|\*\//g)].flatMap(({ 0: mark, index }) =>
    mark === '/*' ? [from + index] : [],
  )
}
