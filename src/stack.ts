/**
 * `openStack()`: the one place that puts the parts together. Everything else is handed what it needs.
 */
import { setMaxListeners } from 'node:events'
import { relative } from 'node:path'

import type { RuntimeChoice } from './config/define.ts'
import { loadConfig } from './config/load.ts'
import { parseConfig, type ParsedConfig } from './config/parse.ts'
import type { Secrets } from './config/secrets.ts'
import type { Config } from './config/types.ts'
import { PoststackError } from './errors.ts'
import type { Emit, Outcome, StepResult } from './events.ts'
import { connectDatabases } from './execute/databases.ts'
import { execute } from './execute/execute.ts'
import { loadAhead } from './execute/load-ahead.ts'
import { observe, observeRuntime } from './execute/observe.ts'
import { busyPorts } from './execute/ports.ts'
import { readDesired, readNames, type DesiredRead } from './execute/read-desired.ts'
import { withStackLock } from './execute/stack-lock.ts'
import type { World } from './execute/world.ts'
import { planDown } from './plan/down.ts'
import { selectServices } from './plan/order.ts'
import { reconcile } from './plan/reconcile.ts'
import { consentNeeded, refuseBlocked } from './plan/refusal.ts'
import { addressesOf, stackStatus, type StackStatus } from './plan/status.ts'
import type { Plan } from './plan/step.ts'
import type { Desired } from './plan/types.ts'
import { processHoldingPort } from './runtime/port-holder.ts'
import type { Runtime } from './runtime/runtime.ts'
import { selectRuntime } from './runtime/select.ts'

export interface OpenOptions {
  /** Where to look for `poststack.config.ts`, from here upward. */
  readonly cwd: string
  /** The config file, relative to `cwd`, instead of looking for one. */
  readonly configFile?: string | undefined
  /** Handed to the config's function. @default 'development' */
  readonly mode?: string | undefined
  /** The environment variables that the config and the engines' programs may see. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Evaluate the config with every permission instead of guarded. @default false */
  readonly allowAll?: boolean | undefined
  /** Wins over the config's `runtime`. */
  readonly runtime?: RuntimeChoice | undefined
  /** Hears what happens. @default nobody */
  readonly emit?: Emit | undefined
  /** Stops everything under way; what was begun is taken back. @default never */
  readonly signal?: AbortSignal | undefined
}

export interface SelectOptions {
  /** Only these services and what they depend on; all when empty. */
  readonly services?: readonly string[] | undefined
}

export interface UpOptions extends SelectOptions {
  /** Overrides how long each service may take to become ready. */
  readonly waitTimeoutMs?: number | undefined
}

export interface DownOptions {
  /** Delete the volumes, too. */
  readonly volumes: boolean
  /** Asked with the exact plan before anything is deleted; without it, or when it says no, nothing is done: `CONSENT_NEEDED`. */
  readonly confirm?: ((plan: Plan) => Promise<boolean>) | undefined
}

/** A stack that was read and can be asked, brought up and taken down. Safe to use again after each call. */
export interface Stack {
  readonly config: Config
  /** Every file the config depends on, absolute and sorted. */
  readonly dependencies: readonly string[]
  /** What `up` would do, and why. Changes nothing and writes nothing. */
  plan(options?: SelectOptions): Promise<Plan>
  /** Makes it as declared. Throws when no plan could be made or it is blocked; a failed step is told in the outcome. */
  up(options?: UpOptions): Promise<Outcome>
  /** Stops and removes what runs; volumes stay unless asked for. */
  down(options: DownOptions): Promise<Outcome>
  status(): Promise<StackStatus>
  /** Frees connections; what runs goes on running. */
  close(): Promise<void>
}

