import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { clusterFolder, fastFolder } from './postgres.ts'

/** What a run of tests needs once; returns what takes it away again. */
export default async function prepareRun(): Promise<(() => void) | undefined> {
  buildIfStale()
  return await shareClusters()
}

/** Tests of the built program must run what is in `src` now: `npm test` in a fresh clone, or after an edit, builds first. */
function buildIfStale(): void {
  const program = fileURLToPath(new URL('../../.build/build.mjs', import.meta.url))
  execFileSync(process.execPath, [program, '--if-stale'], { stdio: 'inherit' })
}

// Each project of the run comes here, and the workers of all of them inherit the name.
async function shareClusters(): Promise<(() => void) | undefined> {
  if (process.env[clusterFolder] !== undefined) return undefined
  const folder = mkdtempSync(`${await fastFolder()}/poststack-clusters-`)
  process.env[clusterFolder] = folder
  return () => {
    rmSync(folder, { recursive: true, force: true })
  }
}
