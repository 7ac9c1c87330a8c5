/**
 * What podman leaves of a build that was cut off: a working container for each stage, which nothing uses again and nothing lists but
 * `podman ps --external`. Podman never removes them.
 *
 * They have no labels, and names that every build gets. What podman writes down about each is the build's options; so each build of ours
 * names, as a secret that no step asks for, what it builds and which process does. Only what carries that, and whose process is dead,
 * is removed.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '../../config/is-record.ts'
import type { BuildConfig } from '../../config/types.ts'
import type { Engine } from './engine-connect.ts'
import { runProgram } from '../exec.ts'
import { isDead, ownIdentity } from '../process-identity.ts'
import type { ProcessIdentity } from '../process-identity.ts'

type Paths = Pick<BuildConfig, 'context' | 'dockerfile'>

interface Mark {
  /** Digest of the paths of what is built. */
  readonly of: string
  readonly by: ProcessIdentity
}

const prefix = 'poststack.'
const callMs = 30_000

/** The flags that mark a build as ours. */
export async function leftoverFlags(paths: Paths): Promise<readonly string[]> {
  const mark: Mark = { of: digestOf(paths), by: await ownIdentity() }
  const id = Buffer.from(JSON.stringify(mark)).toString('base64url')
  return ['--secret', `id=${prefix}${id},src=/dev/null`]
}

function digestOf({ context, dockerfile }: Paths): string {
  return createHash('sha256').update(`${context}\0${dockerfile}`).digest('hex').slice(0, 12)
}

/** `dead`: of processes that are gone. `own`: of this one, which has no build of these paths under way any more. */
export type Whose = 'dead' | 'own'

/**
 * Removes what cut-off builds of the same paths have left. It stands in nobody's way: what cannot be looked at or removed stays, and is
 * looked at again by the next build.
 */
export async function removeLeftovers(engine: Engine, paths: Paths, whose: Whose, signal: AbortSignal): Promise<void> {
  if (engine.flavour !== 'podman' || !engine.local) return
  try {
    const ids = await workingContainers(engine, signal)
    if (ids.length === 0) return
    const store = await storeOf(engine, signal)
    const marks = await Promise.all(ids.map(async (id) => ({ id, mark: await markOf(id, store) })))
    const judged = await Promise.all(
      marks.map(async ({ id, mark }) => ((await isLeft(mark, paths, whose)) ? [id] : [])),
    )
    const left = judged.flat()
    if (left.length > 0) await podman(engine, ['rm', '--force', ...left], signal)
  } catch {
    // A build is about images; that podman's storage is not as expected here must not stop it.
  }
}

async function isLeft(mark: Mark | undefined, paths: Paths, whose: Whose): Promise<boolean> {
  if (mark?.of !== digestOf(paths)) return false
  if (whose === 'dead') return isDead(mark.by)
  const own = await ownIdentity()
  return own.pid === mark.by.pid && own.started === mark.by.started && own.space === mark.by.space
}

async function workingContainers(engine: Engine, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await podman(
    engine,
    ['ps', '--all', '--external', '--no-trunc', '--format', '{{.ID}} {{.Command}}'],
    signal,
  )
  return listed.split('\n').flatMap((line) => /^([0-9a-f]{64}) buildah$/.exec(line.trim())?.[1] ?? [])
}

/** The folder with a folder for each container. */
async function storeOf(engine: Engine, signal: AbortSignal): Promise<string> {
  const format = '{{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}'
  const [root = '', driver = ''] = (await podman(engine, ['info', '--format', format], signal)).trim().split('\n')
  return join(root, `${driver}-containers`)
}

async function markOf(id: string, store: string): Promise<Mark | undefined> {
  const text = await readFile(join(store, id, 'userdata', 'buildah.json'), 'utf8').catch(() => '{}')
  const about: unknown = JSON.parse(text)
  const options = isRecord(about) ? about['CommonBuildOpts'] : undefined
  const secrets = isRecord(options) ? options['Secrets'] : undefined
  for (const secret of Array.isArray(secrets) ? secrets : []) {
    const [, encoded] = /^id=poststack\.([\w-]+),/.exec(String(secret)) ?? []
    if (encoded !== undefined) return parseMark(Buffer.from(encoded, 'base64url').toString())
  }
  return undefined
}

function parseMark(text: string): Mark | undefined {
  try {
    const mark: unknown = JSON.parse(text)
    if (!isRecord(mark) || typeof mark['of'] !== 'string' || !isRecord(mark['by'])) return undefined
    const { boot, host, pid, space, started } = mark['by']
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined
    const by = { pid, host, boot: textOf(boot), space: textOf(space), started: textOf(started) }
    return { of: mark['of'], by }
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

async function podman({ program }: Engine, args: readonly string[], signal: AbortSignal): Promise<string> {
  const call = { program: program.name, args: [...program.args, ...args], env: program.env, signal, timeoutMs: callMs }
  return (await runProgram(call)).stdout
}
