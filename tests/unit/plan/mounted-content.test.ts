/** What a file holds that a container is given to read is part of what the container is made from. */
import { expect, test } from 'vitest'
import { jobMemory, specDigest } from '../../../src/plan/jobs.ts'
import { recordSpec } from '../../../src/plan/spec.ts'
import { diffSpecs } from '../../../src/plan/spec-changes.ts'
import type { Desired, ObservedVolume } from '../../../src/plan/types.ts'
import { containerService, desiredOf, stackConfig } from '../../support/memory-stack.ts'

function declared(content: string | undefined): Desired {
  const mounts = [{ kind: 'bind', source: '/projects/shop/a.conf', target: '/etc/a.conf', readOnly: true }] as const
  const config = stackConfig([containerService({ name: 'seed', job: true, mounts })])
  return desiredOf(config, content === undefined ? {} : { digests: { 'seed.volumes./etc/a.conf': content } })
}

function serviceOf(desired: Desired) {
  const [service] = desired.services
  const spec = service?.container?.spec
  if (service === undefined || spec === undefined) throw new Error('nothing is declared')
  return { service, spec, record: recordSpec(spec, desired.digests) }
}

function remembered(by: Desired): ObservedVolume {
  const digest = specDigest(serviceOf(by).spec, by.digests)
  const owner = { stack: by.stack, project: by.project, root: by.root }
  return { name: `done-${digest}`, key: undefined, owner, job: { service: 'seed', digest } } as ObservedVolume
}

test('another content must be a change of its own, which shows nothing of it', () => {
  const [before, after] = [serviceOf(declared('one')).record, serviceOf(declared('two')).record]
  expect(diffSpecs(before, after)).toEqual([
    { path: 'volumes[/etc/a.conf].content', before: 'the file', after: 'the file, changed' },
  ])
  expect(diffSpecs(after, after)).toEqual([])
})

test('a container from before contents were recorded, and a file that cannot be read, must not look changed', () => {
  const [without, known] = [serviceOf(declared(undefined)).record, serviceOf(declared('one')).record]
  expect(JSON.stringify(without)).not.toContain('content')
  expect(diffSpecs(without, known)).toEqual([])
  expect(diffSpecs(known, without)).toEqual([])
})

test('a job must run again for another content, and not because its memory is from before contents were recorded', () => {
  const memoryOf = (volume: ObservedVolume) => {
    const now = declared('one')
    return jobMemory(serviceOf(now).service, now, { volumes: [volume] })
  }
  expect(memoryOf(remembered(declared('one')))).toMatchObject({ isDone: true, remember: undefined })
  expect(memoryOf(remembered(declared('two')))).toMatchObject({ isDone: false, again: 'it changed since it was done' })
  const old = remembered(declared(undefined))
  // Written anew, or a later change would go unseen.
  expect(memoryOf(old)).toMatchObject({ isDone: true, again: undefined, remember: { outdated: [old.name] } })
})
