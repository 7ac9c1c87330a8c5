/**
 * One look at the servers that the stack runs itself, before anything connects to them: where they listen, and that no other server is taken
 * for one of them because it has the declared port.
 */
import type { Config } from '../config/types.ts'
import { isPoststackError, PoststackError } from '../errors.ts'
import { projectId } from '../plan/names.ts'
import { asServersRun, notRunning, whyDown } from '../plan/own-server.ts'
import type { ObservedContainer } from '../plan/types.ts'
import type { Environment } from '../runtime/container/engine-address.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { findBusyPorts } from './elsewhere.ts'

export interface LookOptions {
  readonly config: Config
  /** Opens what runs the services. */
  readonly select: () => Promise<Runtime>
  readonly env: Environment
  readonly signal: AbortSignal
}

export interface OwnServers {
  /** With the addresses that hold now. */
  readonly config: Config
  /** False for a server of the stack that was not found to run. */
  readonly isThere: (service: string) => boolean
  /** Nothing for one that is there. */
  readonly absence: (service: string) => Promise<Absence | undefined>
}

export interface Absence {
  readonly error: PoststackError
  /** Whoever connects to the declared address comes to somebody else. */
  readonly stranger: boolean
}

/** Asks no engine where the stack runs no server. */
export async function lookAtServers(options: LookOptions): Promise<OwnServers> {
  const { config, signal } = options
  const own = config.services.filter((service) => service.kind === 'postgres')
  if (own.length === 0) return { config, isThere: () => true, absence: () => Promise.resolve(undefined) }
  const isOwn = (service: string): boolean => own.some(({ name }) => name === service)
  const stack = { stack: config.name, project: projectId(config.root) }
  let runtime: Runtime
  let containers: readonly ObservedContainer[]
  try {
    runtime = await options.select()
    const scope = { ...stack, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
    containers = (await runtime.observe(scope, { signal })).containers
  } catch (error) {
    if (!isPoststackError(error) || signal.aborted) throw error
    const absence = { error: unseen(error), stranger: false }
    const isThere = (service: string): boolean => !isOwn(service)
    return { config, isThere, absence: (service) => Promise.resolve(isOwn(service) ? absence : undefined) }
  }
  const why = (service: string): string | undefined =>
    isOwn(service) ? whyDown(service, containers, stack) : undefined
  return {
    config: asServersRun(config, containers, stack),
    isThere: (service) => why(service) === undefined,
    absence: async (name) => {
      const reason = why(name)
      const service = own.find((one) => one.name === name)
      if (reason === undefined || service === undefined) return undefined
      const wanted = { host: service.port, hostAddress: service.hostAddress }
      const [holder] = await findBusyPorts({ ...options, runtime })([wanted], signal)
      return {
        error: notRunning({ service, reason, runtime: runtime.name, holder }),
        stranger: holder !== undefined && holder.elsewhere === undefined,
      }
    },
  }
}

/** Without what runs the services nobody can tell whose server listens on a port. */
function unseen(error: PoststackError): PoststackError {
  const instead =
    'Or, if the server is none of the stack, declare it: postgres({ url }). A database command takes --url, too.'
  return new PoststackError(error.code, error.message, {
    hint: error.hint === undefined ? instead : `${error.hint}\n${instead}`,
    details: error.details,
    cause: error,
  })
}
