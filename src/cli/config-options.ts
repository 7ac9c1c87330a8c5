import type { ConfigOptions } from '../stack/options.ts'
import type { Io } from './context.ts'
import { type CommonFlags, permissionsOf } from './flags.ts'

/** What the flags say about the config. */
export function configOptions(flags: CommonFlags, io: Io): ConfigOptions {
  return {
    cwd: io.cwd,
    configFile: flags.config,
    mode: flags.mode,
    instance: flags.instance,
    profiles: flags.profile,
    env: io.env,
    permissions: permissionsOf(flags),
    allowAll: flags.allowAll,
    runtime: flags.runtime,
  }
}
