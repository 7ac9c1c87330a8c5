/**
 * What the runtime in memory shows of what it keeps.
 */
import { label } from '../../src/plan/labels.ts'
import type { ObservedContainer, RuntimeSnapshot } from '../../src/plan/types.ts'
import { withLiveLimits } from '../../src/runtime/container/limits.ts'
import { nanoCpus } from '../../src/runtime/container/spec.ts'
import { labelledContainer, labelledVolume, ownerOf } from '../../src/runtime/labels.ts'
import type { Labels } from '../../src/runtime/labels.ts'
import type { Scope } from '../../src/runtime/runtime.ts'
import { hostPorts, isAlive } from './memory-world.ts'
import type { MemoryContainer, MemoryWorld } from './memory-world.ts'

export function snapshot(world: MemoryWorld, scope: Scope): RuntimeSnapshot {
  const wanted = (name: string, names: readonly string[], labels: Labels): boolean =>
    names.includes(name) || (labels[label.stack] === scope.stack && labels[label.project] === scope.project)
  const named = (entries: Map<string, { readonly id: string; readonly labels: Labels }>, names: readonly string[]) =>
    [...entries].filter(([name, entry]) => wanted(name, names, entry.labels))
  return {
    containers: byName(
      [...world.containers.values()]
        .filter((container) => wanted(container.name, scope.containerNames, container.labels))
        .map(observed),
    ),
    volumes: byName(
      named(world.volumes, scope.volumeNames).map(([name, { labels }]) => ({ name, ...labelledVolume(labels) })),
    ),
    networks: byName(
      [...world.networks]
        .filter(([name, { labels }]) => wanted(name, scope.networkNames, labels))
        .map(([name, { id, labels }]) => ({ id, name, owner: ownerOf(labels) })),
    ),
    images: [...new Set(scope.imageRefs)].toSorted().flatMap((ref) => {
      const image = world.images.get(ref)
      return image === undefined ? [] : [{ ref, id: image.id, fingerprint: image.labels[label.fingerprint] }]
    }),
  }
}

function observed(container: MemoryContainer): ObservedContainer {
  return {
    id: container.id,
    name: container.name,
    ...labelledContainer(container.labels),
    ...changedSpec(container),
    state: container.state,
    exitCode: container.exitCode,
    imageId: container.imageId,
    ports: isAlive(container) ? hostPorts(container) : [],
  }
}

/** With what a list does not show. */
export function inspected(container: MemoryContainer): ObservedContainer {
  return {
    ...observed(container),
    ...(container.state === 'running' ? { startedAt: String(container.starts) } : {}),
  }
}

function changedSpec({ changed, labels }: MemoryContainer): Pick<ObservedContainer, 'spec'> | undefined {
  const { spec } = labelledContainer(labels)
  if (spec === undefined) return undefined
  const { cpus, memoryBytes, restart } = changed
  const raw = { Memory: memoryBytes, NanoCpus: nanoCpus(cpus ?? 0), RestartPolicy: { Name: restart } }
  return { spec: withLiveLimits(spec, { HostConfig: raw }) }
}

function byName<Entry extends { readonly name: string }>(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))
}
