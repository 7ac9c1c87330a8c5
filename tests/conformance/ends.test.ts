/**
 * Every runtime must tell when a container of the stack ends, whoever ended it, and nothing else.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { runtimesUnderTest } from '../support/runtimes.ts'
import { underTest } from '../support/under-test.ts'

describe.each(await runtimesUnderTest())('$title', (tested) => {
  const on = underTest(tested)

  on.obligation('a container that is killed or removed must be told, a start must not', [], async () => {
    const signal = new AbortController().signal
    const listening = new AbortController()
    const ends: (string | undefined)[] = []
    const { stack, project, outside } = on.harness
    const listened = on.runtime.watchEnds(
      { stack, project },
      { signal: listening.signal, onEnd: (service) => void ends.push(service) },
    )
    const elsewhere = on.runtime.watchEnds(
      { stack: `${stack}-other`, project },
      { signal: listening.signal, onEnd: () => void ends.push('of another stack') },
    )
    const { container, env, files, volume } = await on.harness.postgres('db')
    await on.runtime.createVolume(volume, container.labels, { signal })
    await on.runtime.createContainer(container, env, { signal })
    await on.runtime.startContainer({ name: container.name }, files, { signal })
    await sleep(1_000)
    expect(ends).toEqual([])
    await outside.killMain(container.name)
    for (let left = 300; left > 0 && ends.length === 0; left -= 1) await sleep(20)
    expect(new Set(ends)).toEqual(new Set(['db']))
    listening.abort()
    await Promise.all([listened, elsewhere])
  })
})
