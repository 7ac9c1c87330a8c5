/**
 * What git knows about a folder of migrations: which files the base branch has and since when, and which are tracked.
 */
import { isPoststackError, PoststackError } from '../errors.ts'
import { programFailed, type ProgramRequest, runProgram } from '../runtime/exec.ts'

export interface GitOptions {
  /** Absolute path of the folder. */
  readonly folder: string
  /** Whole environment of git. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export interface BaseBranch {
  /** As git was asked: `origin/main`. */
  readonly name: string
  /** Files of the folder that it has, each with its place in the order in which they came there. */
  readonly files: ReadonlyMap<string, number>
}

const timeoutMs = 30_000
// The first that there is. What is on the server is what everybody has; a local branch may hold more.
const usualBases = ['origin/main', 'origin/master', 'main', 'master']

/**
 * The base branch, as far as this branch has it: up to where the two parted. Undefined where there is no git, no repository or no such
 * branch. Fails with `USAGE` when `wanted` is none.
 */
export async function readBaseBranch(options: GitOptions, wanted: string | undefined): Promise<BaseBranch | undefined> {
  if (!(await isRepository(options))) {
    if (wanted !== undefined) throw unknownBase(wanted, `${options.folder} is in no git repository`)
    return undefined
  }
  for (const name of wanted === undefined ? usualBases : [wanted]) {
    // oxlint-disable-next-line no-await-in-loop -- the first one counts
    const commit = await mergeBase(options, name)
    if (commit === undefined) continue
    // oxlint-disable-next-line no-await-in-loop
    return { name, files: await filesOf(options, commit) }
  }
  if (wanted !== undefined)
    throw unknownBase(wanted, 'there is no such commit, or it has no history in common with this branch')
  return undefined
}

function unknownBase(wanted: string, why: string): PoststackError {
  return new PoststackError('USAGE', `"${wanted}" cannot be the base branch: ${why}.`, {
    hint: 'Name a branch, tag or commit that this branch came from, such as origin/main.',
    details: { base: wanted },
  })
}

async function isRepository(options: GitOptions): Promise<boolean> {
  try {
    return (await tryGit(options, ['rev-parse', '--is-inside-work-tree'])).stdout.trim() === 'true'
  } catch (error) {
    if (isPoststackError(error) && error.code === 'RUNTIME_MISSING') return false
    throw error
  }
}

async function mergeBase(options: GitOptions, name: string): Promise<string | undefined> {
  const known = await tryGit(options, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
  if (known.exitCode !== 0) return undefined
  const found = await tryGit(options, ['merge-base', 'HEAD', known.stdout.trim()])
  return found.exitCode === 0 ? found.stdout.trim() : undefined
}

/** The tree tells what is there, the history of the branch itself when each came: with the commit or merge that brought it. */
async function filesOf(options: GitOptions, commit: string): Promise<ReadonlyMap<string, number>> {
  const files = new Map<string, number>()
  for (const file of listOf(await git(options, ['ls-tree', '--name-only', '-z', commit, '--', '.']))) files.set(file, 0)
  const log = ['log', '--first-parent', '-m', '--diff-filter=A', '--no-renames', '--name-only', '-z', '--relative']
  const added = await git(options, [...log, '--reverse', `--format=tformat:${mark}`, commit, '--', '.'])
  let place = 0
  for (const word of listOf(added)) {
    const name = word.replace(/^\n/, '')
    if (name === mark) place++
    else if (files.has(name)) files.set(name, place)
  }
  return files
}

// No file is called that.
const mark = '\u0001'

/** Names of the folder's files that git follows. Empty outside of a repository. */
export async function readTracked(options: GitOptions): Promise<ReadonlySet<string>> {
  if (!(await isRepository(options))) return new Set()
  return new Set(listOf(await git(options, ['ls-files', '-z', '--', '.'])))
}

/** Renames a tracked file, in the working tree and in the index. Git refuses by itself where the new name is taken. */
export async function moveTracked(options: GitOptions, from: string, to: string): Promise<void> {
  await git(options, ['mv', '--', from, to])
}

function listOf(output: string): readonly string[] {
  return output.split('\0').filter((word) => word !== '')
}

async function git(options: GitOptions, args: readonly string[]): Promise<string> {
  const request = requestOf(options, args)
  const result = await runProgram(request)
  if (result.exitCode !== 0) throw programFailed('STEP_FAILED', request, result)
  return result.stdout
}

async function tryGit(
  options: GitOptions,
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  return await runProgram(requestOf(options, args))
}

function requestOf({ folder, env, signal }: GitOptions, args: readonly string[]): ProgramRequest {
  return { program: 'git', args, env, signal, timeoutMs, cwd: folder }
}
