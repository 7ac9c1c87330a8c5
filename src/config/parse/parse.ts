/** From the plain form of a config to the one that code may trust. The only door between the two. */
import { basename } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { containersOf } from './conventions.ts'
import { checkLogs, withLogs } from '../logs.ts'
import { nameLike, namePattern } from '../names.ts'
import { buildHooks } from './hooks.ts'
import { invalid, type MistakePlaces, notAConfig } from './mistakes.ts'
import { withoutCheck } from './plain-parts.ts'
import { type AskedProfile, withIdle } from '../profiles.ts'
import { checkTogether } from '../schema/checks.ts'
import { readServiceFiles } from './service-files.ts'
import type { ConfigIssue } from '../schema/issues.ts'
import { buildConfig, type BuiltConfig } from './services.ts'
import type { ImageConfig } from '../types.ts'

export interface ParsedConfig extends BuiltConfig {
  /**
   * What is wrong with the files that these services name, `CONFIG_INVALID`. Not thrown at once, because a stack can be asked about and taken
   * down without them.
   */
  readonly fileProblem: (services: readonly string[]) => PoststackError | undefined
  /** Files beside the config that decided what it came to, those that were missing among them. Absolute. */
  readonly looked: readonly string[]
}

export interface ParseOptions extends MistakePlaces {
  /** Mistakes that were found when the config was made plain. */
  readonly issues?: readonly ConfigIssue[] | undefined
  readonly images?: readonly ImageConfig[] | undefined
  /** There is no config file. */
  readonly conventional?: boolean | undefined
  /** Absolute path of the folder with the project's Dockerfiles. @default `containers` in the project */
  readonly containers?: string | undefined
  /** One of several stacks of the same config. */
  readonly instance?: string | undefined
  /** The very same plain form has passed before. */
  readonly passed?: boolean | undefined
  /** Profiles that are asked for beside the config's own. */
  readonly profiles?: readonly AskedProfile[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** Loads what checks a config. zod is slow to import, so this may be called ahead of time; a cached config never needs it. */
export function loadParser() {
  return import('../schema/schema.ts')
}

/** Throws `CONFIG_INVALID` with every mistake of the config itself, and `USAGE` for a profile that no service has. */
export async function parseConfig(plain: unknown, options: ParseOptions): Promise<ParsedConfig> {
  const early = options.issues ?? []
  const noConfig = early.find((issue) => issue.path.length === 0)
  if (noConfig !== undefined) throw notAConfig(noConfig.message, options)
  const missing = early.map((issue) => issue.path)
  const { stack, issues } =
    options.passed === true ? { stack: withoutCheck(plain), issues: [] } : (await loadParser()).validate(plain, missing)
  const { root, images = [], containers, conventional, instance, profiles = [] } = options
  const name = instanceName(stack.name ?? stackName(root), instance)
  const {
    files,
    issues: unreadable,
    looked,
  } = await readServiceFiles(stack, {
    root,
    containers: containersOf(options),
    signal: options.signal,
  })
  const all = merge(early, [...issues, ...checkTogether(stack, name), ...checkLogs(plain, root)])
  if (all.length > 0) throw invalid(merge(all, unreadable), options)
  const { config: built, literals } = buildConfig({ ...stack, name }, { root, images, instance, ...files })
  const config = withLogs({ ...built, services: withIdle(built.services, stack, profiles) }, stack.logs)
  const fileProblem = (services: readonly string[]): PoststackError | undefined => {
    const concerned = unreadable.filter(({ path }) => services.includes(String(path[1])))
    return concerned.length === 0 ? undefined : invalid(concerned, options)
  }
  const said = { ...(conventional === true && { conventional }), ...(containers !== undefined && { containers }) }
  return { config: { ...config, ...buildHooks(stack.hooks, root), ...said }, literals, fileProblem, looked }
}

/** @throws `USAGE` when no stack can have that name. */
function instanceName(stack: string, instance: string | undefined): string {
  if (instance === undefined) return stack
  const name = `${stack}-${instance}`
  if (namePattern.test(name) && namePattern.test(`a${instance}`)) return name
  throw new PoststackError('USAGE', `${JSON.stringify(instance)} is no name of an instance`, {
    hint: `lower-case letters, digits and \`-\`; together with the stack's name, ${stack}-…, at most 40 characters`,
  })
}

/** The name of a stack that says none: its folder's, made fit. */
export function stackName(root: string): string {
  return nameLike(basename(root), 'stack')
}

/** A value that could not be made plain is missing in the plain form: what is said about that place, or the value around it, then is an echo. */
function merge(early: readonly ConfigIssue[], later: readonly ConfigIssue[]): readonly ConfigIssue[] {
  const isEcho = ({ path, value }: ConfigIssue) =>
    early.some(
      (issue) =>
        path.every((key, index) => key === issue.path[index]) &&
        (path.length === issue.path.length || (value !== undefined && path.length > 2)),
    )
  return [...early, ...later.filter((issue) => !isEcho(issue))]
}
