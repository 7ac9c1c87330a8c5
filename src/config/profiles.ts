/** Which services of a stack run without being named: profiles decide, and what others need. */
import { PoststackError } from '../errors.ts'
import { suggest } from './nearest.ts'
import type { ConfigIssue } from './schema/issues.ts'
import type { PlainStack } from './schema/schema.ts'
import type { ServiceConfig } from './types.ts'

/** A profile that the config itself does not ask for. */
export interface AskedProfile {
  readonly name: string
  /** The variable that asks, as it is shown; absent for a flag. */
  readonly by?: string
}

/**
 * Marks the services that do not run by themselves. What an asked one waits for is asked for with it: a stack whose parts cannot find each
 * other is of use to nobody.
 *
 * @throws `USAGE` when no service has one of the profiles.
 */
export function withIdle(
  services: readonly ServiceConfig[],
  { profiles, services: plain }: Pick<PlainStack, 'profiles' | 'services'>,
  asked: readonly AskedProfile[],
): readonly ServiceConfig[] {
  const profilesOf = (name: string): readonly string[] => plain.get(name)?.profiles ?? []
  refuseUnknown(asked, new Set(services.flatMap(({ name }) => profilesOf(name))))
  const wanted = new Set([...profiles, ...asked.map(({ name }) => name)])
  const byName = new Map(services.map((service) => [service.name, service]))
  const running = new Set<string>()
  const run = (name: string): void => {
    if (running.has(name)) return
    running.add(name)
    for (const { service } of byName.get(name)?.dependsOn ?? []) run(service)
  }
  for (const { name } of services) {
    const own = profilesOf(name)
    if (own.length === 0 || own.some((profile) => wanted.has(profile))) run(name)
  }
  return services.map((service) =>
    running.has(service.name) ? service : { ...service, idle: profilesOf(service.name) },
  )
}

function refuseUnknown(asked: readonly AskedProfile[], known: ReadonlySet<string>): void {
  const unknown = asked.find(({ name }) => !known.has(name))
  if (unknown === undefined) return
  const { by, name } = unknown
  const who = by === undefined ? '' : `, which ${by} asks for`
  throw new PoststackError('USAGE', `no service has the profile ${JSON.stringify(name)}${who}`, {
    hint: known.size === 0 ? 'Leave it out: no service of this config has a profile.' : suggest(name, known),
    details: { profile: name, known: [...known] },
  })
}

/** The same for those that the config asks for. */
export function* checkProfiles({ parts, profiles }: PlainStack): Iterable<ConfigIssue> {
  const known = new Set([...parts.values()].flatMap((part) => part.profiles ?? []))
  for (const [index, profile] of profiles.entries()) {
    if (known.has(profile)) continue
    const message = `no service has this profile: ${suggest(
      profile,
      [...known].flatMap((name) => name ?? []),
    )}`
    yield { path: ['profiles', index], message, value: JSON.stringify(profile) }
  }
}
