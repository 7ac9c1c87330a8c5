/** The errors for what is wrong with a config: each mistake with its place, in the file or in the variable that it comes from. */
import { basename, resolve } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { codeFrame, type FramePosition } from '../locate/code-frame.ts'
import { showVariable, type Variable } from '../environment/environment.ts'
import { exampleConfig, formatPath } from '../schema/issues.ts'
import { locate, locateExport } from '../locate/locate.ts'
import type { ConfigIssue } from '../schema/issues.ts'
import type { Place, SourceText } from '../locate/source-text.ts'

/** What it takes to say where a mistake is. */
export interface MistakePlaces {
  /** Absolute real path of the project. */
  readonly root: string
  /** The config file as people should see it in messages. */
  readonly file?: string | undefined
  /** Where each part of the config stands in the file, by its path, where the file is data. */
  readonly positions?: ReadonlyMap<string, FramePosition> | undefined
  /** Texts of the files that the config was made from, to find the line of a mistake. */
  readonly sources?: readonly SourceText[] | undefined
  /** The variables that some values come from, by the path of the value. */
  readonly origins?: ReadonlyMap<string, Variable> | undefined
}

/** What the file exports is no config at all: shown where it is exported, with what it should look like. */
export function notAConfig(message: string, options: MistakePlaces): PoststackError {
  if (options.file === undefined) {
    const what = message.replace(/^the file exports /, '`config` is ')
    return new PoststackError('CONFIG_INVALID', what, {
      hint: 'Hand over what the default export of a config file would be.',
      details: { issues: [{ path: '', message: what }] },
    })
  }
  const name = basename(fileOf(options))
  const source = options.sources?.find(({ file }) => file === resolve(options.root, name))
  const position = source === undefined ? undefined : locateExport(source)
  const frame = source === undefined || position === undefined ? undefined : codeFrame(source.text, position)
  const place = position === undefined ? name : `${name}:${String(position.line)}:${String(position.column)}`
  return new PoststackError('CONFIG_INVALID', `${place}: ${message}${frame === undefined ? '' : `\n\n${frame}`}`, {
    hint: `Export a config as the default export:\n\n${exampleConfig}`,
    details: { file: fileOf(options), issues: [{ path: '', message, ...position }] },
  })
}

function fileOf(options: MistakePlaces): string {
  return options.file ?? resolve(options.root, 'poststack.config.ts')
}

/** The error for mistakes in a file that says how the config is to be taken. */
export function invalid(issues: readonly ConfigIssue[], options: MistakePlaces): PoststackError {
  const file = fileOf(options)
  const details = issues.map((issue) => ({
    path: formatPath(issue.path),
    message: issue.message,
    ...(issue.value !== undefined && { value: issue.value }),
    ...whereIs(issue, options),
  }))
  // On a terminal each may fill several lines.
  const mark = issues.length === 1 ? '' : '- '
  const lines = details.map(({ path, message, value, variable, file: at, line, column }) => {
    const found = value === undefined ? '' : `, found ${value}`
    const spot = options.positions === undefined ? String(line) : `${String(line)}:${String(column)}`
    const inFile = line === undefined || at === undefined ? '' : ` (${basename(at)}:${spot})`
    const place = variable === undefined ? inFile : `, from ${variable}`
    return `  ${mark}${path === '' ? '' : `${path}: `}${message}${found}${place}`
  })
  const count = issues.length === 1 ? 'one mistake' : `${String(issues.length)} mistakes`
  const name = options.file === undefined ? 'the config' : basename(file)
  return new PoststackError('CONFIG_INVALID', `${name} has ${count}:\n${lines.join('\n')}`, {
    details: { file, issues: details },
  })
}

/** The variable that the value comes from, else its place in the sources. */
function whereIs(issue: ConfigIssue, options: MistakePlaces): Partial<Place> & { readonly variable?: string } {
  const { origins, positions, sources = [] } = options
  const variable = origins?.get(formatPath(issue.path))
  if (variable !== undefined) return { variable: showVariable(variable) }
  return positions === undefined
    ? { ...locate(issue, sources) }
    : { file: resolve(options.root, basename(fileOf(options))), ...innermost(issue, positions) }
}

/** Of what is missing, the place of what it is missing in. */
function innermost({ path }: ConfigIssue, positions: ReadonlyMap<string, FramePosition>): Partial<FramePosition> {
  for (let length = path.length; length > 0; length--) {
    const found = positions.get(formatPath(path.slice(0, length)))
    if (found !== undefined) return found
  }
  return {}
}
