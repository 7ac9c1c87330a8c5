/**
 * How the services are now: asked, not remembered. For each that is not well: why, and the last it has said.
 */
import { hintFor } from '../execute/hints.ts'
import { endedWell, lastWordsHint, waitingHint } from '../execute/readiness-error.ts'
import { observe } from '../execute/observe.ts'
import type { DesiredRead } from '../execute/read-desired.ts'
import { currentContainer } from '../plan/current.ts'
import { servicesNamed } from '../plan/named.ts'
import { asServersRun } from '../plan/own-server.ts'
import { reconcile } from '../plan/reconcile/reconcile.ts'
import { stackStatus, type ServiceStatus, type StackStatus } from '../plan/status.ts'
import type { Observed, ObservedContainer, Probe } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { read, withConfig, type Opened } from './opened.ts'
import { worldOf } from './world.ts'
import type { ServiceHealth } from './options.ts'
import { lookAtNames } from './runs.ts'

const shownLines = 10

/** What there is of each service, set against a plan about containers. */
export async function lookAtServices(
  opened: Opened,
  runtime: Runtime,
): Promise<DesiredRead & { readonly observed: Observed; readonly status: StackStatus }> {
  const running = await asItRuns(opened, runtime)
  const { desired, secrets } = await read(running, { services: [], create: false })
  const observed = await observe(desired, worldOf(running, runtime, secrets))
  const status = stackStatus(desired, observed, reconcile(desired, observed, { goal: 'start' }))
  const services = status.services.map((service): ServiceStatus => {
    const reason = service.reason ?? reasonOf(service, currentContainer(service.service, observed.containers, desired))
    return reason === undefined ? service : { ...service, reason }
  })
  return { desired, observed, secrets, status: { ...status, services } }
}

/** A server that was started with `--postgres-port` is asked there, and not where it is declared. */
async function asItRuns(opened: Opened, runtime: Runtime): Promise<Opened> {
  const { desired, observed } = await lookAtNames(opened, runtime)
  return withConfig(opened, asServersRun(opened.parsed.config, observed.containers, desired))
}

export async function readHealth(
  opened: Opened,
  runtime: Runtime,
  names: readonly string[],
): Promise<readonly ServiceHealth[]> {
  const { desired, observed, secrets, status: whole } = await lookAtServices(opened, runtime)
  const { services } = whole
  const wanted = servicesNamed(names, desired, observed.containers)
  const resting = desired.services.filter(({ idle, name }) => idle !== undefined && isAbsent(name, services))
  const asked = services.filter(({ service }) =>
    names.length === 0 ? !resting.some(({ name }) => name === service) : wanted.includes(service),
  )
  return await Promise.all(
    asked.map(async (status) => {
      const found = currentContainer(status.service, observed.containers, desired)
      const { signal } = opened
      const healthy = status.state === 'ready' || status.state === 'completed'
      const ill = healthy ? undefined : found
      const logs = ill === undefined ? [] : await runtime.logs(ill, shownLines, { signal })
      // Engines say some things only of one container by itself.
      const closer = ill === undefined ? undefined : await runtime.inspect(ill, { signal })
      const between = ill?.restartedLately === undefined ? undefined : await betweenEnds(ill, runtime, signal)
      return healthOf(status, {
        container: closer === undefined ? found : { ...closer, ...between },
        probe: desired.services.find(({ name }) => name === status.service)?.probe,
        logs: logs.map((line) => secrets.hide(line)),
        remoteHost: runtime.remoteHost,
      })
    }),
  )
}

/** Of one that runs between two ends: that it does, and how it ended. */
async function betweenEnds(
  container: ObservedContainer,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Partial<ObservedContainer>> {
  const { restartedLately = 0 } = container
  const exitCode = await runtime.lastExitCode?.(container, { signal })
  return { restartedLately, ...(exitCode === undefined ? {} : { exitCode }) }
}

function isAbsent(name: string, services: readonly ServiceStatus[]): boolean {
  return services.some(({ service, state }) => service === name && state === 'absent')
}

interface Symptoms {
  readonly container: ObservedContainer | undefined
  readonly probe: Probe | undefined
  readonly logs: readonly string[]
  readonly remoteHost: string | undefined
}

function healthOf(status: ServiceStatus, symptoms: Symptoms): ServiceHealth {
  const { service, state } = status
  const { container, logs } = symptoms
  const healthy = state === 'ready' || state === 'completed'
  const exitCode = container?.exitCode
  const facts = {
    service,
    healthy,
    state,
    ...(container === undefined ? {} : { container: container.name }),
    ...(exitCode === undefined ? {} : { exitCode }),
    logs,
  }
  if (healthy) return facts
  const { reason = 'it is not ready yet' } = status
  const code = container?.state === 'running' && exitCode !== undefined ? `, last exit code ${String(exitCode)}` : ''
  return { ...facts, reason: `${reason}${code}`, hint: wayOut(status, symptoms) }
}

/** Of one that was killed, whoever did it: the same as an engine's stop does after its grace time. */
const killedCode = 137
const killedHint =
  'It does not run, and was killed: by a stop after its grace time, by hand, or by the system when memory ran out. If nobody stopped it, raise `memory` of the service where it is declared, or give the container engine more.'

function wayOut({ reason, service, state }: ServiceStatus, { container, probe, logs, remoteHost }: Symptoms): string {
  const start = `Start it: poststack container start ${service}`
  if (state === 'absent') return start
  if (state === 'stopped') return `${container?.exitCode === killedCode ? killedHint : 'It does not run.'} ${start}`
  if (state === 'failed' && container?.exitCode === 0) return endedWell
  const known = hintFor({ exitCode: container?.exitCode, logs, outOfMemory: container?.outOfMemory })
  if (known !== undefined) return known
  const isLooping = state === 'failed' && container?.restartedLately !== undefined
  const isOver = container !== undefined && (container.state !== 'running' || isLooping)
  return isOver || probe === undefined
    ? lastWordsHint({ logs })
    : waitingHint(probe, { service, target: container, container, remoteHost, reason, isSilent: logs.length === 0 })
}

/** Why a service is not ready, where its probe does not say; nothing for one that is. */
function reasonOf({ state }: ServiceStatus, container: ObservedContainer | undefined): string | undefined {
  if (state === 'ready' || state === 'completed') return undefined
  if (container === undefined) return state === 'absent' ? 'there is no container of it' : 'it does not answer'
  const code = container.exitCode === undefined ? '' : `, last exit code ${String(container.exitCode)}`
  switch (container.state) {
    case 'created':
      return 'its container was never started'
    case 'exited':
      if (container.exitCode === undefined) return 'it is stopped'
      return state === 'stopped' && container.exitCode !== 0
        ? `it is stopped, with exit code ${String(container.exitCode)}`
        : `it ended with exit code ${String(container.exitCode)}`
    case 'restarting':
      return `it crashes and is being restarted${code}`
    case 'paused':
      return 'its container is paused'
    case 'dead':
      return `its container is dead${code}`
    case 'running':
      return 'it is not ready yet'
  }
}
