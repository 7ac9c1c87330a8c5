/**
 * What waiting for a service is handed: one container of the memory runtime.
 */
import type { WaitContext } from '../../src/execute/probes.ts'
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
