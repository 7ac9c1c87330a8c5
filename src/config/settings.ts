/** Server settings that Poststack or the image decides: said in `settings` as well, the server would start where nobody finds it. */
import type { ConfigIssue, Path } from './schema/issues.ts'
import type { AnyPart } from './schema/schema.ts'

const decidedElsewhere: Readonly<Record<string, string>> = {
  port: 'use `port` of the service, the port on this machine; inside the container it is always 5432',
  listen_addresses: 'use `hostAddress` of the service, the address on this machine',
  data_directory: 'the data are kept in a volume of the service, mounted where the image expects them',
  unix_socket_directories: 'the programs of the image look for the socket in its own folder',
}

/** Files that an image may bring along; Poststack's own has none but those in the data directory. */
const filesOfAnImage: ReadonlySet<string> = new Set(['config_file', 'hba_file', 'ident_file'])

export function* checkSettings(service: AnyPart, path: Path): Iterable<ConfigIssue> {
  if (service.kind !== 'postgres' || !('settings' in service)) return
  for (const setting of Object.keys(service.settings ?? {})) {
    // The server takes them in any case.
    const name = setting.toLowerCase()
    const at = [...path, 'settings', setting]
    const instead = Object.hasOwn(decidedElsewhere, name) ? decidedElsewhere[name] : undefined
    if (instead !== undefined) yield { path: at, message: `cannot be set here: ${instead}` }
    else if (filesOfAnImage.has(name) && !Object.hasOwn(service, 'image'))
      yield {
        path: at,
        message:
          "cannot be set here: Poststack's image has no such file; give single `settings`, or an `image` that has it",
      }
  }
}
