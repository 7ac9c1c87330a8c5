/**
 * What the runtime in memory keeps: an engine's things as plain records, which tests may look at and change.
 */
import type { ChangeableFields, ContainerPlan, ObservedContainer, Target } from '../../src/plan/types.ts'
import { isOurs } from '../../src/plan/names.ts'
import { type Labels, ownerOf } from '../../src/runtime/labels.ts'
import type { Revealed } from '../../src/runtime/runtime.ts'

export interface MemoryContainer {
  readonly id: string
  name: string
  readonly labels: Labels
  readonly plan: ContainerPlan | undefined
  readonly env: Revealed
  readonly imageId: string
  state: ObservedContainer['state']
  exitCode: number | undefined
  files: Revealed
  logs: string[]
  /** How often it was started. */
  starts: number
  /** What was changed since it was made. */
  changed: ChangeableFields
}

export interface MemoryVolume {
  readonly labels: Labels
  /** Tells a volume from a later one of the same name: its data would be gone. */
  readonly id: string
}

/** What all memory runtimes over one world share, and what tests may reach into. */
export interface MemoryWorld {
  readonly containers: Map<string, MemoryContainer>
  readonly volumes: Map<string, MemoryVolume>
  readonly networks: Map<string, { readonly id: string; readonly labels: Labels }>
  readonly images: Map<string, { readonly id: string; readonly labels: Labels }>
  /** Host ports that something outside holds. */
  readonly busyPorts: Set<number>
  /** What a container does when it is started: go on running, or end at once with a code. */
  behaviour: (container: MemoryContainer) => 'runs' | { readonly exits: number }
  nextId: number
}

export function createMemoryWorld(): MemoryWorld {
  return {
    containers: new Map(),
    volumes: new Map(),
    networks: new Map(),
    images: new Map(),
    busyPorts: new Set(),
    behaviour: () => 'runs',
    nextId: 1,
  }
}

/** An id wins over a name, as in an engine: the name may belong to another container by now. */
export function lookUp(world: MemoryWorld, target: Target): MemoryContainer | undefined {
  if (target.id !== undefined) return world.containers.get(target.id)
  const found = [...world.containers.values()].find(({ name }) => name === target.name)
  const isTheirs = target.owner !== undefined && !isOurs(ownerOf(found?.labels ?? {}), target.owner)
  return isTheirs ? undefined : found
}

export function holderOf(world: MemoryWorld, host: number): MemoryContainer | undefined {
  return [...world.containers.values()].find((one) => isAlive(one) && hostPorts(one).some((port) => port.host === host))
}

export function hostPorts({ plan }: MemoryContainer): ObservedContainer['ports'][number][] {
  const ports = plan?.spec.ports ?? []
  return ports
    .flatMap(({ host, hostAddress = '127.0.0.1', protocol }) =>
      host === undefined ? [] : [{ host, hostAddress, ...(protocol === 'udp' ? { protocol } : {}) }],
    )
    .toSorted((one, other) => one.host - other.host)
}

export function isAlive(container: MemoryContainer): boolean {
  return container.state === 'running' || container.state === 'paused'
}
