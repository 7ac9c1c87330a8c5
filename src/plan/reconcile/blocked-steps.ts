/**
 * What stands in the way of starting a container, whatever it is needed for: each is told as a blocked step with the ways out.
 */
import { isRunning } from '../current.ts'
import { isSamePort, portsHeld, portText, wantedPorts } from './held-ports.ts'
import { otherMajor } from '../images.ts'
import { isOurs, volumesOf } from '../names.ts'
import type { JudgeContext, ServiceContext } from '../planning.ts'
import { waysInConfig } from '../refusal.ts'
import { hasNewPassword, recordedImage, recordedPostgres, recordedTarget } from '../spec.ts'
import type { ObservedContainer } from '../types.ts'
import { unknownToData } from './unknown-to-data.ts'

export function blockedByPort(context: ServiceContext): boolean {
  const { container, desired, observed, draft, subject, service } = context
  const busy = wantedPorts(container.spec).flatMap((port) =>
    observed.busyPorts.filter((held) => isSamePort(held, port) && held.hostAddress === port.hostAddress),
  )
  for (const { elsewhere, ...held } of busy) {
    const port = portText(held)
    const ways =
      elsewhere === undefined
        ? [
            `stop what holds it`,
            ...waysInConfig(`give ${service.name} another host port`, desired, 'POSTSTACK_POSTGRES_HOST_PORT'),
          ]
        : [
            `poststack down --runtime ${elsewhere}, which keeps the data there`,
            `or stay with it: poststack up --runtime ${elsewhere}`,
          ]
    const cause =
      elsewhere === undefined
        ? `${port} is held by ${held.holder}`
        : `this stack runs on ${elsewhere} already, and holds ${port} there`
    draft.add(subject, { kind: 'blocked', code: 'PORT_IN_USE', ways }, cause)
  }
  return blockedByOwnPort(context) || busy.length > 0
}

/** Another container of this very stack holds a port, and this plan leaves it alone. */
function blockedByOwnPort({
  container,
  desired,
  draft,
  freed,
  handedOver,
  observed,
  service,
  subject,
}: ServiceContext): boolean {
  const size = draft.size()
  for (const found of observed.containers) {
    const { id, name, owner, service: other = name } = found
    if (!isOurs(owner, desired) || other === service.name || handedOver.has(id)) continue
    if (freed.some(({ from }) => from === id)) continue
    for (const port of portsHeld(container.spec, found)) {
      const isDeclared = desired.services.some(({ name: declared }) => declared === other)
      const ways = isDeclared
        ? [`bring up both: poststack up ${service.name} ${other}`]
        : ['poststack up, which removes it', `or poststack container remove ${other} --force`]
      const whose = isDeclared ? `of ${other}` : `of ${other}, which is no longer declared`
      const cause = `${portText(port)} is held by container ${name} ${whose}`
      draft.add(subject, { kind: 'blocked', code: 'PORT_IN_USE', ways }, cause)
    }
  }
  return draft.size() > size
}

/** No engine can mount what is not there, and Docker's own tools make an empty folder of a name that is misspelt. */
export function blockedByMount({ container, desired, draft, observed, service, subject }: ServiceContext): boolean {
  // A hook may make it yet; if it does not, the engine refuses.
  if (desired.hooks?.beforeUp !== undefined) return false
  const size = draft.size()
  for (const [index, mount] of (container.spec.mounts ?? []).entries()) {
    if (mount.kind !== 'bind' || !observed.missingPaths.includes(mount.source)) continue
    const field = `volumes[${String(index)}]`
    const home = /\/~(?:\/|$)/.test(mount.source) ? ['`~` is no home folder in a config: write the whole path'] : []
    const ways = [
      ...home,
      'make that file or folder',
      ...waysInConfig(`correct \`${field}.bind\` of ${service.name}`, desired),
    ]
    draft.add(subject, { kind: 'blocked', code: 'CONFIG_INVALID', ways }, `${field}.bind: there is no ${mount.source}`)
  }
  return draft.size() > size
}

/** A server of another major version would refuse the data, so it is not even made. */
export function blockedByVersion({ container, desired, draft, observed, service, subject }: ServiceContext): boolean {
  const wanted = container.spec.postgres?.version
  const keys = volumesOf(container.spec.mounts)
  const other = observed.volumes.find(
    ({ key, owner, postgres }) =>
      postgres !== undefined && postgres !== wanted && keys.includes(key ?? '') && isOurs(owner, desired),
  )
  if (wanted === undefined || other === undefined) return false
  const ways = [
    `set \`version\` of ${service.name} back to ${String(other.postgres)}`,
    `move the data: with version ${String(other.postgres)}, run poststack database backup and poststack down --volumes; then, with version ${String(wanted)}, poststack up and poststack database restore`,
    'if no data worth keeping is in it: poststack down --volumes',
  ]
  // Engines do not show what is in a volume, only what it was made for.
  const cause = `volume ${other.name} belongs to PostgreSQL ${String(other.postgres)}, whose data version ${String(wanted)} cannot read`
  draft.add(subject, { kind: 'blocked', code: 'VOLUME_VERSION', ways }, cause)
  return true
}

