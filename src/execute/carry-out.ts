/**
 * One function for every kind of step: the only place where a plan touches the world.
 */
import type { SecretPart } from '../config/types.ts'
import { isPoststackError, PoststackError } from '../errors.ts'
import type { StepFacts } from '../events.ts'
import { otherMajor } from '../plan/images.ts'
import { label } from '../plan/labels.ts'
import { describeStack } from '../plan/record.ts'
import type { Action, PlanStep } from '../plan/step.ts'
import type { SpecText } from '../plan/types.ts'
import type { Limit } from './limits.ts'
import { stackEventOf } from './migration-events.ts'
import { openBuildLog } from './build-log.ts'
import { waitFor } from './probes.ts'
import { mendPassword, setPassword } from './set-password.ts'
import { revealTexts } from './reveal.ts'
import type { World } from './world.ts'

export interface Carrier extends World {
  /** Bounds the engine's calls. */
  readonly limit: Limit
  /** Engines hand out published ports without a lock of their own, so such starts go one after the other. */
  readonly startLimit: Limit
}

export interface StepWorld extends Carrier {
  /** Ends the engine's short calls and its stops, a while after `signal`: cut off, a stop would go on and end what the way back has started. */
  readonly lateSignal: AbortSignal
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
  const short = { signal: world.lateSignal }
  switch (action.kind) {
    case 'build':
      return build(action, world)
    case 'tag':
      return quiet(limit(() => runtime.tagImage(action.ref, action.names, short)))
    case 'pull':
      return pull(action, world)
    case 'create-network':
      return quiet(limit(() => runtime.createNetwork(action.name, action.labels, short)))
    case 'create-volume':
      return quiet(limit(() => runtime.createVolume(action.name, action.labels, short)))
    case 'remember':
      return quiet(remember(action, { ...world, ...short }))
    case 'forget':
      return quiet(limit(() => runtime.removeVolume(action.target, short)))
    case 'create':
      return create(action, { ...world, ...short })
    case 'start':
      return start(action, { ...world, ...short })
    case 'update':
      return quiet(limit(() => runtime.updateContainer(action.target, action.fields, short)))
    case 'set-password':
      return quiet(setPassword({ ...action, files: revealTexts(action.files, world.secrets) }, world))
    case 'wait':
      return wait(action, world)
    case 'migrate':
      return migrate(action, world)
    case 'seed':
      return seed(action, world)
    case 'hook':
      return quiet(runHook(action, world))
    case 'record':
      return record(action, world)
    case 'stop':
      return quiet(limit(() => runtime.stopContainer(action.target, action.graceSeconds, short)))
    case 'rename':
      return quiet(limit(() => runtime.renameContainer(action.target, action.to, short)))
    case 'remove':
      return quiet(limit(() => runtime.removeContainer(action.target, short)))
    case 'remove-network':
      return quiet(limit(() => runtime.removeNetwork(action.target, short)))
    case 'remove-volume':
      return quiet(limit(() => runtime.removeVolume(action.target, short)))
    case 'remove-image':
      return quiet(limit(() => runtime.removeImage(action.target, short)))
    case 'blocked':
      throw new PoststackError(action.code, step.cause.text, { hint: action.ways.join('; ') })
  }
}

async function quiet(work: Promise<void>): Promise<undefined> {
  await work
  return undefined
}

async function build(
  { image, labels, noCache = false }: Act<'build'>,
  { logFolder, progress, runtime, secrets, signal }: StepWorld,
): Promise<undefined> {
  const { aliases, build: from, fingerprint, ref } = image
  const request = { ref, aliases, build: from, labels: { ...labels, [label.fingerprint]: fingerprint }, noCache }
  const hide = (text: string): string => secrets.hide(text)
  const log = await openBuildLog({ folder: logFolder, image, hide })
  const onLine = (line: string): void => {
    log.write(line)
    progress(hide(line))
  }
  try {
    await runtime.buildImage(
      { ...request, secrets: revealTexts(secretTexts(from.secrets), secrets) },
      { signal, onLine },
    )
  } catch (error) {
    throw log.explain(error)
  } finally {
    await log.close()
  }
  return undefined
}

function secretTexts(parts: Readonly<Record<string, SecretPart>> = {}): Readonly<Record<string, SpecText>> {
  return Object.fromEntries(Object.entries(parts).map(([id, part]) => [id, { parts: [part] }]))
}

async function pull(
  { ref, platform, makes = [] }: Act<'pull'>,
  { limit, progress, runtime, signal }: StepWorld,
): Promise<undefined> {
  await runtime.pullImage(ref, { signal, onLine: progress, platform })
  if (makes.length === 0) return
  const { images } = await limit(() => runtime.observe({ ...nothing, imageRefs: [ref] }, { signal }))
  for (const use of makes) {
    const other = otherMajor(images[0] ?? { ref }, use)
    if (other !== undefined) throw new PoststackError('CONFIG_INVALID', other.cause, { hint: other.ways.join('; ') })
  }
}

