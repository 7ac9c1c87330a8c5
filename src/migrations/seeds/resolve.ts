/**
 * Which seeds a database lacks. Pure.
 */
import type { Seed, SeededFile } from '../types.ts'

export interface PendingSeed {
  readonly seed: Seed
  /** `changed`: the database has an earlier content of the file. */
  readonly why: 'new' | 'changed'
}

/** A content counts once, whatever its file is called now. */
export function pendingSeeds(seeds: readonly Seed[], seeded: readonly SeededFile[]): readonly PendingSeed[] {
  const contents = new Set(seeded.map(({ checksum }) => checksum))
  const files = new Set(seeded.map(({ file }) => file))
  return seeds.flatMap((seed) => {
    if ([seed.checksum, seed.asWritten].some((checksum) => checksum !== undefined && contents.has(checksum))) return []
    contents.add(seed.checksum)
    return [{ seed, why: files.has(seed.file) ? ('changed' as const) : ('new' as const) }]
  })
}