/** Reads the config and whatever it names. Nothing of the world is touched before a method is called. */
export async function openStack(options: OpenOptions): Promise<Stack> {
  // A signal of our own, because every wait of a large stack listens to it, and Node warns from eleven on.
  const signal = options.signal === undefined ? new AbortController().signal : AbortSignal.any([options.signal])
  setMaxListeners(0, signal)
  const emit = options.emit ?? (() => undefined)
  const { cwd, env } = options
  const loaded = await loadConfig({
    cwd,
    file: options.configFile,
    mode: options.mode ?? 'development',
    env,
    trusted: options.allowAll,
    signal,
    onWaiting: () => {
      loadAhead(options.runtime)
    },
  })
  if (loaded.file === undefined) emit({ type: 'notice', message: conventionsNotice })
  for (const line of [...loaded.output.stdout, ...loaded.output.stderr]) emit({ type: 'notice', message: line })
  const { root, issues, sources, images, dependencies } = loaded
  const file = loaded.file === undefined ? undefined : relative(cwd, loaded.file)
  const parsed = await parseConfig(loaded.plain, { root, issues, sources, images, file })
  return createStack({ parsed, dependencies, env, runtime: options.runtime ?? parsed.config.runtime, emit, signal })
}

/** Said because any folder is a stack where there is no config file, also one that was entered by mistake. */
const conventionsNotice =
  'no poststack.config.ts from here upward: one PostgreSQL service on port 5432, with the migrations in ./migrations'

interface Opened {
  readonly parsed: ParsedConfig
  readonly dependencies: readonly string[]
  readonly env: OpenOptions['env']
  readonly runtime: RuntimeChoice
  readonly emit: Emit
  readonly signal: AbortSignal
}

function createStack(opened: Opened): Stack {
  const { config } = opened.parsed
  let runtime: Promise<Runtime> | undefined
  const select = (services: Config['services']): Promise<Runtime> => {
    runtime ??= chooseRuntime(opened, services)
    return runtime
  }
  // Where no engine answers, no container can be there: looking and taking down go without one.
  const databases = config.services.filter(({ kind }) => kind !== 'container')

  return {
    config,
    dependencies: opened.dependencies,
    async plan({ services = [] } = {}) {
      checkServices(config, services)
      const { desired, secrets } = await read(opened, { services, create: false })
      const chosen = await select(selectServices(config.services, services))
      const observer = worldOf(opened, chosen, secrets)
      return reconcile(desired, await observe(desired, observer), { services })
    },
    async up({ services = [], waitTimeoutMs } = {}) {
      checkServices(config, services)
      const chosen = await select(selectServices(config.services, services))
      const request = { opened, runtime: chosen, services, waitTimeoutMs }
      return (await alreadyUp(request)) ?? locked(opened, 'up', () => bringUp(request))
    },
    async down(down) {
      const chosen = await select(databases)
      return locked(opened, 'down', () => takeDown(opened, chosen, down))
    },
    async status() {
      const { desired, secrets } = await read(opened, { services: [], create: false })
      const observer = worldOf(opened, await select(databases), secrets)
      const observed = await observe(desired, observer)
      return stackStatus(desired, observed, reconcile(desired, observed))
    },
    async close() {
      const chosen = await runtime?.catch(() => undefined)
      await chosen?.close()
    },
  }
}

interface BringUp {
  readonly opened: Opened
  readonly runtime: Runtime
  readonly services: readonly string[]
  readonly waitTimeoutMs: number | undefined
}

/** The outcome when nothing is to be done. Such an `up` takes no lock, because a lock is written, and an unchanged stack is only read. */
async function alreadyUp({ opened, runtime, services }: BringUp): Promise<Outcome | undefined> {
  const began = performance.now()
  const { desired, secrets } = await read(opened, { services, create: false })
  const plan = reconcile(desired, await observe(desired, worldOf(opened, runtime, secrets)), { services })
  if (plan.steps.length > 0) return undefined
  announce(plan, opened.emit)
  const selected = selectServices(desired.services, services)
  return outcomeOf({ plan, results: [], began, after: undefined, services: selected })
}

async function bringUp({ opened, runtime, services, waitTimeoutMs }: BringUp): Promise<Outcome> {
  const began = performance.now()
  const { emit } = opened
  const fresh = await read(opened, { services, create: true })
  const desired = waitTimeoutMs === undefined ? fresh.desired : withTimeout(fresh.desired, waitTimeoutMs)
  const world = worldOf(opened, runtime, fresh.secrets)
  const plan = reconcile(desired, await observe(desired, world), { services })
  refuseBlocked(plan)
  announce(plan, emit)
  const results = await execute(plan, world)
  const ok = succeeded(results)
  // A second look: whatever it still asks for did not converge.
  const remaining =
    ok && plan.steps.length > 0 ? reconcile(desired, await observe(desired, world), { services }) : undefined
  const selected = selectServices(desired.services, services)
  return outcomeOf({ plan, results, began, after: remaining, services: selected })
}

