/** Where Poststack writes down what it does, and how much of it. Pure. */
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { isRecord } from './is-record.ts'
import type { ConfigIssue } from './schema/issues.ts'
import type { LogOptions } from './options.ts'
import type { BuildConfig, Config, LogsConfig } from './types.ts'

export const usualLogs = 'logs'

export function logsOf({ folder, level }: LogOptions = {}, root: string): LogsConfig {
  return { folder: resolve(root, folder ?? usualLogs), level: level ?? 'info' }
}

/**
 * What is written there ignores itself in git, by names that the project may have as well: `containers` among them. Takes a plain config in
 * which anything else may be wrong.
 */
export function* checkLogs(plain: unknown, root: string): Iterable<ConfigIssue> {
  const logs = isRecord(plain) ? plain['logs'] : undefined
  const folder = isRecord(logs) ? logs['folder'] : undefined
  if (typeof folder !== 'string' || folder === '' || within(resolve(root, folder), root) === undefined) return
  const message = 'expected a folder for logs alone, such as `./logs`, not the project itself or one above it'
  yield { path: ['logs', 'folder'], message, value: JSON.stringify(folder) }
}

/** The same config with what it says of the logs; each build in whose context they are, but in another folder than the usual one, knows where. */
export function withLogs(config: Config, said: LogOptions | undefined): Config {
  if (said === undefined) return config
  const logs = logsOf(said, config.root)
  return {
    ...config,
    logs,
    services: config.services.map((service) =>
      service.kind === 'container' && service.build !== undefined
        ? { ...service, build: withoutLogs(service.build, logs) }
        : service,
    ),
    images: config.images.map((image) => ({ ...image, build: withoutLogs(image.build, logs) })),
  }
}

function withoutLogs(build: BuildConfig, { folder }: LogsConfig): BuildConfig {
  const logs = within(build.context, folder)
  return logs === undefined || logs === '' || logs === usualLogs ? build : { ...build, logs }
}

/** The way from the one folder to the other with `/`, where the other lies in it; nothing for another place. */
function within(outer: string, inner: string): string | undefined {
  const inside = relative(outer, inner).split(sep).join('/')
  return inside === '..' || inside.startsWith('../') || isAbsolute(inside) ? undefined : inside
}
