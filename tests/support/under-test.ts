/**
 * One runtime of this machine, open for the tests of a `describe`, and what it owes them.
 */
import { afterAll, beforeAll, test } from 'vitest'
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { RuntimeHarness, RuntimeUnderTest } from './runtimes.ts'

/** `containers`: needs images, networks and arbitrary programs. `real`: needs a real server behind it. */
type Need = 'containers' | 'real'

export interface UnderTest {
  /** There once the tests run. */
  readonly harness: RuntimeHarness
  readonly runtime: Runtime
  /** A test of what every runtime must do that has what it needs; skipped where the runtime itself is missing. */
  readonly obligation: (text: string, needs: readonly Need[], body: () => Promise<void>) => void
}

/** To be called in a `describe`: opens the runtime before its tests, and clears up after them. */
export function underTest({ name, missing, create }: RuntimeUnderTest): UnderTest {
  let harness: RuntimeHarness | undefined
  let runtime: Runtime | undefined

  beforeAll(async () => {
    if (missing !== undefined) return
    harness = await create()
    runtime = await harness.open()
  })

  afterAll(() => harness?.cleanUp())

  const there = <Thing>(thing: Thing | undefined): Thing => {
    if (thing === undefined) throw new Error(`${name} is not open: only tests can use it`)
    return thing
  }
  return {
    get harness() {
      return there(harness)
    },
    get runtime() {
      return there(runtime)
    },
    obligation: (text, needs, body) => {
      const lacking =
        (name === 'native' && needs.includes('containers')) || (name === 'memory' && needs.includes('real'))
      // What a runtime does not have it does not owe: that is no test left out.
      if (lacking) return
      test.skipIf(missing !== undefined)(`${name}: ${text}`, body)
    },
  }
}
