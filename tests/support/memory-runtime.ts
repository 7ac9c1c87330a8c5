/**
 * A runtime without an engine: everything stands in a plain record, ids are counted, and nothing waits. It passes the
 * same conformance suite as the real ones, so tests of the planner and the executor may trust it.
 */
import { PoststackError } from '../../src/errors.ts'
import type { Target } from '../../src/plan/types.ts'
import { throwIfAborted } from '../../src/abort.ts'
import { carriesLabels } from '../../src/runtime/labels.ts'
import type { Labels } from '../../src/runtime/labels.ts'
import type { AttachedProgram, AttachRequest, CallOptions, Revealed, Runtime } from '../../src/runtime/runtime.ts'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan } from '../../src/plan/types.ts'
import { build, builtFor, removeImage, tag } from './memory-images.ts'
import { inspected, snapshot } from './memory-snapshot.ts'
import { watchMemoryEnds } from './memory-ends.ts'
import { createMemoryWorld, holderOf, hostPorts, isAlive, lookUp } from './memory-world.ts'
import type { MemoryContainer, MemoryWorld } from './memory-world.ts'

export { createMemoryWorld } from './memory-world.ts'
export type { MemoryWorld } from './memory-world.ts'

export interface MemoryCall {
  readonly method: keyof Runtime
  readonly subject: string
}

export interface MemoryRuntimeOptions {
  /** Share one to open a second runtime over the same things. */
  readonly world?: MemoryWorld
  /** Refs that pulling finds; every other one fails. Default: all. */
  readonly registry?: readonly string[]
  /** False: behaves like the native runtime, with neither images nor networks. */
  readonly containersPossible?: boolean
  /** Limits and the restart policy can be changed, as Docker does it. Default: false. */
  readonly changesInPlace?: boolean
}

export interface MemoryRuntime extends Runtime {
  readonly world: MemoryWorld
  /** Every call so far but `close`, in order. */
  readonly calls: readonly MemoryCall[]
  /**
   * Makes the nth call from now (from 1) fail. `before`: nothing happens. `after`: it happens and the answer is lost, as when the
   * engine dies in the middle.
   */
  failCall(n: number, moment?: 'before' | 'after', error?: Error): void
  /** The same for all calls from the nth on, as when the program is killed there. */
  cut(n: number, moment?: 'before' | 'after'): void
  /** From outside: the main process of a container ends. */
  kill(name: string, exitCode?: number): void
  /** From outside: somebody removes a container, running or not. */
  drop(name: string): void
}

export function createMemoryRuntime(options: MemoryRuntimeOptions = {}): MemoryRuntime {
  const world = options.world ?? createMemoryWorld()
  const calls: MemoryCall[] = []
  const gone = new PoststackError('RUNTIME_UNREACHABLE', 'The engine went away.')
  let failure: Failure | undefined

  /** Every call goes through here: it is counted, can be made to fail, and gives away copies only. */
  const call = async <Result>(method: keyof Runtime, subject: string, step: CallStep<Result>): Promise<Result> => {
    throwIfAborted(step.options.signal)
    calls.push({ method, subject })
    const failing = failure !== undefined && --failure.left === 0 ? failure : undefined
    if (failing !== undefined) failure = failing.forGood ? { ...failing, moment: 'before', left: 1 } : undefined
    if (failing?.moment === 'before') throw failing.error
    const result = structuredClone(step.act())
    if (failing !== undefined) throw failing.error
    await Promise.resolve()
    return result
  }

  return {
    name: 'memory',
    containersPossible: options.containersPossible ?? true,
    changesInPlace: options.changesInPlace ?? false,
    world,
    calls,
    failCall: (n, moment = 'before', error = gone) => {
      failure = { left: n, moment, error, forGood: false }
    },
    cut: (n, moment = 'before') => {
      failure = { left: n, moment, error: gone, forGood: true }
    },
    kill: (name, exitCode = 137) => end(find(world, { name }), exitCode),
    drop: (name) => void world.containers.delete(find(world, { name }).id),
    ...createReads(world, call),
    ...createWrites(world, call, options.containersPossible ?? true),
    buildImage: (request, output) =>
      call('buildImage', request.ref, { options: output, act: () => build(world, request, output.onLine) }),
    pullImage: (ref, output) =>
      call('pullImage', ref, {
        options: output,
        act: () => {
          if (options.registry !== undefined && !options.registry.includes(ref))
            throw new PoststackError('PULL_FAILED', `Image ${ref} could not be pulled: not in the registry.`)
          output.onLine(`pulled ${ref}`)
          world.images.set(ref, { id: `image:${ref}`, labels: {} })
        },
      }),
    tagImage: (ref, names, options_) => call('tagImage', ref, { options: options_, act: () => tag(world, ref, names) }),
    builtImages: (owner, options_) =>
      call('builtImages', owner.stack, { options: options_, act: () => builtFor(world, owner) }),
    removeImage: (target, options_) =>
      call('removeImage', target.name, {
        options: options_,
        act: () => removeImage(world, target.name),
      }),
    watchEnds: (scope, ends) => watchMemoryEnds(world, scope, ends),
    close: () => Promise.resolve(),
  }
}