const nothing = { stack: '', project: '', containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }

async function create(
  { container }: Act<'create'>,
  { limit, runtime, secrets, signal }: StepWorld,
): Promise<undefined> {
  const env = revealTexts(container.spec.env, secrets)
  await limit(() => runtime.createContainer(container, env, { signal }))
  return undefined
}

async function remember(
  { name, labels, outdated }: Act<'remember'>,
  { limit, runtime, signal }: StepWorld,
): Promise<void> {
  await limit(() => runtime.createVolume(name, labels, { signal }))
  for (const old of outdated) await limit(() => runtime.removeVolume({ name: old }, { signal }))
}

async function start(action: Act<'start'>, world: StepWorld): Promise<undefined> {
  const { limit, runtime, secrets, signal, startLimit } = world
  const files = revealTexts(action.files, secrets)
  const run = (): Promise<void> => limit(() => runtime.startContainer(action.target, files, { signal }))
  await (action.publishes ? startLimit(run) : run()).catch((error: unknown) => {
    throw portIsGone(action, error) ?? error
  })
  return undefined
}

/** The old container of a service that failed, whose port another service of this run has got: nothing outside stands in the way. */
function portIsGone({ handedTo, service }: Act<'start'>, error: unknown): PoststackError | undefined {
  if (handedTo === undefined || !isPoststackError(error) || error.code !== 'PORT_IN_USE') return undefined
  const takers = handedTo.join(' and ')
  return new PoststackError(
    'PORT_IN_USE',
    `The old container of ${service} cannot run again: its port has gone to ${takers}, as declared. ${service} does not run now.`,
    {
      hint: `Mend what ${service} failed with and run the command again: it goes on from here, and what has its new port already is left alone.`,
      details: error.details ?? {},
      cause: error,
    },
  )
}

async function wait(action: Act<'wait'>, world: StepWorld): Promise<string | undefined> {
  const { databases, progress, runtime, secrets, signal } = world
  const { password } = action
  await waitFor(action.probe, {
    service: action.service,
    target: action.target,
    runtime,
    signal,
    timeoutMs: action.timeoutMs,
    onProgress: progress,
    hide: (text) => secrets.hide(text),
    probeDatabase: (target, limited) => databases.probe(target, limited),
    setPassword: password === undefined ? undefined : () => mendPassword(action, revealTexts(password, secrets), world),
  })
  return action.probe.kind === 'completed' ? 'completed' : undefined
}

async function migrate(action: Act<'migrate'>, world: StepWorld): Promise<string> {
  const applied = await world.databases.migrate({
    service: action.service,
    target: action.database,
    folder: action.folder,
    // What is pending is known where the ledger was read, and then the plan has its warnings.
    warned: action.pending !== 'unknown',
    signal: world.signal,
    onEvent: (event) => {
      // Who has the lock is what the step does now; as an event of the run it would seem to be the lock of the whole stack.
      if (event.type === 'lock-waiting') world.progress(event.description)
      else world.emit(stackEventOf(event, { ...world.facts, service: action.service }))
    },
  })
  return applied.length === 0 ? 'nothing was pending' : `${String(applied.length)} applied`
}

async function seed(action: Act<'seed'>, world: StepWorld): Promise<string> {
  const { service } = action
  const files = await world.databases.seed({
    service,
    target: action.database,
    seeds: action.seeds,
    signal: world.signal,
    onEvent: (event) => {
      if (event.type === 'lock-waiting') world.progress(event.description)
      else world.emit(stackEventOf(event, { ...world.facts, service }))
    },
    runScript: (file, signal) => world.runScript({ file, service, signal, onLine: world.progress }),
  })
  return files.length === 0 ? 'nothing was missing' : files.join(', ')
}

function runHook(
  { hook, service }: Act<'hook'>,
  { progress, runCommand, runScript, signal }: StepWorld,
): Promise<void> {
  const run = { service, signal, onLine: progress }
  return hook.kind === 'script' ? runScript({ ...run, file: hook.path }) : runCommand({ ...run, command: hook.command })
}

/** Looks again instead of trusting the plan: ids and ports of what was just made are known to the runtime only. */
async function record(action: Act<'record'>, world: StepWorld): Promise<string | undefined> {
  const { databases, limit, progress, runtime, signal } = world
  const { project, stack } = action.declared
  const { containers, volumes } = await limit(() => runtime.observe({ ...nothing, stack, project }, { signal }))
  const described = describeStack(action.declared, { runtime: runtime.name, containers, volumes })
  const written = await databases.record({ target: action.database, record: described, signal, onWaiting: progress })
  return written ? undefined : 'tables of these names are not ours and were left alone'
}
