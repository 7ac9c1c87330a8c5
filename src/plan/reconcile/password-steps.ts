/**
 * Steps by which a server gets the declared password, where its data have another one.
 */
import { hasData, hasLostPassword } from './blocked-steps.ts'
import type { ServiceContext } from '../planning.ts'
import { hasNewPassword } from '../spec.ts'
import type { ObservedContainer, Target } from '../types.ts'

export const lostPassword = '.poststack/secrets.json is gone, and the generated password with it'

/** A container has a way in that needs no password while its server runs; the data of a native server have one while it does not. */
export function setBeforeStart({ observed }: ServiceContext): boolean {
  return !observed.containersPossible
}

interface Password {
  readonly target: Target
  /** The container that ran on the data before. */
  readonly old: ObservedContainer | undefined
  readonly needs: readonly (number | undefined)[]
}

/**
 * A data volume keeps the password of its first start; that of the config was another one when the old container was made. Where there is none to
 * tell, a server that can be asked is (`wait`), and one that cannot is given the declared one.
 */
export function planPassword({ target, old, needs }: Password, context: ServiceContext): number | undefined {
  const { container, desired, draft, service, subject } = context
  const cause = hasLostPassword(context)
    ? lostPassword
    : hasNewPassword(old?.spec, container.spec, desired.digests)
      ? 'the declared password changed'
      : old === undefined && isUntold(target, context)
        ? 'its data may have the password of an earlier declaration'
        : undefined
  if (cause === undefined) return undefined
  const { files = {} } = container.spec
  const { name, readyTimeoutMs: timeoutMs } = service
  const action = { kind: 'set-password', service: name, target, files, timeoutMs } as const
  return draft.add(subject, action, cause, { needs })
}

/** Data are there, and no container that has run on them. */
function isUntold(target: Target, context: ServiceContext): boolean {
  const found = context.observed.containers.find(({ id }) => id === target.id)
  return setBeforeStart(context) && hasData(context) && (found === undefined || found.state === 'created')
}
