/** Says what went wrong while a config was bundled or evaluated: the place in the user's file, and the way out. */
import { readFile } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PoststackError } from '../../errors.ts'
import { codeFrame } from '../locate/code-frame.ts'
import { nearest } from '../nearest.ts'
import { describeDenial } from './denied.ts'
import { locateThrow } from '../locate/locate.ts'
import { placeAt } from '../locate/source-text.ts'
import type { Message } from 'esbuild'
import type { FoundConfig } from './find.ts'
import type { ThrownError } from '../child/protocol.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Place, SourceText } from '../locate/source-text.ts'

interface Failure {
  readonly code: ErrorCode
  readonly what: string
  readonly place: Place | undefined
  /** What stands in the file of the place, where that is known; else it is read. */
  readonly text?: string
  readonly hint?: string | undefined
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** One error for all that esbuild found. */
export async function buildFailure(thrown: unknown, config: FoundConfig): Promise<PoststackError> {
  const messages = (thrown as { errors?: readonly Message[] }).errors ?? []
  if (messages.length === 0)
    return failure({ code: 'CONFIG_FAILED', what: String(thrown), place: undefined, cause: thrown }, config)
  const [first, ...others] = await Promise.all(
    messages.slice(0, 5).map(async (message) => {
      const { what, hint } = await explain(message, config)
      return await failure(
        { code: 'CONFIG_FAILED', what, hint, place: placeOf(message, config), cause: thrown },
        config,
      )
    }),
  )
  if (first === undefined || others.length === 0)
    return first ?? failure({ code: 'CONFIG_FAILED', what: String(thrown), place: undefined }, config)
  const text = [first, ...others].map((one) => one.message).join('\n\n')
  return new PoststackError('CONFIG_FAILED', text, {
    hint: first.hint ?? others.find((one) => one.hint !== undefined)?.hint,
    details: { ...first.details, errors: [first, ...others].map((one) => one.details) },
    cause: thrown,
  })
}

async function explain(message: Message, config: FoundConfig): Promise<{ what: string; hint?: string | undefined }> {
  const missing = /^Could not resolve "(.*)"$/.exec(message.text)?.[1]
  if (missing !== undefined) return missingImport(missing)
  const unexported =
    /^No matching export in "(?<file>.*)" for import "(?<name>.*)"$/.exec(message.text) ??
    fromNoModule.exec(message.text)
  if (unexported === null) return { what: message.text.replace(/^./, (letter) => letter.toLowerCase()) }
  const { file = '', name = '' } = unexported.groups ?? {}
  // The specifier as the user wrote it says more than the path of the file behind it.
  const specifier = /\bfrom\s*(['"])(.*?)\1/.exec(message.location?.lineText ?? '')?.[2] ?? file
  const near = nearest(name, await exportedNames(resolve(config.root, file)))
  return {
    what: `"${specifier}" exports no \`${name}\``,
    hint: near === undefined ? undefined : `Did you mean \`${near}\`?`,
  }
}

function missingImport(specifier: string): Required<Pick<Failure, 'what' | 'hint'>> {
  if (/^\.{0,2}\//.test(specifier)) {
    return {
      what: `the imported file "${specifier}" does not exist`,
      hint: 'Check the path; it is relative to the importing file.',
    }
  }
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1)
  return {
    what: `the imported package "${specifier}" is not installed`,
    hint: `Install it: npm install ${name.join('/')}`,
  }
}

const fromNoModule = /^Import "(?<name>.*)" will always be undefined because the file "(?<file>.*)" has no exports$/

/** Of what esbuild only warns of: an imported name of a file that exports nothing. Asked of the whole module, a name may be missing. */
export function isMissingName({ location, text }: Message): boolean {
  if (location === null || !fromNoModule.test(text) || /\.c[jt]s$/.test(location.file)) return false
  return !Buffer.from(location.lineText).subarray(0, location.column).toString().trimEnd().endsWith('.')
}

/** The names that stand in export statements: good enough to suggest one. */
async function exportedNames(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lists = [...text.matchAll(/\bexport\s*\{([^}]*)\}/g)].flatMap(([, list = '']) => list.split(','))
  const single = [...text.matchAll(/\bexport\s+(?:async\s+)?(?:const|let|var|function\*?|class|enum)\s+([\w$]+)/g)].map(
    ([, name = '']) => name,
  )
  return [
    ...lists.map(
      (item) =>
        item
          .trim()
          .split(/\s+as\s+/)
          .at(-1) ?? '',
    ),
    ...single,
  ].filter((name) => name !== '')
}

function placeOf({ location }: Message, config: FoundConfig): Place | undefined {
  if (location === null) return undefined
  // esbuild counts bytes from 0.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString()
  return { file: resolve(config.root, location.file), line: location.line, column: before.length + 1 }
}

/** A package that stays outside the bundle. */
export interface ExternalImport {
  readonly importer: string
  readonly specifier: string
  readonly path: string
}

export interface ThrownContext {
  readonly config: FoundConfig
  readonly externals: readonly ExternalImport[]
  /** What is imported and was not there before the config ran. */
  readonly missing: readonly { readonly specifier: string }[]
  readonly inputs: readonly string[]
  /** Where the code of a guarded config lies while it runs. */
  readonly folder?: string | undefined
}

/** The error for what a config threw, at the first place of the stack that is the user's. */
export async function thrownFailure(error: ThrownError, context: ThrownContext): Promise<PoststackError> {
  const frames = userFrames(error.stack, context)
  const place = error.name === '' ? locateThrow(error.message, await readSources(context.inputs)) : frames[0]?.place
  const stack = frames.map((frame) => frame.text).join('\n')
  if (error.denial !== undefined) {
    const { what, hint, details } = describeDenial(error.denial, context.config)
    return await failure({ code: 'CONFIG_DENIED', what, place, hint, details: { ...details, stack } }, context.config)
  }
  const unexported = await missingName(error, context)
  if (unexported !== undefined) return await failure({ code: 'CONFIG_FAILED', ...unexported }, context.config)
  const computed = computedImport(error, context)
  if (computed !== undefined) return await failure({ code: 'CONFIG_FAILED', place, ...computed }, context.config)
  const what =
    error.name === '' ? `the config threw ${error.message}` : `the config threw ${error.name}: ${error.message}`
  const hint = error.hint ?? (isMissingModule(error) ? 'Is every package installed?' : undefined)
  return await failure({ code: 'CONFIG_FAILED', what, place, hint, details: { stack } }, context.config)
}

function isMissingModule({ code }: ThrownError): boolean {
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
}

/** What stands in the code of a guarded config was found before it runs, so that what is missing then has a name that was computed. */
function computedImport(
  error: ThrownError,
  { folder, missing }: ThrownContext,
): Required<Pick<Failure, 'what' | 'hint'>> | undefined {
  if (folder === undefined || !isMissingModule(error) || !error.message.includes(folder + sep)) return undefined
  const [, wanted = ''] = /^Cannot find (?:module|package) '(.*?)'/.exec(error.message) ?? []
  const name = wanted.startsWith(folder + sep) ? `./${relative(folder, wanted)}` : wanted
  const literal = missing.find(({ specifier }) => specifier === wanted || resolve(folder, specifier) === wanted)
  if (literal !== undefined) return missingImport(literal.specifier)
  return {
    what: `the config imports "${name}" by a name that it computes, and a guarded config can import only what stands literally in its code`,
    hint: 'Write the name out in the import; or, if you trust the config and what it imports, run the command with --allow-all (-A).',
  }
}

/** Texts of the project's files; empty for one that cannot be read. */
export function readSources(files: readonly string[]): Promise<readonly SourceText[]> {
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8').catch(() => '') })))
}

/** The error for a `process.exit` in the config, at the place of the call. */
export async function exitFailure(
  exit: { code: string; stack: string },
  context: ThrownContext,
): Promise<PoststackError> {
  const place = userFrames(exit.stack, context)[0]?.place
  const hint = 'A config is read by other commands and projects: throw an error where it cannot go on.'
  return await failure(
    { code: 'CONFIG_FAILED', what: `the config called process.exit(${exit.code})`, place, hint },
    context.config,
  )
}

interface Frame {
  readonly text: string
  readonly place: Place
}

/** The frames in the project's files and in packages; Node's own and ours are cut. */
export function userFrames(stack: string, { inputs }: ThrownContext): readonly Frame[] {
  const frames = stack.split('\n').flatMap((line): readonly Frame[] => {
    const place = placeOfFrame(line)
    return place === undefined ? [] : [{ text: line.trim(), place }]
  })
  const mine = new Set(inputs)
  const first = frames.findIndex(({ place }) => mine.has(place.file))
  return first === -1
    ? []
    : frames.slice(first).filter(({ place }) => mine.has(place.file) || place.file.includes(`${sep}node_modules${sep}`))
}

/** Where `defineConfig` was called: in the project, else in the package that did. */
export function placeOfDefinition(stack: string, context: ThrownContext): Place | undefined {
  const [mine] = userFrames(stack, context)
  if (mine !== undefined) return mine.place
  const places = stack.split('\n').flatMap((line) => placeOfFrame(line) ?? [])
  return places.find(({ file }) => file.includes(`${sep}node_modules${sep}`) && !file.includes(`${sep}poststack${sep}`))
}

/** The place that one line of a stack names; none for what has no file, such as Node's own code. */
export function placeOfFrame(line: string): Place | undefined {
  const match = /^\s*at (?:.*? \()?((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line)
  if (match === null) return undefined
  const [, location = '', row = '1', column = '1'] = match
  const file = (location.startsWith('file:') ? fileURLToPath(location) : location).replace(/\?.*$/, '')
  return { file, line: Number(row), column: Number(column) }
}

/** An import of a name that a package does not export. Node reports it without the place in the user's file. */
async function missingName(
  thrown: ThrownError,
  context: ThrownContext,
): Promise<Pick<Failure, 'what' | 'place'> | undefined> {
  const match =
    /The requested module '(.*)' does not provide an export named '(.*)'/.exec(thrown.message) ??
    swap(/Named export '(.*)' not found. The requested module '(.*)' is a CommonJS module/.exec(thrown.message))
  if (match === null) return undefined
  const [, wanted = '', name = ''] = match
  const path = wanted.startsWith('file:') ? fileURLToPath(wanted) : undefined
  const external = context.externals.find((one) => one.specifier === wanted || one.path === path)
  const specifier = external?.specifier ?? wanted
  const what = `"${specifier}" exports no \`${name}\``
  for (const { importer } of context.externals.filter((one) => one.specifier === specifier)) {
    const text = await readFile(importer, 'utf8').catch(() => '')
    for (const found of text.matchAll(/\bimport\b[^;'"]*\{([^}]*)\}\s*from\s*(['"])([^'"]*)\2/g)) {
      const inside = new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`).exec(found[0])
      if (found[3] !== specifier || inside === null) continue
      return { what, place: placeAt({ file: importer, text }, found.index + inside.index) }
    }
  }
  return { what, place: undefined }
}

function swap(match: RegExpExecArray | null): readonly [string, string, string] | null {
  return match === null ? null : [match[0], match[2] ?? '', match[1] ?? '']
}

/** Puts place, words and code frame together. */
export async function failure(
  { code, what, place, text, hint, details, cause }: Failure,
  config: FoundConfig,
): Promise<PoststackError> {
  const at = place ?? { file: config.file }
  const name = shortName(at.file, config.root)
  const source = text ?? (place === undefined ? undefined : await readFile(place.file, 'utf8').catch(() => undefined))
  const frame = source === undefined || place === undefined ? undefined : codeFrame(source, place)
  const position = place === undefined ? name : `${name}:${String(place.line)}:${String(place.column)}`
  const message = `${position}: ${readable(what)}${frame === undefined ? '' : `\n\n${frame}`}`
  return new PoststackError(code, message, {
    hint: hint === undefined ? undefined : readable(hint),
    details: { ...at, ...(frame !== undefined && { frame }), ...details },
    cause,
  })
}

const longest = 4000

/** What stands in a config may be of any length, and fill a screen more than once. */
function readable(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

function shortName(file: string, root: string): string {
  const short = relative(root, file)
  return short === '' || short.startsWith(`..${sep}..${sep}..`) || isAbsolute(short) ? file : short
}
