/**
 * The real world for a config that was read: its runtime, its databases, its scripts.
 */
import { join } from 'node:path'

import { logsOf } from '../config/logs.ts'
import type { Secrets } from '../config/secrets.ts'
import { connectDatabases } from '../execute/databases.ts'
import { findHolders } from '../execute/elsewhere.ts'
import { missingPaths } from '../execute/mounted-files.ts'
import { busyPorts } from '../execute/ports.ts'
import type { World } from '../execute/world.ts'
import type { HostPort } from '../plan/reconcile/held-ports.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Opened } from './opened.ts'

export function worldOf(opened: Opened, runtime: Runtime, secrets: Secrets): World {
  const { emit, env, parsed, signal } = opened
  const owns = (service: string): boolean =>
    parsed.config.services.some(({ name, kind }) => name === service && kind === 'postgres')
  const databases = connectDatabases({ secrets, toolVersion: POSTSTACK_VERSION, env, owns })
  const holder = ({ host, protocol }: HostPort): Promise<string | undefined> =>
    runtime.portHolder(host, { signal, protocol })
  const elsewhere = { config: parsed.config, runtime: runtime.name, env, signal }
  const findBusyPorts: World['busyPorts'] = async (wanted) =>
    findHolders(await busyPorts(wanted, { signal, holder }), elsewhere)
  const logFolder = join((parsed.config.logs ?? logsOf({}, parsed.config.root)).folder, 'containers')
  return {
    runtime,
    databases,
    secrets,
    emit,
    signal,
    logFolder,
    busyPorts: findBusyPorts,
    missingPaths: (paths) => missingPaths(paths, { root: parsed.config.root, runtime }),
    runScript: async (run) => (await import('./scripts.ts')).runScript(opened, run),
    runCommand: async (run) => (await import('./scripts.ts')).runCommand(opened, run),
  }
}
