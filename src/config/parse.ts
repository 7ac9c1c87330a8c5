/** From the plain form of a config to the one that code may trust. The only door between the two. */
import { basename, resolve } from 'node:path'
import { PoststackError } from '../errors.ts'
import { formatPath } from './issues.ts'
import { locate } from './locate.ts'
import type { ConfigIssue } from './issues.ts'
import type { SourceText } from './locate.ts'
import type { ParsedConfig } from './parse-services.ts'
import type { ImageConfig } from './types.ts'

export type { ParsedConfig } from './parse-services.ts'

export interface ParseOptions {
  /** Absolute real path of the project. */
  readonly root: string
  /** The config file as people should see it in messages. */
  readonly file?: string | undefined
  /** Mistakes that were found when the config was made plain. */
  readonly issues?: readonly ConfigIssue[] | undefined
  /** Texts of the files that the config was made from, to find the line of a mistake. */
  readonly sources?: readonly SourceText[] | undefined
  readonly images?: readonly ImageConfig[] | undefined
}

/** Loads what parsing needs. zod is slow to import, so this may be called ahead of time; a cached config never needs it. */
export function loadParser() {
  return Promise.all([import('./schema.ts'), import('./checks.ts'), import('./parse-services.ts')])
}

/** Throws `CONFIG_INVALID` with every mistake of the config. */
export async function parseConfig(plain: unknown, options: ParseOptions): Promise<ParsedConfig> {
  const [{ validate }, { checkTogether }, { buildConfig }] = await loadParser()
  const early = options.issues ?? []
  if (early.some((issue) => issue.path.length === 0)) throw invalid(early, options)
  const { stack, issues } = validate(plain)
  const name = stack.name ?? stackName(options.root)
  const all = merge(early, [...issues, ...checkTogether(stack, name)])
  if (all.length > 0) throw invalid(all, options)
  return buildConfig({ ...stack, name }, { root: options.root, images: options.images ?? [] })
}

/** The name of a stack that says none: its folder's, made fit. */
export function stackName(root: string): string {
  const slug = basename(root)
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[\u0300-\u036f]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  const name = /^[a-z]/.test(slug) ? slug : slug === '' ? 'stack' : `stack-${slug}`
  return name.slice(0, 40).replace(/-+$/, '')
}

/** A value that could not be made plain is missing in the plain form: what is said about that place then is an echo. */
function merge(early: readonly ConfigIssue[], later: readonly ConfigIssue[]): readonly ConfigIssue[] {
  const places = new Set(early.map((issue) => formatPath(issue.path)))
  return [...early, ...later.filter((issue) => !places.has(formatPath(issue.path)))]
}

function invalid(issues: readonly ConfigIssue[], options: ParseOptions): PoststackError {
  const file = options.file ?? resolve(options.root, 'poststack.config.ts')
  const details = issues.map((issue) => {
    const position = locate(issue, options.sources ?? [])
    return {
      path: formatPath(issue.path),
      message: issue.message,
      ...(issue.value !== undefined && { value: issue.value }),
      ...position,
    }
  })
  const lines = details.map(({ path, message, value, ...position }) => {
    const found = value === undefined ? '' : `, found ${value}`
    const place = position.line === undefined ? '' : ` (${basename(position.file)}:${String(position.line)})`
    return `  ${path === '' ? '' : `${path}: `}${message}${found}${place}`
  })
  const count = issues.length === 1 ? 'one mistake' : `${String(issues.length)} mistakes`
  return new PoststackError('CONFIG_INVALID', `${basename(file)} has ${count}:\n${lines.join('\n')}`, {
    details: { file, issues: details },
  })
}
