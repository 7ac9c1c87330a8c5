/**
 * What read-only files of the host hold that containers are given: part of what such a container is made from. A program reads its
 * settings when it starts, and an editor that replaces a file leaves the old one in the container.
 */
import { stat } from 'node:fs/promises'

import type { Config } from '../config/types.ts'
import { mountedContent } from '../plan/desired-container.ts'
import { hashFile } from './fingerprint/fingerprint.ts'

/** A larger one is data, not settings, and reading it each time would take too long. */
const mostBytes = 16n * 1024n * 1024n

export interface MountedFile {
  /** Absolute. */
  readonly source: string
  /** Under which its digest is known, as a secret's is, because there may be one in it. */
  readonly name: string
}

/** Paths that are mounted read-only; which of them are files is not known yet. */
export function readOnlyMounts(config: Config): readonly MountedFile[] {
  return config.services.flatMap((service) => {
    if (service.kind !== 'container') return []
    return service.mounts.flatMap((mount) =>
      mount.kind === 'bind' && mount.readOnly
        ? [{ source: mount.source, name: mountedContent(service.name, mount.target) }]
        : [],
    )
  })
}

/** The hash of each mounted file by its name. A folder, a device, or what cannot be read has none: the engine says what is wrong with it. */
export async function readMountedFiles(config: Config, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const hashes = readOnlyMounts(config).map(async ({ source, name }) => {
    const facts = await stat(source, { bigint: true }).catch(() => undefined)
    if (facts?.isFile() !== true || facts.size > mostBytes) return []
    const hash = await hashFile(source, facts.size, signal).catch(() => undefined)
    return hash === undefined ? [] : [[name, hash] as const]
  })
  return Object.fromEntries((await Promise.all(hashes)).flat())
}
