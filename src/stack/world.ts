/**
 * The real world for a config that was read: its runtime, its databases, its scripts.
 */
import { join } from 'node:path'

import { logsOf } from '../config/logs.ts'
import type { Secrets } from '../config/secrets.ts'
import { connectDatabases } from '../execute/databases.ts'
import { findBusyPorts } from '../execute/elsewhere.ts'
import { missingPaths } from '../execute/mounted-files.ts'
import type { World } from '../execute/world.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Opened } from './opened.ts'

export function worldOf(opened: Opened, runtime: Runtime, secrets: Secrets): World {
  const { emit, env, parsed, signal } = opened
  const owns = (service: string): boolean =>
    parsed.config.services.some(({ name, kind }) => name === service && kind === 'postgres')
  const databases = connectDatabases({ secrets, toolVersion: POSTSTACK_VERSION, env, owns })
  const select = (): Promise<Runtime> => Promise.resolve(runtime)
  const logFolder = join((parsed.config.logs ?? logsOf({}, parsed.config.root)).folder, 'containers')
  return {
    runtime,
    databases,
    secrets,
    emit,
    signal,
    logFolder,
    busyPorts: findBusyPorts({ config: parsed.config, runtime, env, signal }),
    missingPaths: (paths) => missingPaths(paths, { root: parsed.config.root, runtime }),
    runScript: async (run) => (await import('./scripts.ts')).runScript(opened, select, run),
    runCommand: async (run) => (await import('./scripts.ts')).runCommand(opened, select, run),
  }
}
