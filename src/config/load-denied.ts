/** What the guarded process was not allowed to do, in Deno's words for permissions. */
import { relative } from 'node:path'
import type { FoundConfig } from './find.ts'
import type { ThrownError } from './child-protocol.ts'

/** Deno's word and a sentence for each permission of Node's model. */
const permissions: Readonly<Record<string, readonly [grant: string, what: string]>> = {
  FileSystemRead: ['allow-read', 'may not read'],
  FileSystemWrite: ['allow-write', 'may not write'],
  ChildProcess: ['allow-run', 'may not start a program'],
  WorkerThreads: ['allow-worker', 'may not start a worker'],
  Net: ['allow-net', 'may not use the network'],
  Addon: ['allow-ffi', 'may not load a native addon'],
  WASI: ['allow-wasi', 'may not use WASI'],
  Inspector: ['allow-inspector', 'may not open the inspector'],
}

export const deniedHint = 'Configs are evaluated guarded. If you trust this one, run the command with --allow-all (-A).'

export function describeDenial(
  error: ThrownError,
  config: FoundConfig,
): { what: string; details: Readonly<Record<string, string>> } {
  const permission = error.code === 'ERR_DLOPEN_DISABLED' ? 'Addon' : (error.permission ?? '')
  const [grant, what] = permissions[permission] ?? ['allow-all', `is denied ${permission}`]
  const { resource } = error
  const isPath = grant === 'allow-read' || grant === 'allow-write'
  const shown =
    resource === undefined || resource === '' ? '' : ` ${isPath ? fromRoot(resource, config.root) : resource}`
  const suffix = resource === undefined || resource === '' || !(isPath || grant === 'allow-run') ? '' : `=${resource}`
  return {
    what: `the config ${what}${shown} (it lacks \`--${grant}${suffix}\`)`,
    details: { permission: grant, ...(resource !== undefined && { resource }) },
  }
}

function fromRoot(path: string, root: string): string {
  const short = relative(root, path)
  return short === '' || short.startsWith('..') ? path : short
}