/**
 * A server of another major than the declared one would label its data wrongly, or refuse those that are there. Where that has happened already,
 * the server must go on: only it can read them. The container that ran before is the one that is to run on, where there is no other.
 */
export function blockedByMajor(before: ObservedContainer | undefined, context: ServiceContext): boolean {
  const { container, draft, observed, service, subject } = context
  const { image, postgres } = container.spec
  const present = observed.images.find(({ ref }) => ref === image)
  if (postgres === undefined || present === undefined) return false
  const other = otherMajor(present, { service: service.name, version: postgres.version })
  if (other === undefined) return false
  if (hasData(context) && (before === undefined || recordedImage(before.spec) === image)) {
    const move = `To mend it, run poststack database backup and poststack down --volumes; then, with \`version: ${String(present.postgres)}\`, poststack up and poststack database restore`
    draft.warn(subject, `${other.cause}, for which its volume was made. ${move}`)
    return false
  }
  draft.add(subject, { kind: 'blocked', code: 'CONFIG_INVALID', ways: other.ways }, other.cause)
  return true
}

/**
 * An image that mounts the volume elsewhere looks for the data in another folder of it, and makes an empty database beside them. A
 * container that never served has written none: putting the image back after a failed try must stay possible.
 */
export function blockedByLayout(old: ObservedContainer | undefined, context: ServiceContext): boolean {
  const { container, draft, observed, resources, service, subject } = context
  const [data = ''] = volumesOf(container.spec.mounts)
  if (container.spec.postgres === undefined || old === undefined || !hasServed(old)) return false
  if (!observed.containersPossible || resources.isVolumeMissing(data)) return false
  const before = recordedTarget(old.spec, data)
  const mount = container.spec.mounts?.find(({ kind, target }) => kind === 'volume' && target === before)
  if (before === undefined || mount !== undefined) return false
  const image = recordedImage(old.spec)
  const ways = [
    image?.startsWith('poststack/postgres:') === true
      ? `take \`image\` of ${service.name} out again`
      : `set \`image\` of ${service.name} back to ${image ?? 'what it was'}`,
    'move the data: with the old image, run poststack database backup and poststack down --volumes; then, with the new one, poststack up and poststack database restore',
    'if no data worth keeping is in it: poststack down --volumes',
  ]
  const volume = resources.volumeNames[data] ?? data
  const cause = `image ${image ?? 'of before'} wrote the data in volume ${volume}; ${container.spec.image} looks in another folder of it, and would not find them`
  draft.add(subject, { kind: 'blocked', code: 'VOLUME_LAYOUT', ways }, cause)
  return true
}

function hasServed({ exitCode, state }: ObservedContainer): boolean {
  return state === 'running' || state === 'paused' || exitCode === 0
}

/** True where data are there, and the file that kept their generated password is not. A server that lets us in all the same needs none. */
export function hasLostPassword(context: JudgeContext): boolean {
  const { container, desired, observed, service } = context
  const { postgres } = container.spec
  if (postgres === undefined || !desired.unkept.includes(postgres.password.name)) return false
  return hasData(context) && observed.probes[service.name]?.state !== 'ready'
}

/** A server of ours whose volume is there already. */
export function hasData({ container, resources }: JudgeContext): boolean {
  const [data = ''] = volumesOf(container.spec.mounts)
  return container.spec.postgres !== undefined && !resources.isVolumeMissing(data)
}

/**
 * The server that runs on the data now was asked as what is declared, and does not let that in: the new one would not either, and
 * each try costs a downtime. A server that does not run cannot be asked, but then a try costs none.
 */
export function blockedByData(old: ObservedContainer | undefined, context: ServiceContext): boolean {
  const { container, desired, draft, observed, resources, service, subject } = context
  const wanted = container.spec.postgres
  const code = observed.probes[service.name]?.code
  const [data = ''] = volumesOf(container.spec.mounts)
  if (wanted === undefined || old === undefined || !isRunning(old) || resources.isVolumeMissing(data)) return false
  if (code !== 'DATABASE_MISSING' && code !== 'PASSWORD_REJECTED') return false
  const before = recordedPostgres(old.spec)
  const isSet = hasNewPassword(old.spec, container.spec, desired.digests) || hasLostPassword(context)
  // A new password of the same role is set in the server on the way.
  if (code === 'PASSWORD_REJECTED' && isSet && before.user === wanted.user) return false
  const { cause, ways } = unknownToData({
    code,
    volume: resources.volumeNames[data] ?? data,
    wanted,
    before,
  })
  draft.add(subject, { kind: 'blocked', code, ways }, cause)
  return true
}
