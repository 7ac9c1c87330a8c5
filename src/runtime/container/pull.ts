/**
 * Pulling images over the socket, with one line of progress for all layers together.
 */
import { isPoststackError, PoststackError } from '../../errors.ts'
import { isForPlatform } from '../../plan/images.ts'
import { observeImage } from './reads.ts'
import type { Engine } from './engine-connect.ts'
import { messageOf } from './engine-http.ts'
import { parseImageName } from './image-names.ts'
import { createLineSplitter } from '../lines.ts'
import type { PullOptions } from '../runtime.ts'

/** Without a sign of progress for so long a registry counts as gone. */
const silenceMs = 120_000
const lineEveryMs = 500

/** @throws `PULL_FAILED` with the registry's or the engine's own words. */
export async function pullImage(engine: Engine, ref: string, { platform, signal, onLine }: PullOptions): Promise<void> {
  const name = parseImageName(ref)
  // What is built here must never be taken from a registry where somebody else owns the name.
  if (name.local) throw pullFailed(ref, 'the name has no registry in front of it')
  const progress = createPullProgress(ref, onLine)
  const lines = createLineSplitter(progress.take)
  const query = new URLSearchParams({ fromImage: name.repository, tag: name.digest ?? name.tag ?? 'latest' })
  if (platform !== undefined) query.set('platform', platform)
  try {
    const answer = await engine.client.send({
      method: 'POST',
      path: `/images/create?${query.toString()}`,
      signal,
      timeoutMs: silenceMs,
      onData: lines.push,
    })
    lines.end()
    const failure = answer.status >= 300 ? messageOf(answer) : progress.failure()
    if (failure !== undefined) throw pullFailed(ref, failure)
    if (platform !== undefined) await requirePlatform(engine, { ref, platform, signal })
  } catch (error) {
    if (isPoststackError(error) && error.code === 'RUNTIME_UNREACHABLE' && 'timeoutMs' in error.details)
      throw pullFailed(ref, `nothing came for ${String(silenceMs / 1000)} s`, error)
    throw error
  }
}

/** Of an image that is for one platform only, podman takes that one, whatever was asked for. */
async function requirePlatform(
  engine: Engine,
  { ref, platform, signal }: { readonly ref: string; readonly platform: string; readonly signal: AbortSignal },
): Promise<void> {
  const image = await observeImage(engine, ref, signal)
  if (image?.platform === undefined || isForPlatform(image.platform, platform)) return
  throw pullFailed(ref, `the registry has it for ${image.platform}, and not for ${platform}`)
}

export interface PullProgress {
  readonly take: (line: string) => void
  /** What went wrong, if anything did: engines report it inside an answer that began well. */
  readonly failure: () => string | undefined
}

/** Adds up the layers of one pull and says how far it is, at most twice a second. */
export function createPullProgress(
  ref: string,
  onLine: (line: string) => void,
  now = () => performance.now(),
): PullProgress {
  const layers = new Map<string, { readonly done: boolean; readonly current: number; readonly total: number }>()
  let failure: string | undefined
  let lastLineAt = Number.NEGATIVE_INFINITY
  let lastLine = ''
  const take = (line: string) => {
    const entry = parseEntry(line)
    if (entry === undefined) return
    failure = entry.error ?? failure
    if (entry.id === undefined || entry.status === undefined || !layerStatus.test(entry.status)) return
    const before = layers.get(entry.id) ?? { done: false, current: 0, total: 0 }
    const done = /^(pull complete|already exists|download complete)/i.test(entry.status)
    const downloading = /^downloading/i.test(entry.status)
    layers.set(entry.id, {
      done: done || before.done,
      current: downloading ? entry.current : before.current,
      total: downloading ? entry.total : before.total,
    })
    const text = describe(ref, [...layers.values()])
    if (text === lastLine || now() - lastLineAt < lineEveryMs) return
    lastLineAt = now()
    lastLine = text
    onLine(text)
  }
  return { take, failure: () => failure }
}

const layerStatus =
  /^(pulling fs layer|waiting|downloading|verifying|download complete|extracting|pull complete|already exists)/i

interface Entry {
  readonly id: string | undefined
  readonly status: string | undefined
  readonly error: string | undefined
  readonly current: number
  readonly total: number
}

function parseEntry(line: string): Entry | undefined {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>> | null
    if (typeof value !== 'object' || value === null) return undefined
    const detail = (value['progressDetail'] ?? {}) as Readonly<Record<string, unknown>>
    return {
      id: textOrNothing(value['id']),
      status: textOrNothing(value['status']),
      error: textOrNothing(value['error']),
      current: Number(detail['current'] ?? 0),
      total: Number(detail['total'] ?? 0),
    }
  } catch {
    return undefined
  }
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function describe(
  ref: string,
  layers: readonly { readonly done: boolean; readonly current: number; readonly total: number }[],
): string {
  const done = layers.filter((layer) => layer.done).length
  const megabytes = (key: 'current' | 'total') =>
    Math.round(layers.reduce((sum, layer) => sum + layer[key], 0) / 1_000_000)
  const bytes = megabytes('total') === 0 ? '' : `, ${String(megabytes('current'))} of ${String(megabytes('total'))} MB`
  return `pulling ${ref}: ${String(done)} of ${String(layers.length)} layers${bytes}`
}

function pullFailed(ref: string, reason: string, cause?: unknown): PoststackError {
  return new PoststackError('PULL_FAILED', `Image ${ref} could not be pulled: ${reason}`, {
    hint: hintFor(ref, reason),
    details: { image: ref },
    cause,
  })
}

function hintFor(ref: string, reason: string): string {
  if (parseImageName(ref).local) return `Write the whole name, for example docker.io/library/${ref}.`
  if (/does not match the specified platform|no (?:matching manifest|image found)|and not for /i.test(reason))
    return 'Leave `platform` out, or name an image that is made for it.'
  if (/unauthorized|denied|authentication required/i.test(reason))
    return `Check the name. If the image is private, pull it once with the engine's own program, which knows your login: podman pull ${ref}, or docker pull ${ref}.`
  if (/not found|manifest unknown|no such image/i.test(reason)) return 'Check the name and the tag.'
  if (/toomanyrequests|rate limit/i.test(reason)) return "Log in to the registry with the engine's program, or wait."
  return 'Check the network and the registry; the engine does the pulling, so its proxy settings count.'
}
