/** Says where a config was when its time was up: Node prints that itself when `--trace-sigint` meets a SIGINT. */
import { readFile } from 'node:fs/promises'
import { SourceMap } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { failure, placeOfFrame, userFrames } from './errors.ts'
import type { SourceMapPayload } from 'node:module'
import type { PoststackError } from '../../errors.ts'
import type { Translation } from '../child/protocol.ts'
import type { ThrownContext } from './errors.ts'
import type { Place } from '../locate/source-text.ts'

export interface TimedOut {
  readonly timeoutMs: number
  /** What the process wrote to stderr from the moment on at which it was interrupted. */
  readonly lastWords: string
  /** What tsx made of the project's files. */
  readonly translations: readonly Translation[]
}

export async function timeoutFailure(
  { timeoutMs, lastWords, translations }: TimedOut,
  context: ThrownContext,
): Promise<PoststackError> {
  const what = `the config was not finished after ${String(timeoutMs / 1000)} s, the deadline for evaluating it, and was stopped`
  const trace = interruptTrace(lastWords)
  if (trace === '') {
    const hint = 'Look for a promise that is never settled, or for an answer that does not come.'
    const waiting = `${what}: it waits for something that never comes`
    return await failure(
      { code: 'CONFIG_TIMEOUT', what: waiting, place: undefined, hint, details: { timeoutMs } },
      context.config,
    )
  }
  const frames = trace === undefined ? [] : userFrames(await inSources(trace, translations, context), context)
  const [top] = frames
  const hint =
    top === undefined
      ? 'Look for an endless loop, or for something it waits for.'
      : 'It was at this place when the time was up: look for an endless loop here, or around the call of it.'
  const stack = frames.map(({ text }) => text).join('\n')
  const details = { timeoutMs, ...(top !== undefined && { stack }) }
  return await failure({ code: 'CONFIG_TIMEOUT', what, place: top?.place, hint, details }, context.config)
}

/**
 * The stack of what ran when SIGINT came; empty when nothing did. Nothing at all when Node printed none, because a call
 * into the system blocks or the config handles SIGINT itself.
 */
function interruptTrace(lastWords: string): string | undefined {
  // The last one: the text could also stand in what the config prints.
  const parts = lastWords.split('KEYBOARD_INTERRUPT: Script execution was interrupted by `SIGINT`')
  const last = parts.length > 1 ? parts.at(-1) : undefined
  return last?.trim()
}

/** The same stack at the places in the source files: Node prints it without the help of source maps. */
async function inSources(trace: string, translations: readonly Translation[], context: ThrownContext): Promise<string> {
  const sent = new Map(translations.map(({ file, map }) => [file, map]))
  const lines = trace.split('\n').map(async (line) => {
    const place = placeOfFrame(line)
    if (place === undefined) return ''
    const map = sent.get(place.file) ?? (await inlineMap(place.file))
    // Of a file of the project that tsx has translated in an unknown way, no line is better than a wrong one.
    if (map === undefined) return context.inputs.includes(place.file) ? '' : line
    const origin = map === '' ? place : originOf(place, map)
    return origin === undefined ? '' : withPlace(line, origin)
  })
  return (await Promise.all(lines)).join('\n')
}

async function inlineMap(file: string): Promise<string | undefined> {
  const code = await readFile(file, 'utf8').catch(() => '')
  const start = code.lastIndexOf(inlineMapStart)
  return start === -1 ? undefined : code.slice(start + inlineMapStart.length).trim()
}

const inlineMapStart = '//# sourceMappingURL=data:application/json;base64,'

function originOf({ file, line, column }: Place, map: string): Place | undefined {
  const origin = parseMap(map)?.findOrigin(line, column)
  if (origin === undefined || !('fileName' in origin)) return undefined
  const { fileName, lineNumber, columnNumber } = origin
  const source = fileName.startsWith('file:') ? fileURLToPath(fileName) : resolve(dirname(file), fileName)
  return { file: source, line: lineNumber, column: columnNumber }
}

function parseMap(base64: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(Buffer.from(base64, 'base64').toString()) as SourceMapPayload)
  } catch {
    // A file may end with whatever it likes.
    return undefined
  }
}

function withPlace(line: string, { file, line: row, column }: Place): string {
  const position = `${file}:${String(row)}:${String(column)}`
  const name = /^\s*at (.*) \(/.exec(line)?.[1]
  return name === undefined ? `    at ${position}` : `    at ${name} (${position})`
}
