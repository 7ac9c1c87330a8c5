/**
 * Keeps a stack as declared while its files and its containers change: waits, runs, waits.
 */
import { relative } from 'node:path'

import { given, interruption } from '../abort.ts'
import { type ErrorRecord, isPoststackError, recordError } from '../errors.ts'
import type { Outcome } from '../events.ts'
import { selectServices } from '../plan/order.ts'
import { createCrashes, type Crashes } from './crashes.ts'
import { type Judgement, judgeEnds } from './ends.ts'
import { failureOfRun, isHopeless, loopingFailure, staleConfig } from './failures.ts'
import { createInputWatch, type InputWatch } from './input-watch.ts'
import { type Inputs, isConfigInput, readInputs, withEveryModule } from './inputs.ts'
import { latest } from './latest.ts'
import { listen } from './listen.ts'
import { ownedDatabases, type RunRequest, runOnce, type WatchedStack } from './one-run.ts'
import { createProofs, type Proofs } from './proofs.ts'
import { type SchemaWatch, watchSchemas } from './schema.ts'
import type { OnEdit } from './take-back.ts'
import { nothingWanted, type Wanted, wantAgain, wantChanged } from './wanted.ts'

export interface WatchOptions extends Omit<RunRequest, 'stack' | 'expectsChange' | 'pull' | 'proofs' | 'changed'> {
  /** Reads the config: the one that is found, and from then on that very file. */
  readonly open: (configFile: string | undefined) => Promise<WatchedStack>
  /** Gets what became of each run. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined
}

export interface WatchEnd {
  /** A run was under way and was stopped. */
  readonly inRun: boolean
  /** Why the stack is not as declared: what reading the config failed with, or the last run. */
  readonly failure: ErrorRecord | undefined
}

export interface Watching {
  /** Asks for a run, whether anything has changed or not. */
  run(): void
  /** Fulfilled when the signal was given and everything has come to its end; what runs in the stack goes on running. */
  readonly ended: Promise<WatchEnd>
}

/** Reads the config, and begins. Fails when it cannot be read at first: there is nothing to fall back on yet. */
export async function watch(options: WatchOptions): Promise<Watching> {
  const since = now()
  const stack = await options.open(undefined)
  const inputs = await orClose(readInputs(stack), () => stack.close())
  // A bug of ours, or what no waiting mends.
  const broken = new AbortController()
  const session: Session = {
    options,
    stack,
    inputs,
    unread: undefined,
    files: createInputWatch({
      emit: options.emit,
      signal: options.signal,
      onChanged: (paths) => {
        wantChanged(session.wanted, paths)
        request()
      },
    }),
    schemas: watchSchemas(options),
    proofs: createProofs(options.signal),
    crashes: createCrashes(),
    wanted: { ...nothingWanted(), isAsked: true },
    isRunning: false,
    isFirst: true,
    failure: undefined,
    stopListening: () => undefined,
    request: () => request(),
    wentWrong: (error) => {
      if (!options.signal.aborted) broken.abort(error)
    },
  }
  const next = latest(() => step(session))
  let running: Promise<void> = Promise.resolve()
  const request = (): void => {
    if (options.signal.aborted) return
    running = next()
    running.catch(session.wentWrong)
  }
  const ended = async (): Promise<WatchEnd> => {
    try {
      const inRun = await Promise.race(
        [options.signal, broken.signal].map((signal) => given(signal, () => session.isRunning)),
      )
      broken.signal.throwIfAborted()
      await running.catch(() => undefined)
      return { inRun, failure: failureOf(session) }
    } finally {
      await closeAll(session)
    }
  }
  await orClose(session.files.follow(inputs, { since, anew: true }), () => closeAll(session))
  listenTo(session)
  request()
  return {
    run: () => {
      session.wanted.isAsked = true
      request()
    },
    ended: ended(),
  }
}

interface Session {
  readonly options: WatchOptions
  stack: WatchedStack
  inputs: Inputs
  /** Why the config could not be loaded the last time; `stack` is then the one from before, and no run of it makes up for that. */
  unread: ErrorRecord | undefined
  readonly files: InputWatch
  readonly schemas: SchemaWatch
  readonly proofs: Proofs
  readonly crashes: Crashes
  wanted: Wanted
  isRunning: boolean
  /** No run has come to its end yet. */
  isFirst: boolean
  /** What the last run failed with. */
  failure: ErrorRecord | undefined
  stopListening: () => void
  readonly request: () => void
  /** Gets what nothing mends. */
  readonly wentWrong: (error: unknown) => void
}

async function closeAll(session: Session): Promise<void> {
  session.stopListening()
  await session.files.close()
  await session.proofs.settled
  await session.stack.close()
}

/** What the work comes to. Where it fails, what was opened before is closed: nobody else can. */
async function orClose<Result>(work: Promise<Result>, close: () => Promise<void>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    await close()
    throw error
  }
}

