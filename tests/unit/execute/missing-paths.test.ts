/** What a container is to mount and is not there is told before anything starts, and only where it is known. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { missingPaths } from '../../../src/execute/mounted-files.ts'
import { observe } from '../../../src/execute/observe.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { reconcile } from '../../../src/plan/reconcile/reconcile.ts'
import { refuseBlocked } from '../../../src/plan/refusal.ts'
import { createMemoryRuntime } from '../../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, stackConfig } from '../../support/memory-stack.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'poststack-missing-'))
  await writeFile(join(root, 'file'), '')
})
afterAll(() => rm(root, { recursive: true }))

const bind = (source: string) => ({ kind: 'bind', source, target: source, readOnly: false }) as const

test('a plan is blocked by each, with its place in the config, while nothing may make it yet', async () => {
  const mounts = [bind('/projects/shop/site'), bind('/projects/shop/missing-conf'), bind('/missing/~/.ssh')]
  const config = stackConfig([containerService({ name: 'web', mounts })])
  const runtime = createMemoryRuntime()
  const stack = memoryStack(runtime)
  const { plan, results } = await stack.up(desiredOf(config))
  expect(formatPlan(plan)).toMatchInlineSnapshot(`
    "shop on memory: 2 steps, 2 blocked: nothing will be done until that is mended

      #1 service:web  blocked  volumes[1].bind: there is no /projects/shop/missing-conf
           - make that file or folder
           - correct \`volumes[1].bind\` of web in the config
      #2 service:web  blocked  volumes[2].bind: there is no /missing/~/.ssh
           - \`~\` is no home folder in a config: write the whole path
           - make that file or folder
           - correct \`volumes[2].bind\` of web in the config
    "
  `)
  expect(results).toEqual([])
  expect(() => refuseBlocked(plan)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  // The engine refuses what the hook has not made.
  const hooks = { beforeUp: { kind: 'command', command: ['make', 'conf'], once: false } } as const
  expect(formatPlan(await stack.plan(desiredOf({ ...config, hooks })))).not.toContain('blocked')
})

test('a container that is as wanted is left alone', async () => {
  const stack = memoryStack(createMemoryRuntime())
  const desired = desiredOf(stackConfig([containerService({ name: 'web', mounts: [bind('/projects/shop/site')] })]))
  await stack.up(desired)
  const gone = { ...stack.world, missingPaths: () => Promise.resolve(['/projects/shop/site']) }
  expect(reconcile(desired, await observe(desired, gone)).steps).toEqual([])
})

test.each([
  ['any, on this machine', { seesFiles: true }, ['/nowhere/x', 'below', 'gone']],
  ['those of the project, where the engine may have files of its own', {}, ['below', 'gone']],
  ['none, on another machine', { remoteHost: 'far.example' }, []],
])('%s', async (_, runtime, expected) => {
  const paths = [
    join(root, 'gone'),
    join(root, 'gone'),
    root,
    join(root, 'file'),
    join(root, 'file', 'below'),
    '/nowhere/x',
  ]
  const found = await missingPaths(paths, { root, runtime })
  expect(found.map((path) => path.replace(`${root}/`, '').replace('file/', '')).toSorted()).toEqual(expected)
})
