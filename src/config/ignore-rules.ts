/**
 * What an ignore file says. Podman takes a file that is handed to it word for word: of one that it finds itself it understands a leading `/`, of
 * the other not. So the patterns are made plain here, and the engines are given those that we go by ourselves.
 */
import { posix, sep } from 'node:path'

export interface IgnoreRules {
  /** The file's patterns as every engine understands them. */
  readonly patterns: readonly string[]
  /** Some pattern takes back what another one left out, so that ignored folders must be looked through. */
  readonly exceptions: boolean
  /** Takes a path from the root of the context, with `/`. */
  readonly ignores: (path: string) => boolean
}

export async function parseIgnore(text: string): Promise<IgnoreRules> {
  const patterns = plainPatterns(text)
  const { default: module } = await import('@balena/dockerignore')
  // Letters' case matters, as it does to the engines.
  const rules = module.default({ ignorecase: false }).add([...patterns])
  return {
    patterns,
    exceptions: patterns.some((pattern) => pattern.startsWith('!')),
    ignores: (path) => rules.ignores(path),
  }
}

/** Only a `#` at the very beginning of a line makes it a comment: a pattern that begins with one keeps a blank before it. */
function plainPatterns(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => plainPattern(line.trim()))
    .filter((pattern) => pattern !== '')
}

function plainPattern(line: string): string {
  const takesBack = line.startsWith('!')
  const path = takesBack ? line.slice(1).trim() : line
  if (path === '') return ''
  const slashed = sep === '\\' ? path.replaceAll('\\', '/') : path
  const plain = escapeForRegex(posix.normalize(slashed).replaceAll(/^\/|\/$/g, ''))
  // The context itself is never left out, and podman takes no `!/`.
  if (plain === '') return ''
  return takesBack ? `!${plain}` : plain.replace(/^#/, ' #')
}

/** The library and podman put patterns into a regular expression, and of these letters they forget that they mean something there. */
function escapeForRegex(pattern: string): string {
  if (sep === '\\') return pattern
  return pattern.replaceAll(/\\.|[+(){}|]/g, (found) => (found.length === 1 ? `\\${found}` : found))
}
