/**
 * The ends of containers in the tests' memory.
 */
import { pause } from '../../src/abort.ts'
import { label } from '../../src/plan/labels.ts'
import type { EndOptions, Scope } from '../../src/runtime/runtime.ts'
import { isAlive, type MemoryWorld } from './memory-world.ts'

export async function watchMemoryEnds(
  { containers }: MemoryWorld,
  { stack, project }: Pick<Scope, 'stack' | 'project'>,
  { signal, onEnd }: EndOptions,
): Promise<void> {
  let before = new Map<string, string>()
  while (!signal.aborted) {
    const now = new Map<string, string>()
    for (const container of containers.values()) {
      const labels = container.labels
      if (!isAlive(container) || labels[label.stack] !== stack || labels[label.project] !== project) continue
      now.set(container.id, labels[label.service] ?? '')
    }
    for (const [id, service] of before) if (!now.has(id)) onEnd(service)
    before = now
    await pause(5, signal).catch(() => undefined)
  }
}
