/** Listening for containers that end. */
import { readNames } from '../execute/read-desired.ts'
import { selectServices } from '../plan/order.ts'
import type { EndOptions } from '../runtime/runtime.ts'
import { namedIn, type Opened, type SelectRuntime } from './opened.ts'
import type { SelectOptions } from './options.ts'

/** Tells of the chosen services alone, and of an end that may be anybody's. Fails with `UNKNOWN_SERVICE`. */
export async function watchEnds(
  opened: Opened,
  select: SelectRuntime,
  { services = [], onEnd, signal }: EndOptions & SelectOptions,
): Promise<void> {
  const { config } = opened.parsed
  const chosen = selectServices(config.services, namedIn(opened, services))
  const names = new Set(chosen.map(({ name }) => name))
  const runtime = await select(chosen)
  await runtime.watchEnds(readNames(config), {
    signal,
    // Without names it is about the whole stack: also about what the config does not declare any more.
    onEnd: (service) => {
      if (services.length === 0 || service === undefined || names.has(service)) onEnd(service)
    },
  })
}
