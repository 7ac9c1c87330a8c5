/**
 * What of a text goes to the server: everything but what is psql's, the BEGIN and COMMIT that are left out, and foreign blanks.
 */
import { blankSpans } from './blank.ts'
import type { Scan, Span, Statement } from './statements.ts'
import type { TransactionPair } from './transactions.ts'

export interface Served {
  /** As long as the text itself, so that a place in the one is a place in the other. Data of COPY still stands in it. */
  readonly text: string
  readonly statements: readonly Statement[]
}

export function servedText(sql: string, scan: Scan, pairs: readonly TransactionPair[]): Served {
  const { statements, commands, strays } = scan
  if (pairs.length === 0) return { text: blankSpans(sql, [...commands, ...strays]), statements }
  // With their semicolons, so that nothing is left of them.
  const ends = pairs.flatMap(({ begin, commit }) => [begin, commit])
  const left = new Set<Span>(ends)
  return {
    text: blankSpans(sql, [...commands, ...strays, ...ends.map((span) => withSemicolon(sql, span))]),
    statements: statements.filter((statement) => !left.has(statement)),
  }
}

export function withSemicolon(sql: string, { start, end }: Span): Span {
  return { start, end: sql.charAt(end) === ';' ? end + 1 : end }
}
