import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programFolder } from './compiled.ts'
import { clusterFolder, fastFolder } from './postgres.ts'

/** What a run of tests needs once; returns what takes it away again. */
export default async function prepareRun(): Promise<(() => void) | undefined> {
  buildIfStale()
  // Each project of the run comes here, and the workers of all of them inherit the names.
  if (process.env[clusterFolder] !== undefined) return undefined
  const caches = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url))
  mkdirSync(caches, { recursive: true })
  const folders = {
    // What the programs under test write, too: stacks with their servers, above all.
    TMPDIR: temporaryFolder(await fastFolder(4)),
    [clusterFolder]: mkdtempSync(`${await fastFolder()}/poststack-clusters-`),
    [programFolder]: mkdtempSync(`${caches}/poststack-tests-`),
  }
  // Some programs are run as another user.
  chmodSync(folders[programFolder], 0o755)
  chmodSync(folders.TMPDIR, 0o1777)
  Object.assign(process.env, folders)
  return () => {
    for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true })
  }
}

/** In memory, unless programs cannot be run from there. */
function temporaryFolder(fast: string): string {
  const folder = mkdtempSync(join(fast, 'ps-'))
  const program = join(folder, 'program')
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 })
  const { status } = spawnSync(program)
  rmSync(program)
  if (status === 0 || fast === tmpdir()) return folder
  rmSync(folder, { recursive: true })
  return mkdtempSync(join(tmpdir(), 'ps-'))
}

/** Tests of the built program must run what is in `src` now: `npm test` in a fresh clone, or after an edit, builds first. */
function buildIfStale(): void {
  const program = fileURLToPath(new URL('../../.build/build.mjs', import.meta.url))
  execFileSync(process.execPath, [program, '--if-stale'], { stdio: 'inherit' })
}
