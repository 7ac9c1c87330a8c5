/**
 * Looks at the processes of the stack's servers, because nobody tells when one of them ends.
 */
import { pause } from '../../abort.ts'
import { label } from '../../plan/labels.ts'
import type { NativeFolders } from './folders.ts'
import { readContainers, runningServer } from './records.ts'
import type { EndOptions, Scope } from '../runtime.ts'

const lookMs = 500

export async function watchEnds(
  folders: NativeFolders,
  { stack, project }: Pick<Scope, 'stack' | 'project'>,
  { signal, onEnd }: EndOptions,
): Promise<void> {
  const look = async (): Promise<ReadonlySet<string>> => {
    const { containers } = await readContainers(folders)
    const running = new Set<string>()
    for (const container of containers) {
      const { labels } = container.record
      if (labels[label.stack] !== stack || labels[label.project] !== project) continue
      // oxlint-disable-next-line no-await-in-loop -- there are few of them, and each look is short
      if ((await runningServer(folders, container, signal)) !== undefined) running.add(labels[label.service] ?? '')
    }
    return running
  }
  let before: ReadonlySet<string> = new Set()
  while (!signal.aborted) {
    // A record that is being written, or a data directory that is gone for a moment: the next look sees how it ended.
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const now: ReadonlySet<string> = await look().catch(() => before)
    for (const service of before) if (!now.has(service)) onEnd(service)
    before = now
    // oxlint-disable-next-line no-await-in-loop
    await pause(lookMs, signal).catch(() => undefined)
  }
}
