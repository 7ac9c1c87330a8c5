/**
 * `env()`, `readText()` and `glob()`: what a config reads through them is known, so its result can be kept, and watching knows what to watch.
 *
 * This module is loaded by every config, so it imports nothing but `glob.ts` beside it.
 */
import { readFileSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { globFiles } from './glob.ts'

// Registered: a config may get these functions from one copy of this package and be read by another.
export const readingKey = Symbol.for('poststack.reading')

/** What the config's process puts in place of Node's own functions. Paths are absolute. */
export interface Reading {
  readText(path: string): string
  glob(root: string, pattern: string): readonly string[]
}

/**
 * The value of an environment variable. `env('PORT', '5433')` gives the second text where it is not set; without one that is an error, so
 * that nothing is silently taken for empty. A variable that is set to nothing is set.
 *
 * @throws an error that names the variable.
 */
export function env(name: string, fallback?: string): string {
  const value = process.env[name] ?? fallback
  if (value === undefined)
    throw new Error(`the environment variable ${name} is not set (a second argument of env() would stand in for it)`)
  return value
}

/**
 * The text of a file, as UTF-8. The path is relative to the project, the folder of the config file; a module of a package reads a file of its own with
 * `new URL('./file', import.meta.url)`. Files outside of the project must be granted, as with `--allow-read`.
 *
 * @throws Node's own error when the file cannot be read.
 */
export function readText(path: string | URL): string {
  const file = typeof path === 'string' ? resolve(path) : fileURLToPath(path)
  return reading()?.readText(file) ?? readFileSync(file, 'utf8')
}

/**
 * The files that match a pattern, relative to the project, with `/` and sorted: `*` stands for a part of a name, `?` for one sign, `**` for any
 * folders, `{a,b}` for either. Names that begin with a dot match only where the pattern says the dot, and `node_modules`, `.git` and `.poststack` are not
 * searched.
 *
 * @example
 * const services = Object.fromEntries(glob('workers/*.json').map((file) => [basename(file, '.json'), worker(JSON.parse(readText(file)))]))
 */
export function glob(pattern: string): readonly string[] {
  const root = resolve()
  const inside = relative(root, resolve(root, pattern)).split(sep).join('/')
  return reading()?.glob(root, inside) ?? globFiles(root, inside)
}

function reading(): Reading | undefined {
  return (globalThis as { [readingKey]?: Reading })[readingKey]
}