interface Failure {
  left: number
  readonly moment: 'before' | 'after'
  readonly error: Error
  readonly forGood: boolean
}

interface CallStep<Result> {
  readonly options: CallOptions
  readonly act: () => Result
}

type Call = <Result>(method: keyof Runtime, subject: string, step: CallStep<Result>) => Promise<Result>

function createReads(
  world: MemoryWorld,
  call: Call,
): Pick<Runtime, 'observe' | 'inspect' | 'portHolder' | 'logs' | 'readLogs' | 'exec' | 'attach'> {
  return {
    observe: (scope, options) => call('observe', scope.stack, { options, act: () => snapshot(world, scope) }),
    inspect: (target, options) =>
      call('inspect', target.name, {
        options,
        act: () => {
          const container = lookUp(world, target)
          return container === undefined ? undefined : inspected(container)
        },
      }),
    portHolder: (host, options) =>
      call('portHolder', String(host), {
        options,
        act: () => {
          const holder = holderOf(world, host)
          if (holder === undefined) return
          const stack = holder.labels[label.stack]
          return `container ${holder.name}${stack === undefined ? '' : ` of stack ${stack}`}`
        },
      }),
    logs: (target, lines, options) =>
      call('logs', target.name, {
        options,
        act: () => (lines === 0 ? [] : find(world, target).logs.slice(-lines)),
      }),
    readLogs: (target, { onLine, tail }, options) =>
      call('readLogs', target.name, {
        options,
        act: () => {
          const { logs } = find(world, target)
          const lines = tail === undefined ? logs : tail === 0 ? [] : logs.slice(-tail)
          for (const text of lines) onLine({ stream: 'stdout', text, time: undefined })
        },
      }),
    exec: (target, command, options) =>
      call('exec', target.name, { options, act: () => run(find(world, target), command) }),
    attach: (target, request, options) =>
      call('attach', target.name, { options, act: () => attached(find(world, target), request) }),
  }
}

type Writes = Omit<
  Runtime,
  | keyof ReturnType<typeof createReads>
  | 'name'
  | 'containersPossible'
  | 'changesInPlace'
  | 'remoteHost'
  | 'watchEnds'
  | 'close'
  | 'buildImage'
  | 'tagImage'
  | 'pullImage'
  | 'builtImages'
  | 'removeImage'
>

function createWrites(world: MemoryWorld, call: Call, needsImage: boolean): Writes {
  return {
    createNetwork: (name, labels, options) =>
      call('createNetwork', name, {
        options,
        act: () => put(world.networks, name, { id: newId(world, 'network'), labels }),
      }),
    createVolume: (name, labels, options) =>
      call('createVolume', name, {
        options,
        act: () => put(world.volumes, name, { id: newId(world, 'volume'), labels }),
      }),
    createContainer: (plan, env, options) =>
      call('createContainer', plan.name, { options, act: () => create(world, { plan, env, needsImage }) }),
    startContainer: (target, files, options) =>
      call('startContainer', target.name, { options, act: () => start(world, find(world, target), files) }),
    stopContainer: (target, _graceSeconds, options) =>
      call('stopContainer', target.name, {
        options,
        act: () => {
          const container = lookUp(world, target)
          if (container !== undefined && isAlive(container)) end(container, 0)
        },
      }),
    // The way natively; where there are containers a command inside does it.
    ...(needsImage
      ? {}
      : {
          setStoppedPassword: (target: Target, _files: Revealed, options: CallOptions) =>
            call('setStoppedPassword', target.name, {
              options,
              act: () => {
                if (isAlive(find(world, target)))
                  throw new PoststackError('ENGINE_REFUSED', `Server ${target.name} is running.`)
              },
            }),
        }),
    updateContainer: (target, fields, options) =>
      call('updateContainer', target.name, {
        options,
        act: () => {
          const container = find(world, target)
          container.changed = { ...container.changed, ...fields }
        },
      }),
    renameContainer: (target, to, options) =>
      call('renameContainer', target.name, {
        options,
        act: () => {
          const container = find(world, target)
          if (container.name === to) return
          refuseTaken(world, to)
          container.name = to
        },
      }),
    removeContainer: (target, options) =>
      call('removeContainer', target.name, {
        options,
        act: () => {
          const container = lookUp(world, target)
          if (container === undefined) return
          if (isAlive(container)) throw new PoststackError('ENGINE_REFUSED', `Container ${container.name} is running.`)
          world.containers.delete(container.id)
        },
      }),
    removeNetwork: (target, options) =>
      call('removeNetwork', target.name, {
        options,
        act: () => {
          const user = [...world.containers.values()].find(({ plan }) => plan?.network === target.name)
          if (user !== undefined && world.networks.has(target.name))
            throw new PoststackError('ENGINE_REFUSED', `Network ${target.name} is used by ${user.name}.`)
          world.networks.delete(target.name)
        },
      }),
    removeVolume: (target, options) =>
      call('removeVolume', target.name, {
        options,
        act: () => {
          const user = [...world.containers.values()].find(({ plan }) =>
            Object.values(plan?.volumes ?? {}).includes(target.name),
          )
          if (user !== undefined && world.volumes.has(target.name))
            throw new PoststackError('ENGINE_REFUSED', `Volume ${target.name} is used by ${user.name}.`)
          world.volumes.delete(target.name)
        },
      }),
  }
}

