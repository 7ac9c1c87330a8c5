/** YAML, and so JSON too, as plain data with the place of everything in it; and such data as text. The door to `yaml`: loaded where it is needed. */
import { Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Node } from 'yaml'
import type { FramePosition } from './locate/code-frame.ts'
import { formatPath, type Path } from './schema/issues.ts'

export interface YamlText {
  readonly value: unknown
  /** Where each key and each element stands, by its path as `formatPath` writes it. */
  readonly positions: ReadonlyMap<string, FramePosition>
}

export interface YamlMistake extends FramePosition {
  readonly message: string
  /** A tab stands where blanks belong. */
  readonly isTab?: boolean
}

/** `comments` stand behind their values, by the paths of these. */
export function yamlText(value: unknown, comments: readonly (readonly [Path, string])[] = []): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  for (const [path, comment] of comments) {
    const node = document.getIn(path, true)
    if (isNode(node)) node.comment = ` ${comment}`
  }
  return document.toString({ lineWidth: 0 })
}

/** Every mistake, when the text is not what it should be. */
export function parseYaml(text: string): YamlText | { readonly mistakes: readonly YamlMistake[] } {
  const lines = new LineCounter()
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    resolveKnownTags: false,
    merge: true,
  } as const
  const document = parseDocument(text, options)
  const at = (offset: number): FramePosition => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const wrong = [...document.errors, ...document.warnings]
  // A tag that nobody knows is a warning of the parser, and its value would be another one than was meant.
  if (wrong.length > 0)
    return {
      mistakes: wrong.map(({ code, message, pos }) => ({
        message: inWords(code, message),
        isTab: code === 'TAB_AS_INDENT',
        ...at(pos[0]),
      })),
    }
  const lost = lostAliases(document)
  if (lost.length > 0)
    return {
      mistakes: lost.map(({ name, offset }) => ({ message: `there is no anchor &${name} before it`, ...at(offset) })),
    }
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    // What holds itself cannot be written down.
    JSON.stringify(value)
    return { value, positions: positionsIn(document, at) }
  } catch (error) {
    return {
      mistakes: [
        {
          message: `its aliases cannot be followed: ${(error as Error).message.split('\n', 1)[0] ?? ''}`,
          line: 1,
          column: 1,
        },
      ],
    }
  }
}

/** Aliases of anchors that are not there, or come later. */
function lostAliases(document: Document.Parsed): readonly { readonly name: string; readonly offset: number }[] {
  const lost: { readonly name: string; readonly offset: number }[] = []
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) lost.push({ name: alias.source, offset: alias.range?.[0] ?? 0 })
    },
  })
  return lost
}

function inWords(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; only one can be read'
  return message.replace(/^./, (letter) => letter.toLowerCase()).replace(/\.$/, '')
}

function positionsIn(document: Document.Parsed, at: (offset: number) => FramePosition): YamlText['positions'] {
  const positions = new Map<string, FramePosition>()
  const note = (path: Path, node: unknown): void => {
    const start = (node as Partial<Node> | null)?.range?.[0]
    if (start !== undefined) positions.set(formatPath(path), at(start))
  }
  const walk = (node: unknown, path: Path): void => {
    const found = isAlias(node) ? node.resolve(document) : node
    if (isMap(found)) {
      for (const { key, value } of found.items) {
        const inside = [...path, isScalar(key) ? String(key.value) : String(key)]
        note(inside, key)
        walk(value, inside)
      }
    } else if (isSeq(found)) {
      for (const [index, item] of found.items.entries()) {
        note([...path, index], item)
        walk(item, [...path, index])
      }
    }
  }
  walk(document.contents, [])
  return positions
}
