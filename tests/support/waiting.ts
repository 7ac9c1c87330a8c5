/**
 * What waiting for a service is handed: one container of the memory runtime.
 */
import { expect } from 'vitest'
import type { PoststackError } from '../../src/errors.ts'
import { waitFor, type WaitContext } from '../../src/execute/probes.ts'
import type { Probe } from '../../src/plan/types.ts'
import { createMemoryRuntime, type MemoryRuntime } from './memory-runtime.ts'

export const target = { name: 'shop-web' }

type MemoryContainer = MemoryRuntime['world']['containers'] extends Map<string, infer Container> ? Container : never

/** A runtime with one container, `shop-web`, in that state. */
export function runtimeWith(state: Partial<MemoryContainer>): { runtime: MemoryRuntime; container: MemoryContainer } {
  const runtime = createMemoryRuntime()
  const container: MemoryContainer = {
    id: 'container:1',
    name: target.name,
    labels: {},
    plan: undefined,
    env: {},
    imageId: '',
    state: 'running',
    exitCode: undefined,
    files: {},
    logs: [],
    starts: 1,
    changed: {},
    ...state,
  }
  runtime.world.containers.set(container.id, container)
  return { runtime, container }
}

/** For `waitFor`: about that container, with nothing in its way. */
export function context(changes: Partial<WaitContext> = {}): WaitContext {
  return {
    service: 'web',
    target,
    runtime: runtimeWith({}).runtime,
    probeDatabase: () => Promise.resolve({ ready: true }),
    signal: new AbortController().signal,
    timeoutMs: 5000,
    onProgress: () => undefined,
    hide: (text) => text,
    ...changes,
  }
}

/** What waiting fails with. */
export async function failureOf(probe: Probe, changes: Partial<WaitContext>): Promise<PoststackError> {
  return waitFor(probe, context(changes)).then(
    () => expect.unreachable('it got ready'),
    (error: unknown) => error as PoststackError,
  )
}
