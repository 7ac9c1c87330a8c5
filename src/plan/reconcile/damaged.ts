/**
 * Containers whose record cannot be read any more: what they were is not known, so nothing can be done with them, and to go on as if
 * they were not there would leave a server running that nobody knows of. Said to those alone who need that very container.
 */
import type { Draft } from './draft.ts'
import { containerNames } from '../names.ts'
import type { Desired, DesiredService, RuntimeSnapshot } from '../types.ts'

export interface DamageContext {
  readonly desired: Pick<Desired, 'project'>
  readonly observed: Pick<RuntimeSnapshot, 'containers'>
  readonly draft: Draft
}

/** Adds a blocked step for each of these services that one of them has a name of. */
export function blockedByDamage(
  services: readonly DesiredService[],
  { desired, draft, observed }: DamageContext,
): boolean {
  const size = draft.size()
  for (const service of services) {
    const names = containerNames(service, desired)
    for (const { damaged, name } of observed.containers) {
      if (damaged === undefined || !names.includes(name)) continue
      const { file, folder, pid } = damaged
      const ways = [
        ...(pid === undefined ? [] : [`stop its server, which still runs: kill -INT ${String(pid)}`]),
        `delete the folder ${folder}, and run the command again: the data lie elsewhere and stay`,
      ]
      const cause = `${file} is damaged or gone, so what runs for ${service.name} is not known`
      draft.add(`service:${service.name}`, { kind: 'blocked', code: 'STATE_UNWRITABLE', ways }, cause)
    }
  }
  return draft.size() > size
}
