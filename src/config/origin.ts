/** Where a value of a config comes from. */
import { relative } from 'node:path'
import { placeOf, type Variable } from './environment/environment.ts'
import { formatPath } from './schema/issues.ts'
import { locate } from './locate/locate.ts'
import { escapePattern } from './locate/source-text.ts'
import type { FramePosition } from './locate/code-frame.ts'
import type { LoadedLayers } from './layers.ts'
import type { ConfigInputs } from './load/inputs.ts'
import type { Path } from './schema/issues.ts'
import type { ShownValue } from './shown.ts'
import type { Place, SourceText } from './locate/source-text.ts'

export type ValueOrigin =
  | { readonly kind: 'default' }
  /** From the references in `env`. */
  | { readonly kind: 'references' }
  | { readonly kind: 'conventions' }
  | { readonly kind: 'flag'; readonly flag: string }
  /** A `POSTSTACK_…` variable; `place` is `environment`, or its line in `.env`. */
  | { readonly kind: 'variable'; readonly variable: string; readonly place: string }
  | {
      readonly kind: 'config'
      /** Relative to the project. */
      readonly file: string
      /** Absent for what is computed, and stands nowhere as such. */
      readonly line?: number
      readonly column?: number
      /** Of several layers: where `defineConfig` was called for the one that says it, as `base.ts:3`. */
      readonly layer?: string
      /** Environment variables that it is read from. */
      readonly variables?: readonly string[]
    }

export interface OriginSources {
  readonly root: string
  /** Absolute; absent where conventions apply. */
  readonly file: string | undefined
  readonly sources: readonly SourceText[]
  /** Where each part stands, by its path, where the file is data. */
  readonly positions?: ReadonlyMap<string, FramePosition> | undefined
  readonly layers?: LoadedLayers | undefined
  readonly inputs: ConfigInputs
  /** Variables that win over a value, by its path. */
  readonly environment: ReadonlyMap<string, Variable>
  /** Flags that win over a value, by its path. */
  readonly flags: Readonly<Record<string, string>>
}

export function originOf(shown: ShownValue, from: OriginSources): ValueOrigin {
  const { root, file, sources, inputs, flags } = from
  const { path, value, isDeclared } = shown
  const flag = flags[formatPath(path)]
  if (flag !== undefined) return { kind: 'flag', flag }
  const variable = from.environment.get(formatPath(path))
  if (variable !== undefined) return { kind: 'variable', variable: variable.name, place: placeOf(variable) }
  if (!isDeclared) return { kind: path.at(-1) === 'dependsOn' ? 'references' : 'default' }
  if (file === undefined) return { kind: 'conventions' }
  const position = from.positions?.get(formatPath(path))
  if (position !== undefined) return { kind: 'config', file: relative(root, file), ...position }
  const definition = layerOf(path, from.layers)
  const among = definition === undefined ? sources : sources.filter((source) => source.file === definition.file)
  const found =
    path.length === 1
      ? placeOfTop(String(path[0]), among)
      : locate({ path, message: '', value: JSON.stringify(value) }, among)
  const place = found ?? definition
  if (place === undefined) return { kind: 'config', file: relative(root, file) }
  // Which function was called says the kind, whatever it was given.
  const isCalled = path.at(-1) === 'kind' && !/^['"]?kind\b/.test(lineOf(place, sources))
  const variables = isCalled ? [] : variablesAt(place, sources).filter((name) => inputs.variables.includes(name))
  return {
    kind: 'config',
    file: relative(root, place.file),
    line: place.line,
    column: place.column,
    ...(definition !== undefined && { layer: `${relative(root, definition.file)}:${String(definition.line)}` }),
    ...(variables.length > 0 && { variables }),
  }
}

/** Where the layer was defined that says a value, or the list that it is in. */
function layerOf(path: Path, layers: LoadedLayers | undefined): Place | undefined {
  for (let length = path.length; length > 0; length--) {
    const layer = layers?.values[formatPath(path.slice(0, length))]
    if (layer !== undefined) return layers?.places[layer] ?? undefined
  }
  return undefined
}

/** A key of the stack itself, where it stands once. */
function placeOfTop(key: string, sources: readonly SourceText[]): Place | undefined {
  return locate({ path: [key], message: 'unknown key' }, sources)
}

const reading = /\benv\s*(?:\(\s*['"`](\w+)|\.(\w+)|\[\s*['"`](\w+))/g

/** The variables that are read in the rest of that line, or where the constant is made that stands there. */
function variablesAt(place: Place, sources: readonly SourceText[]): readonly string[] {
  const line = lineOf(place, sources)
  const constant = /^['"]?[\w$]+['"]?\s*:\s*([A-Za-z_$][\w$]*)\s*[,}\s]|^([A-Za-z_$][\w$]*)\s*[,}]/.exec(`${line} `)
  const name = constant?.[1] ?? constant?.[2]
  const made = name === undefined ? '' : (madeOf(name, sources) ?? '')
  return [
    ...new Set(
      [...`${untilNext(line)}\n${made}`.matchAll(reading)].map((match) => match[1] ?? match[2] ?? match[3] ?? ''),
    ),
  ]
}

function lineOf({ file, line, column }: Place, sources: readonly SourceText[]): string {
  const text = sources.find((source) => source.file === file)?.text ?? ''
  return (text.split('\n')[line - 1] ?? '').slice(column - 1)
}

/** Up to the comma or bracket that ends the value. */
function untilNext(line: string): string {
  let depth = 0
  for (const [index, sign] of line.split('').entries()) {
    if ('([{'.includes(sign)) depth++
    else if (')]}'.includes(sign)) depth--
    if (depth < 0 || (depth === 0 && sign === ',')) return line.slice(0, index)
  }
  return line
}

function madeOf(name: string, sources: readonly SourceText[]): string | undefined {
  const pattern = new RegExp(String.raw`\b(?:const|let|var)\s+${escapePattern(name)}\b[^=\n]*=(.*)`, 'g')
  const [only, another] = sources.flatMap(({ text }) => [...text.matchAll(pattern)])
  return another === undefined ? only?.[1] : undefined
}
