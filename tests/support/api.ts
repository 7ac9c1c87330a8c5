/**
 * The published types as one text: what an entry exports, with everything that these types are made of, sorted by name, without comments.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Module {
  /** Statements by what they declare; a function with several forms has several. */
  readonly declared: ReadonlyMap<string, readonly string[]>
  /** Where a name that is not declared here comes from. */
  readonly brought: ReadonlyMap<string, { readonly file: string; readonly name: string }>
  /** The names that it exports, in their order. */
  readonly exported: readonly string[]
}

/** The text of `entry`, the path of a `.d.ts` file. */
export function publishedTypes(entry: string): string {
  const modules = new Map<string, Module>()
  const open = (file: string): Module => {
    const known = modules.get(file) ?? readModule(file)
    modules.set(file, known)
    return known
  }
  const seen = new Set<string>()
  const found: { readonly name: string; readonly text: string }[] = []
  const waiting = open(entry).exported.map((name) => ({ file: entry, name }))
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { file, name } = next
    if (seen.has(`${file} ${name}`)) continue
    seen.add(`${file} ${name}`)
    const { brought, declared } = open(file)
    const from = brought.get(name)
    if (from !== undefined) waiting.push(from)
    for (const text of declared.get(name) ?? []) {
      found.push({ name, text })
      waiting.push(...inlineImports(text, file))
      for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) {
        if (word !== name && (declared.has(word) || brought.has(word))) waiting.push({ file, name: word })
      }
    }
  }
  const list = found.toSorted((one, other) => compare(one.name, other.name) || compare(one.text, other.text))
  const exported = [...open(entry).exported].toSorted(compare)
  return `exports ${exported.join(', ')}\n\n${list.map(({ text }) => text).join('\n\n')}\n`
}

function readModule(file: string): Module {
  const declared = new Map<string, string[]>()
  const brought = new Map<string, { readonly file: string; readonly name: string }>()
  const exported: string[] = []
  for (const statement of statementsOf(readFileSync(file, 'utf8'))) {
    const [, kind, names, from] =
      /^(import|export)(?: type)? \{(.*)\}(?: from ['"](\..*)['"])?;$/s.exec(statement) ?? []
    const [, name] = /^(?:export )?(?:declare )?(?:interface|type|class|const|function) ([\w$]+)/.exec(statement) ?? []
    for (const [own = '', as = own] of (names ?? '').split(',').map((word) =>
      word
        .trim()
        .replace(/^type /, '')
        .split(' as '),
    )) {
      if (own === '') continue
      if (kind === 'export') exported.push(as)
      if (from !== undefined) brought.set(as, { file: fileOf(from, file), name: own })
    }
    if (name === undefined) continue
    if (statement.startsWith('export ')) exported.push(name)
    declared.set(name, [...(declared.get(name) ?? []), statement.replace(/^(?:export )?(?:declare )?/, '')])
  }
  return { declared, brought, exported: [...new Set(exported)] }
}

/** The compiler begins each statement in the first column, with a word; what else stands there goes on with one. */
function statementsOf(text: string): readonly string[] {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').replaceAll(/[ \t]+$/gm, '')
  const statements: string[] = []
  for (const line of bare.split('\n').filter((one) => one.trim() !== '')) {
    if (/^[\s{}()[\]|&]/.test(line) && statements.length > 0) statements.push(`${statements.pop() ?? ''}\n${line}`)
    else statements.push(line)
  }
  return statements
}

function inlineImports(text: string, file: string): readonly { readonly file: string; readonly name: string }[] {
  return [...text.matchAll(/import\(['"](\.[^'"]*)['"]\)\.(\w+)/g)].map(([, from = '', name = '']) => ({
    file: fileOf(from, file),
    name,
  }))
}

function fileOf(specifier: string, importer: string): string {
  return join(dirname(importer), specifier.replace(/\.[jt]s$/, '.d.ts'))
}

function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
