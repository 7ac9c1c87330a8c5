/**
 * What the process of a config says on its descriptors. The config can write there as well, by accident or not, so nothing of it is taken for
 * what it should be before it was looked at.
 */
import { areTexts, isRecord } from '../is-record.ts'
import type { ChildReport, Translation } from '../child/protocol.ts'

/** Nothing where the process was ended before it had said all; `'foreign'` where something else stands there, or something else, too. */
export function parseReport(text: string): ChildReport | 'foreign' | undefined {
  if (!text.endsWith('\n')) return undefined
  const report = parsed(text)
  return isReport(report) ? report : 'foreign'
}

/** A line that was cut or mixed with another only costs the position in that file. */
export function parseTranslations(text: string): readonly Translation[] {
  return text.split('\n').flatMap((line) => {
    const value = parsed(line)
    return isTranslation(value) ? [value] : []
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isReport(value: unknown): value is ChildReport {
  if (!isRecord(value)) return false
  const { error, issues, kind, layers, reads } = value
  if (kind === 'unfinished') return true
  if (kind === 'exited') return areTexts(value, ['code', 'stack'])
  if (kind === 'threw') return isThrown(error)
  return (
    kind === 'result' && isListOf(issues, isIssue) && (layers === undefined || areLayers(layers)) && areReads(reads)
  )
}

function isThrown(error: unknown): boolean {
  if (!isRecord(error) || !areTexts(error, ['name', 'message', 'stack'])) return false
  const { code, denial, hint } = error
  return (
    [code, hint].every((one) => one === undefined || typeof one === 'string') &&
    (denial === undefined || (isRecord(denial) && areTexts(denial, ['permission', 'resource'])))
  )
}

function isIssue(value: unknown): boolean {
  return isRecord(value) && Array.isArray(value['path']) && areTexts(value, ['message'])
}

function areLayers(value: unknown): boolean {
  return isRecord(value) && isRecord(value['values']) && isListOf(value['stacks'], isText)
}

function areReads(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { files, globs, untracked, variables } = value
  return (
    isListOf(variables, isText) &&
    isListOf(files, isText) &&
    isListOf(globs, (glob) => isRecord(glob) && areTexts(glob, ['pattern']) && isListOf(glob['files'], isText)) &&
    (untracked === undefined || (isRecord(untracked) && areTexts(untracked, ['what', 'stack'])))
  )
}

function isTranslation(value: unknown): value is Translation {
  return isRecord(value) && areTexts(value, ['file', 'map'])
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isListOf(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne)
}
