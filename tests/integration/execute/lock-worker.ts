/**
 * A process that takes the stack lock again and again: `lock-worker.ts <root> <how often> <milliseconds inside>`.
 *
 * Inside, it adds one to `<root>/counter` the unsafe way, and writes to `<root>/violations` when another living process is inside too.
 */
import { readFileSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withStackLock } from '../../../src/execute/stack-lock.ts'

const [root = '', times = '1', insideMs = '1'] = process.argv.slice(2)
const inside = join(root, 'inside')
const counter = join(root, 'counter')

for (let round = 0; round < Number(times); round += 1) {
  await withStackLock(
    {
      root,
      stack: 'shop',
      command: 'poststack up',
      signal: new AbortController().signal,
      onWaiting: () => undefined,
    },
    critical,
  )
}

async function critical(): Promise<void> {
  const other = Number(await readFile(inside, 'utf8').catch(() => ''))
  if (other !== 0 && lives(other)) await appendFile(join(root, 'violations'), `${process.pid} beside ${other}\n`)
  await writeFile(inside, String(process.pid))
  const before = Number(await readFile(counter, 'utf8').catch(() => '0'))
  await sleep(Math.random() * Number(insideMs))
  await writeFile(counter, String(before + 1))
  await writeFile(inside, '')
  await appendFile(join(root, 'rounds'), '.')
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // One that was killed and that its parent has not yet heard of can be signalled, too.
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