async function step(session: Session): Promise<void> {
  const { crashes, options } = session
  const { emit, signal } = options
  const { isAsked, isAgain, paths, ended } = session.wanted
  session.wanted = nothingWanted()
  if (signal.aborted) return
  const isChange = isAsked || isAgain || paths.size > 0
  const began = performance.now()
  // A change asks for a run whatever has ended.
  const { died, isWanted, looping }: Judgement = isChange
    ? { died: [], isWanted: true, looping: [] }
    : await judgeEnds(session.stack, { crashes, services: options.services, ended })
  for (const [service, deaths] of looping) emit({ type: 'watch-crashing', service, deaths })
  if (looping.length > 0) tellWaiting(session, began)
  if (!isWanted) return
  session.isRunning = true
  session.proofs.hold()
  const since = now()
  try {
    const { root } = session.stack.config
    const changed = [...paths].map((path) => relative(root, path)).toSorted()
    if (changed.length + died.length > 0) emit({ type: 'watch-changed', paths: changed, services: died })
    if (isChange) crashes.forget()
    const isConfig = [...paths].some((path) => isConfigInput(session.inputs, path))
    if (isConfig || (isAsked && session.unread !== undefined)) await reload(session)
    else if (session.unread !== undefined) emit({ type: 'warning', message: staleConfig })
    if (!(await bringUp(session, { expectsChange: paths.size > 0, pull: isAsked }))) {
      wantAgain(session.wanted, { paths })
      session.request()
      return
    }
  } catch (error) {
    if (signal.aborted) return
    if (!isPoststackError(error) || (session.isFirst && isHopeless(error.code))) throw error
    session.failure = recordError(error)
    emit({ type: 'watch-failed', error: session.failure })
  } finally {
    session.isRunning = false
  }
  session.isFirst = false
  if (signal.aborted) return
  await followInputs(session, { since, paths })
  tellWaiting(session, began)
}

function tellWaiting(session: Session, began: number): void {
  const { files, options } = session
  const durationMs = Math.round(performance.now() - began)
  const error = failureOf(session)
  options.emit({ type: 'watch-waiting', files: files.count, asDeclared: error === undefined, error, durationMs })
}

/** Why the stack is not as declared. */
function failureOf(session: Session): ErrorRecord | undefined {
  return session.unread ?? session.failure ?? loopingFailure(loopingIn(session))
}

function loopingIn({ crashes, stack }: Session): readonly string[] {
  return stack.config.services.map(({ name }) => name).filter((name) => crashes.isLooping(name))
}

/** The config as it is now. Where it cannot be read, the stack stays the one from before, and the error is thrown. */
async function reload(session: Session): Promise<void> {
  const { options } = session
  const stack = await options.open(session.stack.configFile).catch((error: unknown) => {
    if (isPoststackError(error) && !options.signal.aborted) session.unread = recordError(error)
    throw error
  })
  const before = session.stack
  session.unread = undefined
  session.stopListening()
  session.stack = stack
  await before.close()
  listenTo(session)
}

/** False when it is to be begun anew. */
async function bringUp(session: Session, how: Pick<RunRequest, 'expectsChange' | 'pull'>): Promise<boolean> {
  const { crashes, options, proofs, schemas, stack } = session
  // Left out for as long as nothing changes; what it needs is looked after for the others that need it.
  const looping = loopingIn(session)
  const services =
    looping.length === 0 ? options.services : wantedServices(session).filter((name) => !looping.includes(name))
  // Nobody is left; an empty list would stand for everybody.
  if (looping.length > 0 && services.length === 0) return true
  const request = { ...options, stack, services, proofs, changed: session.wanted.changed.signal, ...how }
  const outcome = await runOnce(request)
  if (outcome === undefined) return false
  const started = outcome.results.filter(({ kind, status }) => kind === 'start' && status === 'done')
  crashes.started(
    started.map(({ subject }) => subject.replace(/^service:/, '')),
    performance.now(),
  )
  session.failure = failureOfRun(outcome)
  options.onOutcome?.(outcome)
  if (options.signal.aborted) throw interruption(options.signal)
  for (const database of await ownedDatabases(request)) {
    // It is only told about, and a server that does not answer has been told about already.
    // oxlint-disable-next-line no-await-in-loop -- told one after the other
    await schemas.look(database).catch((error: unknown) => {
      if (!isPoststackError(error)) throw error
    })
    if (outcome.ok && provesRollbacks(options.onEdit)) proofs.ahead(database)
  }
  return true
}

function provesRollbacks(onEdit: OnEdit): boolean {
  return onEdit === 'rollback' || onEdit === 'ask'
}

function wantedServices({ options, stack }: Session): readonly string[] {
  if (options.services.length > 0) return options.services
  return selectServices(stack.config.services, []).map(({ name }) => name)
}

function listenTo(session: Session): void {
  const { options, request, stack, wentWrong } = session
  session.stopListening = listen(stack, {
    services: options.services,
    signal: options.signal,
    onEnd: (service) => {
      if (!session.wanted.ended.has(service)) session.wanted.ended.set(service, performance.now())
    },
    onQuiet: request,
    onBug: wentWrong,
  })
}

interface Follow {
  /** When the run began that has read them. */
  readonly since: number
  readonly paths: ReadonlySet<string>
}

async function followInputs(session: Session, { since, paths }: Follow): Promise<void> {
  // These files say what else is an input, and what an ignore file says does not show in the list of folders.
  const anew = [...paths].some((path) => session.inputs.files.has(path))
  const inputs = await readInputs(session.stack)
  session.inputs = session.unread === undefined ? inputs : withEveryModule(inputs, session.stack.config)
  await session.files.follow(session.inputs, { since, anew })
}

/** Milliseconds, as file systems count them: their clock may be behind by a tick. */
function now(): number {
  return Date.now() - 20
}
