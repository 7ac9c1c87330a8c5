/**
 * Watches the SQL files of a folder and says what it sees, a line each: `watch-folder.ts <folder>`. A process of its own, so that it
 * can be given a limit.
 */
import { join } from 'node:path'
import { createInputWatch } from '../../src/watch/input-watch.ts'

const [root = ''] = process.argv.slice(2)
const watch = createInputWatch({
  signal: new AbortController().signal,
  onChanged: (paths) => console.log(`changed ${String(paths.length)}`),
  emit: (event) => {
    if (event.type === 'warning') console.log(event.message)
  },
})
const folder = { path: join(root, 'migrations'), counts: (path: string) => path.endsWith('.sql'), isConfig: false }
await watch.follow(
  { root, configFiles: new Set(), files: new Set(), folders: [folder] },
  { since: Date.now(), anew: true },
)
console.log(`ready ${String(watch.count)}`)
