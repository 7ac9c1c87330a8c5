/**
 * What read-only files of the host hold that containers are given: part of what such a container is made from. A program reads its
 * settings when it starts, and an editor that replaces a file leaves the old one in the container.
 */
import { access, stat } from 'node:fs/promises'
import { sep } from 'node:path'

import type { Config } from '../config/types.ts'
import { isCode } from '../errors.ts'
import { mountedContent } from '../plan/desired-container.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { hashFile } from './fingerprint/fingerprint.ts'

/** A larger one is data, not settings, and reading it each time would take too long. */
const mostBytes = 16n * 1024n * 1024n

export interface MountedFile {
  /** Absolute. */
  readonly source: string
  /** Under which its digest is known, as a secret's is, because there may be one in it. */
  readonly name: string
  readonly readOnly: boolean
}

/** Paths of the host that are mounted; which of them are files is not known yet. */
export function bindMounts(config: Config): readonly MountedFile[] {
  return config.services.flatMap((service) => {
    if (service.kind !== 'container') return []
    return service.mounts.flatMap((mount) => {
      if (mount.kind !== 'bind') return []
      const { readOnly, source, target } = mount
      return [{ source, readOnly, name: mountedContent(service.name, target) }]
    })
  })
}

/** The hash of each mounted file by its name. A folder, a device, or what cannot be read has none: the engine says what is wrong with it. */
export async function readMountedFiles(config: Config, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const hashes = bindMounts(config).map(async ({ source, readOnly, name }) => {
    if (!readOnly) return []
    const facts = await stat(source, { bigint: true }).catch(() => undefined)
    if (facts?.isFile() !== true || facts.size > mostBytes) return []
    const hash = await hashFile(source, facts.size, signal).catch(() => undefined)
    return hash === undefined ? [] : [[name, hash] as const]
  })
  return Object.fromEntries((await Promise.all(hashes)).flat())
}

interface Mounting {
  readonly root: string
  readonly runtime: Pick<Runtime, 'remoteHost' | 'seesFiles'>
}

/**
 * Those of the paths to be mounted that lead nowhere, sorted. An engine in a virtual machine is given this machine's files, the project's at
 * least, and may have its own socket beside them; what is on another machine is not known.
 */
export async function missingPaths(
  paths: readonly string[],
  { root, runtime: { remoteHost, seesFiles = false } }: Mounting,
): Promise<readonly string[]> {
  if (remoteHost !== undefined) return []
  const known = [...new Set(paths)].filter((path) => seesFiles || path.startsWith(root + sep)).toSorted()
  const looks = known.map(async (path) => {
    const isMissing = await access(path).then(
      () => false,
      (error: unknown) => isCode(error, 'ENOENT', 'ENOTDIR'),
    )
    return isMissing ? [path] : []
  })
  return (await Promise.all(looks)).flat()
}
