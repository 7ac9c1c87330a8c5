/** What the guarded process was not allowed to do, in Deno's words for permissions, and the grant that would allow it. */
import { dirname, relative, resolve, sep } from 'node:path'
import { nearestFile } from './upward.ts'
import type { Denial } from '../child/protocol.ts'
import type { FoundConfig } from './find.ts'

interface Kind {
  readonly what: string
  /** The word of `--allow-…` and of `permissions`; without one, only everything can be granted. */
  readonly grant?: 'read' | 'env' | 'net' | 'run'
}

const kinds: Readonly<Record<string, Kind>> = {
  FileSystemRead: { what: 'may not read', grant: 'read' },
  Env: { what: 'may not read the environment variable', grant: 'env' },
  Net: { what: 'may not connect to', grant: 'net' },
  ChildProcess: { what: 'may not start a program', grant: 'run' },
  // Whoever may start programs has one that sends them.
  Signal: { what: 'may not send signals to other processes', grant: 'run' },
  Priority: { what: 'may not change the priority of other processes', grant: 'run' },
  FileSystemWrite: { what: 'may not write' },
  WorkerThreads: { what: 'may not start a worker' },
  Addon: { what: 'may not load a native addon' },
  WASI: { what: 'may not use WASI' },
  Inspector: { what: 'may not open the inspector' },
  Module: { what: 'may not use' },
}

export interface DescribedDenial {
  readonly what: string
  readonly hint: string
  readonly details: Readonly<Record<string, string>>
}

/** `subject` is what ran: `config`, `script`. */
export function describeDenial(denial: Denial, config: FoundConfig, subject = 'config'): DescribedDenial {
  const { permission } = denial
  const { what, grant } = kinds[permission] ?? { what: `is denied ${permission}`.trimEnd() }
  const isPath = permission.startsWith('FileSystem')
  // As the config wrote it; its process runs in the project.
  const resource = isPath && denial.resource !== '' ? resolve(config.root, denial.resource) : denial.resource
  const shown = resource === '' ? '' : ` ${isPath ? fromFolder(config.root, resource) : resource}`
  // Node permits programs all or none.
  const flag = `--allow-${grant ?? 'all'}${grant === undefined || grant === 'run' || resource === '' ? '' : `=${resource}`}`
  return {
    what: `the ${subject} ${what}${shown} (it lacks \`${flag}\`)`,
    hint: grant === undefined ? onlyAll(subject) : howToGrant(flag, entryOf({ grant, resource, config })),
    details: { permission: grant ?? 'all', grant: flag, ...(resource !== '' && { resource }) },
  }
}

function onlyAll(subject: string): string {
  const how = subject === 'config' ? 'Configs are evaluated guarded' : 'Scripts run guarded'
  return `${how}, and nothing less than everything permits this one. If you trust the ${subject} and what it imports, run the command with --allow-all (-A).`
}

function howToGrant(flag: string, entry: string): string {
  return [
    `If it may, add ${flag} to the command`,
    `For every run, add to package.json: "poststack": { "permissions": { ${entry} } }`,
  ].join('\n')
}

/** What stands in `permissions` of package.json for a grant. */
function entryOf({
  grant,
  resource,
  config,
}: {
  readonly grant: NonNullable<Kind['grant']>
  readonly resource: string
  readonly config: FoundConfig
}): string {
  if (grant === 'run' || resource === '') return `"${grant}": true`
  const manifest = nearestFile(config.root, 'package.json')
  const value = grant === 'read' && manifest !== undefined ? fromFolder(dirname(manifest), resource) : resource
  return `"${grant}": [${JSON.stringify(value)}]`
}

/** Relative where that is a short way. */
export function fromFolder(folder: string, path: string): string {
  const short = relative(folder, path)
  return short === '' || short.startsWith(`..${sep}..`) ? path : short
}