interface Creation {
  readonly plan: ContainerPlan
  readonly env: Revealed
  readonly needsImage: boolean
}

function create(world: MemoryWorld, { plan, env, needsImage }: Creation): void {
  refuseTaken(world, plan.name)
  const image = world.images.get(plan.spec.image)
  if (image === undefined && needsImage)
    throw new PoststackError('ENGINE_REFUSED', `Container ${plan.name} was not made: no image ${plan.spec.image}.`)
  if (plan.network !== undefined && !world.networks.has(plan.network))
    throw new PoststackError('ENGINE_REFUSED', `Container ${plan.name} was not made: no network ${plan.network}.`)
  for (const name of Object.values(plan.volumes))
    if (!world.volumes.has(name)) world.volumes.set(name, { id: newId(world, 'volume'), labels: {} })
  const id = newId(world, 'container')
  world.containers.set(id, {
    id,
    name: plan.name,
    labels: structuredClone(plan.labels),
    plan: structuredClone(plan),
    env: { ...env },
    imageId: image?.id ?? '',
    state: 'created',
    exitCode: undefined,
    files: {},
    logs: [],
    starts: 0,
    changed: {},
  })
}

function start(world: MemoryWorld, container: MemoryContainer, files: Revealed): void {
  if (isAlive(container)) return
  for (const { host } of hostPorts(container)) {
    const holder = holderOf(world, host)
    if (holder !== undefined || world.busyPorts.has(host))
      throw new PoststackError('PORT_IN_USE', `Port ${String(host)} is held by ${holder?.name ?? 'another process'}.`, {
        details: { port: host },
      })
  }
  container.files = { ...container.files, ...files }
  container.state = 'running'
  container.exitCode = undefined
  container.starts += 1
  container.logs.push('started')
  const behaviour = world.behaviour(container)
  if (behaviour !== 'runs') end(container, behaviour.exits)
}

function end(container: MemoryContainer, exitCode: number): void {
  container.state = 'exited'
  container.exitCode = exitCode
}

/** The few commands that tests run. */
function run(container: MemoryContainer, [program, ...args]: readonly string[]): { exitCode: number; output: string } {
  if (container.state !== 'running')
    throw new PoststackError('ENGINE_REFUSED', `Container ${container.name} does not run.`)
  if (program === 'true' || program === 'sh') return { exitCode: 0, output: '' }
  if (program === 'false') return { exitCode: 1, output: '' }
  if (program === 'echo') return { exitCode: 0, output: `${args.join(' ')}\n` }
  const variable = container.env[args[0] ?? '']
  if (program === 'printenv' && variable !== undefined) return { exitCode: 0, output: `${variable}\n` }
  const file = container.files[args[0] ?? '']
  if (program === 'cat' && file !== undefined) return { exitCode: 0, output: file }
  return { exitCode: 127, output: `${program ?? 'nothing'}: not found\n` }
}

/** A program that says and ends as the command would. */
function attached(container: MemoryContainer, { command, env }: AttachRequest): AttachedProgram {
  if (container.state !== 'running')
    throw new PoststackError('NOT_RUNNING', `Container ${container.name} does not run.`)
  const { exitCode, output } = run({ ...container, env: { ...container.env, ...env } }, command)
  const text = `process.stdout.write(${JSON.stringify(output)}); process.exitCode = ${String(exitCode)}`
  return { program: process.execPath, args: ['-e', text], env: {} }
}

function put<Entry extends { readonly labels: Labels }>(entries: Map<string, Entry>, name: string, entry: Entry): void {
  const there = entries.get(name)
  if (there === undefined) entries.set(name, structuredClone(entry))
  else if (!carriesLabels(there.labels, entry.labels))
    throw new PoststackError('NAME_TAKEN', `The name ${name} is taken.`)
}

function find(world: MemoryWorld, target: Target): MemoryContainer {
  const container = lookUp(world, target)
  if (container === undefined) throw new PoststackError('ENGINE_REFUSED', `There is no container ${target.name}.`)
  return container
}

function refuseTaken(world: MemoryWorld, name: string): void {
  if (lookUp(world, { name }) !== undefined)
    throw new PoststackError('NAME_TAKEN', `A container named ${name} is there already.`)
}

function newId(world: MemoryWorld, kind: string): string {
  return `${kind}-${String(world.nextId++).padStart(4, '0')}`
}
