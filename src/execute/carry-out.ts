/**
 * One function for every kind of step: the only place where a plan touches the world.
 */
import { PoststackError } from '../errors.ts'
import type { StepFacts } from '../events.ts'
import { label } from '../plan/labels.ts'
import type { Action, PlanStep } from '../plan/step.ts'
import type { Limit } from './limits.ts'
import { waitFor } from './probes.ts'
import { revealTexts } from './reveal.ts'
import type { World } from './world.ts'

export interface Carrier extends World {
  /** Bounds the engine's calls. */
  readonly limit: Limit
  /** Engines hand out published ports without a lock of their own, so such starts go one after the other. */
  readonly startLimit: Limit
}

export interface StepWorld extends Carrier {
  /** Ends the engine's short calls, a moment after `signal`. */
  readonly shortSignal: AbortSignal
  /** Ends stops, which may take as long as a service needs: cut off, one would go on and end what the way back has started. */
  readonly stopSignal: AbortSignal
  readonly facts: StepFacts
  /** Says what a long step is doing. */
  readonly progress: (text: string) => void
}

type Act<Kind extends Action['kind']> = Extract<Action, { readonly kind: Kind }>

/**
 * Does one step. Returns a short note on what came of it, where there is more to say than "done".
 *
 * Builds, pulls, waits and migrations end at once when they are interrupted; the engine's short calls come to their end.
 */
export async function carryOut(step: PlanStep, world: StepWorld): Promise<string | undefined> {
  const { action } = step
  const { limit, runtime } = world
  const short = { signal: world.shortSignal }
  switch (action.kind) {
    case 'build':
      return build(action, world)
    case 'pull':
      return quiet(runtime.pullImage(action.ref, { signal: world.signal, onLine: world.progress }))
    case 'create-network':
      return quiet(limit(() => runtime.createNetwork(action.name, action.labels, short)))
    case 'create-volume':
      return quiet(limit(() => runtime.createVolume(action.name, action.labels, short)))
    case 'create':
      return create(action, { ...world, ...short })
    case 'start':
      return start(action, { ...world, ...short })
    case 'wait':
      return wait(action, world)
    case 'migrate':
      return migrate(action, world)
    case 'stop': {
      const { graceSeconds, target } = action
      return quiet(limit(() => runtime.stopContainer(target, graceSeconds, { signal: world.stopSignal })))
    }
    case 'rename':
      return quiet(limit(() => runtime.renameContainer(action.target, action.to, short)))
    case 'remove':
      return quiet(limit(() => runtime.removeContainer(action.target, short)))
    case 'remove-network':
      return quiet(limit(() => runtime.removeNetwork(action.target, short)))
    case 'remove-volume':
      return quiet(limit(() => runtime.removeVolume(action.target, short)))
    case 'blocked':
      throw new PoststackError(action.code, step.cause.text, { hint: action.ways.join('; ') })
  }
}

async function quiet(work: Promise<void>): Promise<undefined> {
  await work
  return undefined
}

async function build({ image }: Act<'build'>, { runtime, signal, progress }: StepWorld): Promise<undefined> {
  const request = {
    ref: image.ref,
    aliases: image.aliases,
    build: image.build,
    labels: { [label.fingerprint]: image.fingerprint },
  }
  await runtime.buildImage(request, { signal, onLine: progress })
  return undefined
}

async function create(
  { container }: Act<'create'>,
  { limit, runtime, secrets, signal }: StepWorld,
): Promise<undefined> {
  const env = revealTexts(container.spec.env, secrets)
  await limit(() => runtime.createContainer(container, env, { signal }))
  return undefined
}

async function start(action: Act<'start'>, world: StepWorld): Promise<undefined> {
  const { limit, runtime, secrets, signal, startLimit } = world
  const files = revealTexts(action.files, secrets)
  const run = (): Promise<void> => limit(() => runtime.startContainer(action.target, files, { signal }))
  await (action.publishes ? startLimit(run) : run())
  return undefined
}

async function wait(action: Act<'wait'>, world: StepWorld): Promise<string | undefined> {
  const { databases, progress, runtime, signal } = world
  await waitFor(action.probe, {
    service: action.service,
    target: action.target,
    runtime,
    signal,
    timeoutMs: action.timeoutMs,
    onProgress: progress,
    probeDatabase: (target) => databases.probe(target, signal),
  })
  return action.probe.kind === 'completed' ? 'completed' : undefined
}

async function migrate(action: Act<'migrate'>, world: StepWorld): Promise<string> {
  const applied = await world.databases.migrate({
    target: action.database,
    folder: action.folder,
    signal: world.signal,
    onApplied: ({ version, name, durationMs }) => {
      const run = { migration: version, name, durationMs }
      world.emit({ type: 'migration-applied', ...world.facts, service: action.service, ...run })
    },
    onWaiting: world.progress,
  })
  return applied.length === 0 ? 'nothing was pending' : `${String(applied.length)} applied`
}
