/**
 * The containers of a stack: start, stop and the like go the way that `up` and `down` go, with plans about containers only.
 */
import type { Config } from '../config/types.ts'
import { PoststackError } from '../errors.ts'
import type { Outcome } from '../events.ts'
import { observeRuntime } from '../execute/observe.ts'
import { isUnread } from '../execute/read-desired.ts'
import { inStopOrder } from '../plan/leaving.ts'
import { servicesNamed } from '../plan/named.ts'
import { selectServices } from '../plan/order.ts'
import { reconcile } from '../plan/reconcile/reconcile.ts'
import { planRemove, planStop } from '../plan/stop.ts'
import type { Plan } from '../plan/step.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { createBuilds, withProjectContainers } from './builds.ts'
import { lookAtServices, readHealth } from './health.ts'
import { readLogs } from './logs.ts'
import {
  databasesOf,
  namedIn,
  type Opened,
  read,
  selectFor,
  type SelectRuntime,
  withConfig,
  within,
  withoutMigrations,
  withoutProfiles,
} from './opened.ts'
import type { CallOptions, ContainerList, Containers, StartOptions } from './options.ts'
import { runningContainer } from './programs.ts'
import { lookAtNames, perform, raise } from './runs.ts'

export function createContainers(stack: Opened, select: SelectRuntime): Containers {
  /** One call on the stack, with the runtime for it. */
  const call = <Result>(
    options: CallOptions,
    body: (opened: Opened, runtime: Runtime) => Promise<Result>,
  ): Promise<Result> =>
    within(stack, options, async (opened) => body(opened, await selectFor(opened, select)(databasesOf(opened))))
  return {
    start: (options = {}) => within(stack, options, (opened) => bringUp(opened, select, 'start', options)),
    restart: (options = {}) => within(stack, options, (opened) => bringUp(opened, select, 'restart', options)),
    stop: (options = {}) =>
      call(options, (opened, runtime) => {
        const { names = [], all = false } = options
        return takeAway(opened, runtime, 'stop', (...look) => planStop(...look, { names, all }))
      }),
    remove: (names, options = {}) =>
      call(options, (opened, runtime) => {
        const { force = false } = options
        return takeAway(opened, runtime, 'remove', (...look) => planRemove(...look, { names, force }))
      }),
    status: (options = {}) =>
      call(options, async (opened, runtime) => (await lookAtServices(containersOnly(opened), runtime)).status),
    list: (options = {}) => call(options, list),
    health: (services = [], options = {}) =>
      call(options, (opened, runtime) => readHealth(containersOnly(opened), runtime, services)),
    logs: (options) => call(options, (opened, runtime) => readLogs(opened, runtime, options)),
    program: (name, command, options) =>
      call(options, async (opened, runtime) => {
        const { desired, observed } = await lookAtNames(opened, runtime)
        const [service = name] = servicesNamed([name], desired, observed.containers)
        const container = await runningContainer(opened, runtime, service)
        const request = { command, env: {}, terminal: options.terminal }
        return await runtime.attach(container, request, { signal: opened.signal })
      }),
    ...createBuilds(call),
  }
}

/** Images that nothing runs are left out, too. */
function containersOnly(opened: Opened): Opened {
  const less = withoutMigrations(opened)
  return withConfig(less, { ...less.parsed.config, images: [] })
}

async function bringUp(
  declared: Opened,
  select: SelectRuntime,
  goal: 'start' | 'restart',
  { postgresPort, services: names = [], waitTimeoutMs }: StartOptions,
): Promise<Outcome> {
  const services = namedIn(declared, names)
  const opened = withPort(containersOnly(declared), services, postgresPort)
  const runtime = await selectFor(opened, select)(selectServices(opened.parsed.config.services, services))
  return await raise({
    opened,
    runtime,
    command: `container ${goal}`,
    services,
    waitTimeoutMs,
    plan: (desired, observed) => reconcile(desired, observed, { services, goal }),
    after: (desired, observed) => reconcile(desired, observed, { services, goal: 'start' }),
  })
}

/** The one PostgreSQL service that is to start listens on another port of the host. */
function withPort(opened: Opened, names: readonly string[], port: number | undefined): Opened {
  if (port === undefined) return opened
  const { config } = opened.parsed
  const starting = selectServices(config.services, names).filter(({ kind }) => kind === 'postgres')
  const [one] = starting
  if (one === undefined || starting.length > 1) {
    const what = one === undefined ? 'no PostgreSQL service is' : 'several PostgreSQL services are'
    const known = one === undefined ? config.services.filter(({ kind }) => kind === 'postgres') : starting
    throw new PoststackError('USAGE', `The port is that of one PostgreSQL service, and ${what} to be started.`, {
      hint:
        known.length === 0
          ? 'Start without a port: this stack has no PostgreSQL service.'
          : `Name one of them: ${known.map(({ name }) => name).join(', ')}. Or set \`port\` in the config.`,
    })
  }
  if (one.kind === 'postgres' && one.port !== port) {
    // An open number is that of the container, whoever gave it.
    const isOpen = config.autoPorts.some(({ port: name, service }) => service === one.name && name === undefined)
    const until = isOpen
      ? "from now on, as `port: 'auto'` keeps the number that its container has"
      : `until it is started without that port being asked for; to keep it, declare \`port: ${String(port)}\``
    opened.emit({ type: 'notice', message: `${one.name} listens on port ${String(port)} ${until}` })
  }
  const services: Config['services'] = config.services.map((service) =>
    service.kind === 'postgres' && service.name === one.name ? { ...service, port } : service,
  )
  return withConfig(opened, { ...config, services })
}

type PlanOf = (...look: LookArguments) => Plan
type Look = Awaited<ReturnType<typeof lookAtNames>>
type LookArguments = [Look['desired'], Look['observed']]

function takeAway(opened: Opened, runtime: Runtime, goal: 'stop' | 'remove', planOf: PlanOf): Promise<Outcome> {
  const plan = async (): Promise<Plan> => {
    const { desired, observed } = await lookAtNames(opened, runtime)
    return planOf(desired, observed)
  }
  return perform({ opened, runtime, command: `container ${goal}`, plan, again: true })
}

async function list(opened: Opened, runtime: Runtime): Promise<ContainerList> {
  const { desired } = await read(withoutMigrations(await withProjectContainers(withoutProfiles(opened))), {
    services: [],
    create: false,
    // It stands in nobody's way who only looks at what there is.
    onBrokenBuild: ({ message }) => {
      opened.emit({ type: 'warning', message })
    },
  })
  const observed = await observeRuntime(desired, { runtime, signal: opened.signal })
  const declared = new Set(desired.services.map(({ name }) => name))
  const containers = inStopOrder(desired, observed).map(({ container, service }) => {
    const { exitCode, name, ports, spec, state } = container
    const image = spec?.['image']
    return {
      name,
      service,
      state,
      exitCode,
      ports,
      image: typeof image === 'string' ? image : undefined,
      declared: declared.has(service),
    }
  })
  const there = new Set(observed.images.map(({ ref }) => ref))
  const builds = runtime.containersPossible
    ? desired.images.filter((image) => image.kind === 'build' && !isUnread(image))
    : []
  return {
    stack: desired.stack,
    runtime: runtime.name,
    containers: containers.toReversed(),
    images: builds.map((image) => ({
      image: image.ref,
      shipped: image.kind === 'build' && image.shipped,
      built: there.has(image.ref),
    })),
  }
}