async function takeDown(opened: Opened, runtime: Runtime, { volumes, confirm }: DownOptions): Promise<Outcome> {
  const began = performance.now()
  const desired = readNames(opened.parsed.config)
  const world = worldOf(opened, runtime, unneededSecrets)
  const plan = planDown(desired, { ...(await observeRuntime(desired, world)), runtime: runtime.name }, { volumes })
  const destroys = plan.steps.some(({ risk }) => risk === 'data-loss')
  if (destroys && (await confirm?.(plan)) !== true) throw consentNeeded(plan)
  announce(plan, opened.emit)
  return outcomeOf({ plan, results: await execute(plan, world), began, after: undefined, services: [] })
}

/** Taking a stack down shows nobody a secret, so it works without the file that keeps them. */
const unneededSecrets: Secrets = {
  digests: {},
  reveal: ({ name }) => {
    throw new Error(`secret ${name} is needed to take a stack down`)
  },
}

function announce(plan: Plan, emit: Emit): void {
  for (const warning of plan.warnings) emit({ type: 'warning', ...warning })
  const { runtime, stack } = plan
  const forward = plan.steps.filter(({ undo }) => undo === undefined)
  const subjects = [...new Set(forward.map(({ subject }) => subject))]
  emit({ type: 'run-started', stack, runtime, steps: forward.length, subjects })
}

interface Ended {
  readonly plan: Plan
  readonly results: readonly StepResult[]
  readonly began: number
  /** The plan of the second look, where there was one. */
  readonly after: Plan | undefined
  readonly services: Desired['services']
}

function outcomeOf({ plan, results, began, after, services }: Ended): Outcome {
  const remaining = (after?.steps ?? [])
    .filter(({ undo }) => undo === undefined)
    .map(({ subject, action, cause }) => ({ subject, kind: action.kind, cause }))
  return {
    ok: succeeded(results) && remaining.length === 0,
    plan,
    results,
    durationMs: Math.round(performance.now() - began),
    services: services.map((service) => ({ service: service.name, addresses: addressesOf(service) })),
    remaining,
  }
}

function succeeded(results: readonly StepResult[]): boolean {
  return results.every(({ status }) => status === 'done' || status === 'not-needed')
}

async function locked<Result>(
  { parsed, emit, signal }: Opened,
  command: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const { name, root } = parsed.config
  const onWaiting = (holder: string, waitedMs: number): void => {
    emit({ type: 'lock-waiting', holder, waitedMs })
  }
  return withStackLock({ root, stack: name, command: `poststack ${command}`, signal, onWaiting }, run)
}

function checkServices(config: Config, services: readonly string[]): void {
  const known = config.services.map(({ name }) => name)
  const unknown = services.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new PoststackError('UNKNOWN_SERVICE', `there is no service ${unknown}`, {
    hint: `one of the declared services: ${known.join(', ')}`,
  })
}

function chooseRuntime({ env, parsed, runtime, signal }: Opened, services: Config['services']): Promise<Runtime> {
  return selectRuntime({ choice: runtime, env, root: parsed.config.root, services, signal })
}

function read(
  { parsed, signal }: Opened,
  options: { readonly services: readonly string[]; readonly create: boolean },
): Promise<DesiredRead> {
  return readDesired({ ...parsed, signal, ...options })
}

function worldOf({ emit, signal }: Opened, runtime: Runtime, secrets: Secrets): World {
  const databases = connectDatabases({ secrets, toolVersion: POSTSTACK_VERSION })
  const holder = async (port: number): Promise<string | undefined> =>
    (await runtime.portHolder(port, { signal })) ?? processHoldingPort(port, signal)
  return { runtime, databases, secrets, emit, signal, busyPorts: (wanted) => busyPorts(wanted, { signal, holder }) }
}

function withTimeout(desired: Desired, readyTimeoutMs: number): Desired {
  return { ...desired, services: desired.services.map((service) => ({ ...service, readyTimeoutMs })) }
}
