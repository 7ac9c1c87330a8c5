/**
 * Carriage returns that are data. Every line end of a file is read as LF, as a checkout may have changed them; inside of a string that is
 * another value than the file has.
 */
import { leadingWords, scanStatements, type Span, type Statement } from '../sql/statements.ts'
import { readToken } from '../sql/tokens.ts'

/** A CR of a file: where what became of it stands in the text, and whether no LF was behind it. */
interface Return {
  readonly index: number
  readonly lone: boolean
}

/**
 * Index in the text of the first CR that was part of a value: in a string, or with no LF behind it also in code and in rows of COPY. `raw` is
 * the text before its line ends were changed.
 */
export function returnInValue(raw: string, text: string): number | undefined {
  const returns = returnsOf(raw)
  if (returns.length === 0) return undefined
  let next = 0
  const within = ({ start, end }: Span, lone: boolean): number | undefined => {
    while (next < returns.length && (returns[next]?.index ?? 0) < start) next++
    for (let at = next; at < returns.length && (returns[at]?.index ?? end) < end; at++)
      if (!lone || returns[at]?.lone === true) return returns[at]?.index
    return undefined
  }
  for (const statement of scanStatements(text)) {
    const found = inStrings(text, statement, within)
    if (found !== undefined) return found
    const row = statement.copy === undefined ? undefined : within(statement.copy, true)
    if (row !== undefined) return row
  }
  return undefined
}

function inStrings(
  text: string,
  statement: Statement,
  within: (span: Span, lone: boolean) => number | undefined,
): number | undefined {
  // The body of a function is code, to which line ends say nothing.
  const [word = ''] = leadingWords(text, statement, 1)
  const holdsCode = word === 'create' || word === 'do'
  for (let at = statement.start; at < statement.end;) {
    const { kind, end } = readToken(text, at)
    const quoted = kind === 'other' && end > at + 1
    const found = quoted ? within({ start: at, end }, holdsCode && text.charAt(at) === '$') : undefined
    if (found !== undefined) return found
    at = end
  }
  return undefined
}

function returnsOf(raw: string): readonly Return[] {
  const returns: Return[] = []
  let gone = raw.startsWith('\uFEFF') ? 1 : 0
  for (let at = raw.indexOf('\r'); at !== -1; at = raw.indexOf('\r', at + 1)) {
    const lone = raw.charAt(at + 1) !== '\n'
    returns.push({ index: at - gone, lone })
    if (!lone) gone++
  }
  return returns
}
