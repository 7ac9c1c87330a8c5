/**
 * What Docker changes in a container that is there: limits and the restart policy. Podman 4.3 lacks this call, and what its own one changes
 * is not shown by inspect and gone with the next start (seen), so there a changed limit means a new container, as every other change does.
 */
import type { ChangeableFields, ObservedContainer, RecordedSpec, Target } from '../../plan/types.ts'
import { needContainer } from './calls.ts'
import { refusal } from './refusals.ts'
import { nanoCpus } from './spec.ts'
import type { Engine } from './engine-connect.ts'
import { asRecord } from './inspect.ts'

export interface Change {
  readonly target: Target
  readonly fields: ChangeableFields
  readonly signal: AbortSignal
}

export async function updateContainer(engine: Engine, { target, fields, signal }: Change): Promise<void> {
  const { id, name } = await needContainer(engine, target, signal)
  const { cpus, memoryBytes, restart } = fields
  const body = {
    // As much swap again, as Docker grants it when a container is made; a limit above the old sum of both is refused otherwise.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: 2 * memoryBytes }),
    ...(cpus === undefined ? {} : { NanoCpus: nanoCpus(cpus) }),
    ...(restart === undefined ? {} : { RestartPolicy: { Name: restart } }),
  }
  const answer = await engine.client.send({ method: 'POST', path: `/containers/${id}/update`, body, signal })
  if (answer.status >= 300) throw refusal(`Container ${name} was not given other limits`, answer)
}

/** Whether what holds now may be something else than its label says. */
export function mayBeUpdated({ flavour }: Engine, { spec }: ObservedContainer): boolean {
  return flavour === 'docker' && spec !== undefined && ['cpus', 'memoryBytes', 'restart'].some((field) => field in spec)
}

/** A recorded spec with the values that hold now, in the fields that it names. `raw` is the engine's answer about the container. */
export function withLiveLimits(spec: RecordedSpec, raw: unknown): RecordedSpec {
  const host = asRecord(asRecord(raw)['HostConfig'])
  const { Memory: memory, NanoCpus: nano } = host
  const { Name: policy } = asRecord(host['RestartPolicy'] ?? {})
  const { cpus, restart } = spec
  const isOther = typeof cpus === 'number' && typeof nano === 'number' && nano > 0 && nanoCpus(cpus) !== nano
  const isKnown = restart !== undefined && typeof policy === 'string' && policy !== ''
  return {
    ...spec,
    ...(spec['memoryBytes'] === undefined || typeof memory !== 'number' || memory === 0 ? {} : { memoryBytes: memory }),
    ...(isOther ? { cpus: nano / 1e9 } : {}),
    ...(isKnown ? { restart: policy } : {}),
  }
}
