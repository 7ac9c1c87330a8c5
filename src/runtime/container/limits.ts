/**
 * What an engine changes in a container that is there: limits and the restart policy. Docker does, and podman since 5.1. Podman 4.3 lacks
 * this call, and what its own one changes is not shown by inspect and gone with the next start (seen), so there a changed limit means a new
 * container, as every other change does.
 */
import { cpuStep } from '../../plan/reconcile/change-in-place.ts'
import { withFields } from '../../plan/spec.ts'
import type { ChangeableFields, ObservedContainer, RecordedSpec, Target } from '../../plan/types.ts'
import { needContainer } from './calls.ts'
import { refusal } from './refusals.ts'
import { nanoCpus } from './spec.ts'
import type { Engine } from './engine-connect.ts'
import { asRecord } from './inspect.ts'
import { isPodmanBefore } from './podman-version.ts'

export interface Change {
  readonly target: Target
  readonly fields: ChangeableFields
  readonly signal: AbortSignal
}

/** Whether a change outlives the next start, and is shown afterwards. */
export function changesInPlace(engine: Pick<Engine, 'flavour' | 'podmanVersion'>): boolean {
  return !isPodmanBefore(engine, 5, 1)
}

export async function updateContainer(engine: Engine, { target, fields, signal }: Change): Promise<void> {
  const { id, name, raw } = await needContainer(engine, target, signal)
  const body = updateBody(fields, { flavour: engine.flavour, raw })
  const answer = await engine.client.send({ method: 'POST', path: `/containers/${id}/update`, body, signal })
  if (answer.status >= 300) throw refusal(`Container ${name} was not given other limits`, answer)
}

/** The body of `POST /containers/{id}/update`. `raw` is the engine's answer about the container as it is. */
export function updateBody(
  { cpus, memoryBytes, restart }: ChangeableFields,
  { flavour, raw }: Pick<Engine, 'flavour'> & { readonly raw: unknown },
): Readonly<Record<string, unknown>> {
  const isPodman = flavour === 'podman'
  // Podman takes a policy that is not named for none at all, and does not know processors in this call but by their time.
  const policy =
    restart ?? (isPodman ? asRecord(asRecord(asRecord(raw)['HostConfig'])['RestartPolicy'] ?? {})['Name'] : undefined)
  const processors = (wanted: number) =>
    isPodman ? { CpuPeriod: cpuPeriod, CpuQuota: Math.round(wanted * cpuPeriod) } : { NanoCpus: nanoCpus(wanted) }
  return {
    // As much swap again, as Docker grants it when a container is made; a limit above the old sum of both is refused otherwise.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: 2 * memoryBytes }),
    ...(cpus === undefined ? {} : processors(cpus)),
    ...(policy === undefined ? {} : { RestartPolicy: { Name: policy } }),
  }
}

/** In microseconds. Both engines count processors as a part of it. */
const cpuPeriod = 100_000

/** Whether what holds now may be something else than its label says. */
export function mayBeUpdated(engine: Engine, { spec }: ObservedContainer): boolean {
  return changesInPlace(engine) && spec !== undefined
}

/** A recorded spec with the limits and the policy that hold now. `raw` is the engine's answer about the container. */
export function withLiveLimits(spec: RecordedSpec, raw: unknown): RecordedSpec {
  const host = asRecord(asRecord(raw)['HostConfig'])
  const { Memory: memory, NanoCpus: nano } = host
  const { Name: policy } = asRecord(host['RestartPolicy'] ?? {})
  const { cpus } = spec
  const live = typeof nano === 'number' && nano > 0 ? nano / 1e9 : undefined
  // What is shown may have been rounded to what the kernel counts in.
  const isOther = live !== undefined && !(typeof cpus === 'number' && Math.abs(cpus - live) < cpuStep)
  return withFields(spec, {
    // Zero is shown where the kernel cannot limit, too.
    ...(typeof memory === 'number' && memory > 0 ? { memoryBytes: memory } : {}),
    ...(isOther ? { cpus: live } : {}),
    // As in every spec, the default policy is left out.
    ...(typeof policy === 'string' && policy !== '' ? { restart: policy === 'no' ? undefined : policy } : {}),
  })
}
