/**
 * `poststack watch --json`, heard event by event.
 */
import { onTestFinished } from 'vitest'
import type { Ended } from './cli.ts'
import type { Project } from './project.ts'

export type WatchedEvent = Readonly<Record<string, unknown>> & { readonly type: string }

export interface WatchRun {
  /** The next event of a type, from behind the one that was given last. */
  next(type: string): Promise<WatchedEvent>
  /** Waits for the end of the next run, and gives the types and texts of what was said in it. */
  run(): Promise<readonly WatchedEvent[]>
  /** What has been said and not been given yet. */
  unheard(): readonly WatchedEvent[]
  readonly pid: number
  end(signal?: NodeJS.Signals): Promise<Ended>
}

const patienceMs = 60_000

/** Starts it, and returns when the first run is over. */
export async function startWatch(project: Project, ...words: readonly string[]): Promise<WatchRun> {
  const cli = project.start(['watch', '--json', ...words])
  const { process: child } = cli
  const events: WatchedEvent[] = []
  let text = ''
  const listeners = new Set<() => void>()
  child.stdout?.on('data', (data: string) => {
    const lines = (text + data).split('\n')
    text = lines.pop() ?? ''
    events.push(...lines.map((line) => JSON.parse(line) as WatchedEvent))
    for (const wake of listeners) wake()
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await cli.ended
  })
  const take = async (type: string): Promise<readonly WatchedEvent[]> => {
    const until = Date.now() + patienceMs
    for (;;) {
      const index = events.findIndex((event) => event.type === type)
      if (index !== -1) return events.splice(0, index + 1)
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`no ${type}, but ${events.map((event) => JSON.stringify(event)).join('\n')}`)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer)
          listeners.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, 500)
        listeners.add(wake)
      })
    }
  }
  const watched: WatchRun = {
    next: async (type) => {
      const last = (await take(type)).at(-1)
      if (last === undefined) throw new Error('an event that was found is not there')
      return last
    },
    run: () => take('watch-waiting'),
    unheard: () => events,
    pid: child.pid ?? 0,
    end: (signal = 'SIGINT') => {
      child.kill(signal)
      return cli.ended
    },
  }
  await watched.run()
  return watched
}
