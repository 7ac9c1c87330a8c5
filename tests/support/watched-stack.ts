/**
 * A stack that only pretends to run, for tests of the watch itself: real files and real watching, and runs that cost nothing.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PoststackError } from '../../src/errors.ts'
import type { Outcome } from '../../src/events.ts'
import type { DeclaredDatabase } from '../../src/execute/database/choice.ts'
import type { Connect } from '../../src/migrations/connection.ts'
import type { Plan, PlanStep } from '../../src/plan/step.ts'
import type { WatchedStack } from '../../src/watch/one-run.ts'
import { postgresService, stackConfig } from './memory-stack.ts'

export interface PretendedRuns {
  /** What the newest migration held at the end of each run. */
  readonly seen: string[]
  /** How many run now, and how many have at most. */
  running: number
  atOnce: number
  /** How many stacks were opened, and how many closed. */
  opened: number
  closed: number
  /** What a look finds to be done. */
  steps: readonly PlanStep[]
  /** What became of the steps of each run. */
  results: Outcome['results']
  /** Tells the watch of an end, once it listens. */
  end: ((service: string | undefined) => void) | undefined
  /** How listening for ends comes to its own end; when absent, with the signal. */
  listening?: () => Promise<void>
}

export function pretendedRuns(): PretendedRuns {
  return { seen: [], running: 0, atOnce: 0, opened: 0, closed: 0, steps: [], results: [], end: undefined }
}

export interface Pretended {
  readonly root: string
  /** The file whose content each run looks at, relative to the root. */
  readonly file: string
  readonly runs: PretendedRuns
  readonly runMs: number
}

/** There is no schema to look at. */
function noDatabase(root: string): DeclaredDatabase {
  const names = { service: 'db', host: '127.0.0.1', user: 'shop', database: 'shop', migrations: undefined }
  return { ...names, port: 5432, root, owned: true, connect: refuse, connectTo: () => refuse }
}

const refuse: Connect = () => Promise.reject(new PoststackError('DATABASE_UNREACHABLE', 'there is none'))

/** Opens one, as `openStack` does: fails while there is no config, or one that says `broken`. */
export async function openPretended({ root, file, runs, runMs }: Pretended): Promise<WatchedStack> {
  const configFile = join(root, 'poststack.config.ts')
  const text = await readFile(configFile, 'utf8').catch(() => undefined)
  if (text === undefined) throw new PoststackError('CONFIG_NOT_FOUND', 'no config')
  if (text.includes('broken')) throw new PoststackError('CONFIG_FAILED', text)
  runs.opened += 1
  const config = { ...stackConfig([postgresService({ migrations: join(root, 'migrations') })]), root }
  const plan = (): Plan => ({ steps: runs.steps }) as unknown as Plan
  return {
    config,
    configFile,
    inputs: { files: [configFile], candidates: [], packages: [], globs: [], variables: [], allVariables: false },
    plan: () => Promise.resolve(plan()),
    up: async () => {
      runs.running += 1
      runs.atOnce = Math.max(runs.atOnce, runs.running)
      await sleep(runMs)
      runs.seen.push(await readFile(join(root, file), 'utf8').catch(() => '(gone)'))
      runs.running -= 1
      const { results } = runs
      const ok = results.every(({ status }) => status === 'done')
      return { ok, plan: plan(), results, durationMs: 1, services: [], remaining: [] }
    },
    database: () => Promise.resolve(noDatabase(root)),
    watchEnds: ({ onEnd, signal }) => {
      runs.end = onEnd
      return (
        runs.listening?.() ??
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      )
    },
    close: () => {
      runs.closed += 1
      return Promise.resolve()
    },
  }
}
