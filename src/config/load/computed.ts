/**
 * Imports of which a part is computed, as in `import(`./${mode}.ts`)`. esbuild itself would take all that lies below the folder, packages too,
 * and fail of whatever is wrong with any of it. Here a computed part stands for one name, and what is wrong with a file is said when it is imported.
 */
import { readFile } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import type { BuildOptions, build as Build, OnLoadResult, Plugin } from 'esbuild'
import { globFiles, parseGlob } from '../glob.ts'
import { compareText } from '../text-order.ts'
import { packageType } from './dependencies.ts'
import type { GlobRead } from './inputs.ts'

/** Of the modules that know the files of an import. */
const namespace = 'poststack-computed'

export interface ComputedImport {
  /** Absolute. */
  readonly importer: string
  /** Relative to its folder: `./*.ts`. */
  readonly pattern: string
  readonly isRequire: boolean
}

/** What is wrong with a file that a computed import may mean; nothing where it can be imported. */
export type Check = (file: string) => Promise<string | undefined>

/** The computed imports of a text call functions instead, which stand at its end. No column moves: their names are as long. */
export async function withoutComputed(source: string, path: string, build: typeof Build): Promise<string> {
  // Most files have none.
  if (!/\b(?:import|require)\s*\((?!\s*(?:'[^']*'|"[^"]*")\s*[,)])/.test(source)) return source
  let text = source
  let functions = ''
  // Of several with the same pattern esbuild tells the first one.
  for (let count = 0; ;) {
    const sites = await sitesIn(text, path, build)
    const before = text
    for (const { at, pattern, isRequire } of sites) {
      const word = isRequire ? 'require' : 'import'
      const call = new RegExp(String.raw`(?<![\w$])${word}(\s*\((?:[\s(]|/\*[^]*?\*/|//.*\n)*)$`).exec(
        text.slice(0, at),
      )
      if (call === null) continue
      const name = nameOf(count++, word.length, source)
      const module = JSON.stringify(`${namespace}:${isRequire ? 'require' : 'import'} ${pattern}`)
      text = text.slice(0, call.index) + name + text.slice(call.index + word.length)
      functions += isRequire
        ? `\nfunction ${name}(name) { return require(${module})(name) }`
        : `\nfunction ${name}(name) { return import(${module}).then((found) => found.default(name)) }`
    }
    if (text === before) return text + functions
  }
}

function nameOf(count: number, length: number, source: string): string {
  const name = `$ps${count.toString(36).padStart(length - 3, '0')}`
  return source.includes(name) ? nameOf(count + 1, length, source) : name
}

interface Site {
  /** Where the expression in the brackets begins. */
  readonly at: number
  readonly pattern: string
  readonly isRequire: boolean
}

/** A folder where nothing is, however far up a pattern leads from it: there esbuild finds the patterns and no file. */
const nowhere = `/poststack-nowhere${'/x'.repeat(100)}`

async function sitesIn(source: string, path: string, build: typeof Build): Promise<readonly Site[]> {
  const options: BuildOptions = {
    stdin: { contents: source, sourcefile: 'source', loader: loaderOf(path), resolveDir: nowhere },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    plugins: [
      { name: 'poststack-only-this', setup: (only) => only.onResolve({ filter: /./ }, () => ({ external: true })) },
    ],
  }
  const errors = await build(options).then(
    () => [],
    (error: unknown) => (error as Partial<Awaited<ReturnType<typeof Build>>>).errors ?? [],
  )
  return errors.flatMap(({ location, text }) => {
    const [, kind, pattern] = /^Could not resolve (import|require)\("(.*)"\)$/.exec(text) ?? []
    if (location === null || pattern === undefined) return []
    const isRequire = kind === 'require'
    return [{ at: offsetOf(source, location), pattern: pattern.replaceAll('/**/*', '/*'), isRequire }]
  })
}

function loaderOf(path: string): 'js' | 'jsx' | 'ts' | 'tsx' {
  if (path.endsWith('x')) return path.endsWith('.tsx') ? 'tsx' : 'jsx'
  return path.endsWith('ts') ? 'ts' : 'js'
}

/** esbuild counts lines from 1, and bytes from 0. */
function offsetOf(source: string, { line, column }: { readonly line: number; readonly column: number }): number {
  const ends = [...source.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map(({ index, 0: end }) => index + end.length)
  const start = line === 1 ? 0 : (ends[line - 2] ?? 0)
  return start + Buffer.from(source.slice(start)).subarray(0, column).toString().length
}

/**
 * The modules behind those functions. `found` hears of each of the imports; what is imported are the files that fit, as long as `check` finds
 * nothing wrong with them, and none without it.
 */
export function computedModules(found: ComputedImport[], check: Check | undefined): Plugin {
  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${namespace}:`) }, ({ importer, path }) => ({
        path: importer,
        namespace,
        // Another one of the same file is another module.
        suffix: `?${path}`,
        pluginData: path.slice(namespace.length + 1),
      }))
      build.onLoad({ filter: /./, namespace }, async ({ path, pluginData }): Promise<OnLoadResult> => {
        const [kind = '', ...pattern] = String(pluginData).split(' ')
        const computed = { importer: path, pattern: pattern.join(' '), isRequire: kind === 'require' }
        found.push(computed)
        const contents = await moduleOf(computed, check)
        return { contents, loader: 'js', resolveDir: dirname(path), watchFiles: [] }
      })
    },
  }
}

/** The importing file, where esbuild names one of those modules. */
export function importerIn(name: string, root: string): string | undefined {
  return name.startsWith(`${namespace}:`)
    ? resolve(root, name.slice(namespace.length + 1).replace(/\?.*$/, ''))
    : undefined
}

async function moduleOf(computed: ComputedImport, check: Check | undefined): Promise<string> {
  const { importer, isRequire, pattern } = computed
  const folder = dirname(importer)
  const files = check === undefined ? [] : filesOf(computed)
  const entries = await Promise.all(
    files.map(async (file) => {
      const path = resolve(folder, file)
      const wrong = await check?.(path)
      const load = wrong === undefined ? await loading(path, isRequire) : () => JSON.stringify(wrong)
      return namesOf(file, pattern).map((name) => `${JSON.stringify(name)}: ${load(JSON.stringify(name))}`)
    }),
  )
  const hint = `No file of that name fits ${pattern}. Guarded, a computed part of an import stands for one name, without "/".`
  return `const files = { __proto__: null, ${[...new Set(entries.flat())].join(', ')} }
${isRequire ? 'module.exports =' : 'export default'} ${isRequire ? '' : 'async '}(name) => {
  const load = files[String(name)]
  if (typeof load === 'function') return load()
  const error = new Error(load ?? \`Cannot find module '\${name}' imported from \${${JSON.stringify(importer)}}\`)
  // It happens where the import is written.
  error.stack = error.stack.replace(/(?:\\n +at ${isRequire ? '.*){2}' : '(?!async ).*)+'}/, '')
  if (load === undefined) Object.assign(error, { code: '${isRequire ? '' : 'ERR_'}MODULE_NOT_FOUND', hint: ${JSON.stringify(hint)} })
  throw error
}`
}

/** Of a module that esbuild splits off, CommonJS has its default only. */
async function loading(file: string, isRequire: boolean): Promise<(name: string) => string> {
  if (isRequire) return (name) => `() => require(${name})`
  if (!(await isCommonJs(file))) return (name) => `() => import(${name})`
  return (name) =>
    `() => { const own = require(${name}); return { ...(typeof own !== 'string' && own), default: own } }`
}

async function isCommonJs(file: string): Promise<boolean> {
  if (!/\.(?:c[jt]s|[jt]sx?)$/.test(file)) return false
  const hasModuleSyntax = /^\s*(?:import|export)\b(?!\()|\bimport\.meta\b|\bawait\b/m.test(await readFile(file, 'utf8'))
  return !hasModuleSyntax && (/\.c[jt]s$/.test(file) || (await packageType(file)) === 'commonjs')
}

/** What stands in a path for another ending, or for none. */
const meant: readonly (readonly [ending: RegExp, written: string])[] = [
  [/\.tsx?$/, '.js'],
  [/\.tsx$/, '.jsx'],
  [/\.mts$/, '.mjs'],
  [/\.cts$/, '.cjs'],
  [/\.(?:[jt]sx?|json)$/, ''],
  [/\/index\.[jt]sx?$/, ''],
]

function namesOf(file: string, pattern: string): readonly string[] {
  const { matches } = parseGlob(pattern)
  const names = [
    file,
    ...meant.flatMap(([ending, written]) => (ending.test(file) ? [file.replace(ending, written)] : [])),
  ]
  return names.filter((name) => matches(bare(name)))
}

function bare(name: string): string {
  return name.replace(/^\.\//, '')
}

/** Relative to the importing file: `./development.ts`. Declarations are no code, and nothing is imported by itself. */
function filesOf({ importer, isRequire, pattern }: ComputedImport): readonly string[] {
  const folder = dirname(importer)
  const files = globFiles(folder, widened(pattern, isRequire)).filter(
    (file) => resolve(folder, file) !== importer && !/\.d\.[cm]?ts$/.test(file),
  )
  return files.map((file) => (file.startsWith('../') ? file : `./${file}`))
}

/** Also what may stand there under another ending. Data without one can only be required: settings such as tsconfig.json are no code. */
function widened(pattern: string, isRequire: boolean): string {
  const [, stem = '', kind = ''] = /^(.*)\.([cm]?)jsx?$/.exec(pattern) ?? []
  if (stem !== '') return kind === '' ? `${stem}.{js,jsx,ts,tsx}` : `${stem}.${kind}{js,ts}`
  if (/\.(?:[cm]?tsx?|json)$/.test(pattern)) return pattern
  return `${pattern}{.{js,jsx,ts,tsx,cjs,cts,mjs,mts${isRequire ? ',json' : ''}},/index.{js,jsx,ts,tsx}}`
}

/** What a result depends on besides the files that are there: whether there is another one. */
export function globsOf(computed: readonly ComputedImport[], root: string): readonly GlobRead[] {
  const patterns = computed.map(({ importer, isRequire, pattern }) => {
    const fromRoot = relative(root, resolve(dirname(importer), pattern))
      .split(sep)
      .join('/')
    return widened(fromRoot, isRequire)
  })
  return [...new Set(patterns)].toSorted(compareText).map((pattern) => ({ pattern, files: globFiles(root, pattern) }))
}
