/** Turns zod's issues into ours: one for each mistake, with the value as written and the nearest right word. */
import { nearest, suggest } from '../nearest.ts'
import { fromCompose } from './compose-words.ts'
import { showValue } from './issues.ts'
import type { z } from 'zod'
import type { ConfigIssue, Path } from './issues.ts'

interface Origin {
  /** Where `input` stands in the config. */
  readonly path: Path
  readonly input: unknown
}

type ZodIssue = z.core.$ZodIssue

export function toIssues(found: readonly ZodIssue[], origin: Origin): readonly ConfigIssue[] {
  const flat = found.flatMap((issue) => flatten(issue))
  const meant = new Set(flat.flatMap((issue) => meantKey(issue)))
  return flat
    .filter((issue) => !(valueAt(origin.input, issue.path) === undefined && meant.has(keyOf(issue.path))))
    .map((issue) => describe(issue, origin))
}

/** Replaces a failed union by the issues of the branch that the writer most probably meant: the one with the fewest. */
function flatten(issue: ZodIssue): readonly ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const branches = issue.errors
    .map((branch) => branch.flatMap((inner) => flatten(inner)))
    .filter((branch) => !branch.some((inner) => inner.path.length === 0))
    .toSorted((a, b) => a.length - b.length)
  const [best] = branches
  if (best === undefined) return [issue.errors.length > 0 ? { ...issue, message: unionMessage(issue) } : issue]
  return best.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
}

/** A union without words of its own repeats those of its branches. */
function unionMessage(issue: z.core.$ZodIssueInvalidUnion): string {
  if (issue.message !== 'Invalid input') return issue.message
  return issue.errors[0]?.[0]?.message ?? issue.message
}

function knownKeys(issue: ZodIssue): readonly string[] | undefined {
  return issue.code === 'custom' ? (issue.params?.['known'] as readonly string[] | undefined) : undefined
}

/** The key that an unknown key was meant to be: that one is then not reported as missing as well. */
function meantKey(issue: ZodIssue): readonly string[] {
  const known = knownKeys(issue)
  const word = String(issue.path.at(-1))
  const near = known === undefined ? undefined : (fromCompose(word, known) ?? nearest(word, known))
  return near === undefined ? [] : [keyOf([...issue.path.slice(0, -1), near])]
}

function describe(issue: ZodIssue, origin: Origin): ConfigIssue {
  const value = valueAt(origin.input, issue.path)
  const path = [...origin.path, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  const known = knownKeys(issue)
  if (known !== undefined) {
    const word = String(path.at(-1))
    const ours = fromCompose(word, known)
    const possible = known.filter((key) => key !== 'kind')
    return { path, message: `unknown key: ${ours === undefined ? suggest(word, possible) : `here it is \`${ours}\``}` }
  }
  if (issue.code === 'invalid_key') return { path, message: `has a wrong name: ${issue.issues[0]?.message ?? ''}` }
  if (value === undefined) return { path, message: `is missing: ${issue.message}` }
  return { path, message: issue.message, value: showValue(path, value) }
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('\0')
}
