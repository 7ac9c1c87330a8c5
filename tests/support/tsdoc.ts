/**
 * Reads the documented fields of interfaces and object types out of source text. TypeScript 7 has no compiler API for
 * programs, and the files it is used on are plain lists of fields.
 */

export interface DocumentedField {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly meaning: string
  /** Text of `@default`, as it stands there. */
  readonly fallback: string | undefined
}

/** Fields by the name of the exported interface or type that declares them, in the order of the file. */
export function documentedFields(source: string): ReadonlyMap<string, readonly DocumentedField[]> {
  const found = new Map<string, DocumentedField[]>()
  let current: DocumentedField[] | undefined
  let comment = ''
  for (const line of withWholeComments(source)) {
    const declared = /^export (?:interface|type) (\w+)/.exec(line)?.[1]
    const field = /^ +readonly (\w+)(\??): (.+)$/.exec(line)
    if (/^\s*\/\*\*/.test(line)) {
      comment = line
    } else if (declared !== undefined) {
      current = []
      found.set(declared, current)
    } else if (field !== null && current !== undefined) {
      const [, name = '', optional, type = ''] = field
      if (readable(type) !== '') {
        current.push({ name, type: readable(type), required: optional === '', ...readComment(comment) })
      }
      comment = ''
    } else {
      comment = ''
    }
  }
  return found
}

/** The lines of a source, each doc comment as one of them. */
function withWholeComments(source: string): readonly string[] {
  const joined = source.replace(/\/\*\*[\s\S]*?\*\//g, (comment) =>
    comment.replace(/\s*\n\s*\*?\s*/g, '\n').replaceAll('\n', '\u0001'),
  )
  return joined.split('\n')
}

function readComment(comment: string): Pick<DocumentedField, 'meaning' | 'fallback'> {
  const text = comment.replace(/^\s*\/\*\*|\*\/\s*$|\/\s*$/g, '').replaceAll('\u0001', ' ')
  const [meaning = '', fallback] = text.split('@default')
  return { meaning: meaning.trim(), fallback: fallback?.trim() }
}

/** A type without what only the compiler needs. */
function readable(type: string): string {
  return type
    .replace(/(?:^|\s*\|\s*)undefined$/, '')
    .replace(/\breadonly /g, '')
    .replace(/\bReadonly<(Record<.*?>)>/g, '$1')
    .replace(/NoInfer<\w+>/g, 'string')
    .replace(/<Port>/g, '')
    .replace(/\bPort\b/g, 'string')
    .replace('<string>', '')
    .trim()
}

/** Types that are one line of text or other plain types, by name: short enough to be shown in place of the name. */
export function shortTypes(source: string): ReadonlyMap<string, string> {
  const found = source.matchAll(/^export type (\w+) = ([\w' |-]+)$/gm)
  return new Map([...found].map(([, name = '', type = '']) => [name, type]))
}
