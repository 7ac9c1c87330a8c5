import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readDesired, type DesiredRead } from '../../../src/execute/read-desired.ts'
import { containerService, stackConfig } from '../../support/memory-stack.ts'

async function project(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'poststack-desired-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return root
}

/** Services that are built from `<root>/<name>.dockerfile`. */
function read(root: string, names: readonly string[]): Promise<DesiredRead> {
  const services = names.map((name) => {
    const build = { context: root, dockerfile: join(root, `${name}.dockerfile`), args: {}, target: undefined }
    return containerService({ name, image: undefined, build })
  })
  return readDesired({
    config: stackConfig(services, { root }),
    literals: {},
    fileProblem: () => undefined,
    signal: new AbortController().signal,
    services: [],
    create: false,
  })
}

test('builds that cannot be must all be told at once, each with its place, and one by itself as it is', async () => {
  const root = await project()
  await writeFile(join(root, 'web.dockerfile'), 'FROM debian\nCOPY nothing /\n')
  await writeFile(join(root, 'good.dockerfile'), 'FROM debian\n')
  await expect(read(root, ['worker', 'web', 'good', 'api'])).rejects.toMatchObject({
    code: 'BUILD_CONTEXT_INVALID',
    message: [
      '3 images cannot be built:',
      `- services.api.build.dockerfile: There is no Dockerfile at ${root}/api.dockerfile.`,
      `- services.web.build: ${root}/web.dockerfile:2 copies nothing, but there is no such file in ${root}.`,
      `- services.worker.build.dockerfile: There is no Dockerfile at ${root}/worker.dockerfile.`,
    ].join('\n'),
    // What helps both of two is said once.
    hint: expect.stringMatching(/^Make one, or name another file[^\n]+\nSources are relative[^\n]+$/),
    details: { problems: [{ field: 'dockerfile' }, { line: 2 }, { place: 'services.worker.build' }] },
  })
  await expect(read(root, ['api', 'good'])).rejects.toMatchObject({
    message: `services.api.build.dockerfile: There is no Dockerfile at ${root}/api.dockerfile.`,
  })
})
