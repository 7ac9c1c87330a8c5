import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Tests of the built program must run what is in `src` now: `npm test` in a fresh clone, or after an edit, builds first. */
export default function buildIfStale(): void {
  const program = fileURLToPath(new URL('../../.build/build.mjs', import.meta.url))
  execFileSync(process.execPath, [program, '--if-stale'], { stdio: 'inherit' })
}
