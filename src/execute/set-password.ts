/**
 * Gives the role of a server the declared password. By way of the unix socket inside the container, where the official image and Poststack's
 * own ask for none; or, for a native server, while it does not run. The value is in no argument list and in no log of the server.
 */
import { pause } from '../abort.ts'
import { hintFor } from './hints.ts'
import { isPoststackError, PoststackError } from '../errors.ts'
import { passwordFile } from '../plan/references.ts'
import type { Target } from '../plan/types.ts'
import type { Revealed, Runtime } from '../runtime/runtime.ts'

const script = [
  `printf '%s\\n' '\\set password \`cat ${passwordFile}\`'`,
  `"SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';"`,
  `"ALTER ROLE CURRENT_USER PASSWORD :'password';"`,
  `| psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"`,
].join(' ')

const retryMs = 200
/** For a server that has answered already. */
const answeredMs = 2000

export interface SetPassword {
  readonly service: string
  readonly target: Target
  /** With the password in one of them. */
  readonly files: Revealed
  readonly timeoutMs: number
}

interface Setting {
  readonly runtime: Runtime
  readonly signal: AbortSignal
}

export async function setPassword(request: SetPassword, { runtime, signal }: Setting): Promise<void> {
  const { files, service, target } = request
  if (runtime.setStoppedPassword === undefined) return await setInside(request, { runtime, signal })
  try {
    await runtime.setStoppedPassword(target, files, { signal })
  } catch (error) {
    throw isPoststackError(error) && error.code === 'ENGINE_REFUSED' ? failed(service, error.message) : error
  }
}

/** For a server that has not let us in. Why not, where it cannot be set: whoever waits for it can tell more of it. */
export async function mendPassword(
  { service, target }: Pick<SetPassword, 'service'> & { readonly target: Target | undefined },
  files: Revealed,
  { progress, ...setting }: Setting & { readonly progress: (text: string) => void },
): Promise<string | undefined> {
  if (target === undefined) return undefined
  progress('its data have another password: setting the declared one')
  try {
    await setPassword({ service, target, files, timeoutMs: answeredMs }, setting)
    return undefined
  } catch (error) {
    if (isPoststackError(error) && error.code === 'STEP_FAILED') return error.message
    throw error
  }
}

/** Tries until the server has started. */
async function setInside({ service, target, timeoutMs }: SetPassword, { runtime, signal }: Setting): Promise<void> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const container = await runtime.inspect(target, { signal })
    // Why it ended is told by the wait that comes after this step, and better.
    if (container === undefined || container.state === 'exited' || container.state === 'dead') return
    const said = await ask(target, { runtime, signal })
    if (said === undefined) return
    // Each message of psql names the socket, also that of a server which takes connections and knows no such role.
    const mayPass = /socket|starting up|shutting down|not running/i.test(said) && !/does not exist/i.test(said)
    if (performance.now() > until || !mayPass) throw failed(service, said)
    await pause(retryMs, signal)
  }
}

/** Nothing when it is done, else why not. */
async function ask(target: Target, { runtime, signal }: Setting): Promise<string | undefined> {
  try {
    const { exitCode, output } = await runtime.exec(target, ['sh', '-c', script], { signal })
    return exitCode === 0 ? undefined : (output.trim().split('\n').at(-1) ?? '')
  } catch (error) {
    if (isPoststackError(error) && error.code === 'ENGINE_REFUSED') return error.message
    throw error
  }
}

function failed(service: string, reason: string): PoststackError {
  return new PoststackError('STEP_FAILED', `The new password of ${service} could not be set: ${reason}`, {
    hint:
      hintFor({ exitCode: undefined, logs: [reason] }) ??
      'Put the old password back, or change it in the database (ALTER ROLE … PASSWORD …) while the old one is declared.',
    details: { service },
  })
}
