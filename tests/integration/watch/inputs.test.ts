/**
 * Which files a stack is made from, as far as they are not code: asked of a real config and real files.
 */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readDesired } from '../../../src/execute/read-desired.ts'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { container, hook, openStack, postgres, type StackConfig } from '../../../src/index.ts'
import { serializeConfig } from '../../../src/config/serialize.ts'
import { isConfigInput, isInput, readInputs, withEveryModule, type Inputs } from '../../../src/watch/inputs.ts'

const web = container({
  image: 'debian',
  envFile: ['./web.env', './local.env'],
  volumes: [
    { bind: './web.conf', target: '/etc/web.conf', readOnly: true },
    { bind: './later.conf', target: '/etc/later.conf', readOnly: true },
    { bind: './pages', target: '/pages', readOnly: true },
    { bind: './state.json', target: '/state.json' },
    { bind: './missing', target: '/missing' },
  ],
})
const config: StackConfig = { name: 'inputs', services: { web, built: container({ build: { context: './built' } }) } }

async function project(): Promise<{
  readonly root: string
  readonly put: (path: string, text: string) => Promise<void>
}> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ps-inputs-')))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  for (const path of ['web.env', 'web.conf', 'pages/index.html', 'state.json']) await put(path, '')
  return { root, put }
}

test('files with variables and mounted settings must be inputs, also those that are missing; pages and state must not', async () => {
  const { root, put } = await project()
  const inputsNow = async (): Promise<{ readonly inputs: Inputs; readonly dependencies: readonly string[] }> => {
    await using stack = await openStack({ cwd: root, env: {}, config })
    return { inputs: await readInputs(stack), dependencies: stack.inputs.files }
  }
  const at = (path: string): string => join(root, path)
  const { inputs, dependencies } = await inputsNow()
  const ofConfig = ['containers/built/Containerfile', 'containers/built/Dockerfile', 'local.env', 'web.env'].map(at)
  expect(dependencies).toEqual(ofConfig)
  expect(ofConfig.filter((path) => isConfigInput(inputs, path))).toEqual(ofConfig)
  expect(
    ['web.conf', 'later.conf', 'missing'].map((path) => [isInput(inputs, at(path)), isConfigInput(inputs, at(path))]),
  ).toEqual([
    [true, false],
    [true, false],
    [true, false],
  ])
  for (const path of ['pages', 'pages/index.html', 'state.json', 'poststack.config.ts', 'other.env'])
    expect([path, isInput(inputs, at(path))]).toEqual([path, false])
  for (const path of ['.containerignore', '.dockerignore', 'Dockerfile.containerignore', 'Dockerfile.dockerignore'])
    expect([path, isInput(inputs, at(`built/${path}`))]).toEqual([path, true])
  // While the config cannot be read, what it lacks may be any file of that kind.
  for (const path of ['other.env', '.env', '.env.local', 'deep/.env.test'])
    expect([path, isConfigInput(withEveryModule(inputs, {}), at(path))]).toEqual([path, true])
  // What Poststack writes there by itself would have it be read again for nothing.
  const everyModule = withEveryModule(inputs, { logs: { folder: at('var/own'), level: 'info' } })
  for (const path of ['logs', 'logs/containers', 'backups', 'var/own', 'var/own/database'])
    expect([path, isInput(everyModule, at(path))]).toEqual([path, false])

  // A Dockerfile that is there is read by the build alone: a change of it does not read the config again.
  await put('containers/built/Dockerfile', 'FROM debian\n')
  const later = await inputsNow()
  expect(later.dependencies).not.toContain(at('containers/built/Dockerfile'))
  expect(isInput(later.inputs, at('containers/built/Dockerfile'))).toBe(true)
})

test('the content of a file that is mounted to be read must be part of the declared state, and of no other', async () => {
  const { root, put } = await project()
  const { plain } = await serializeConfig({ services: { web } }, { cwd: root, env: {}, mode: 'test' })
  await put('local.env', '')
  const contents = async (): Promise<readonly unknown[]> => {
    const parsed = await parseConfig(plain, { root })
    const { signal } = new AbortController()
    // Written down, because the key of all digests is kept from one look to the next.
    const { desired } = await readDesired({ ...parsed, signal, services: [], create: true })
    const mounts = desired.services[0]?.container?.spec.mounts ?? []
    return mounts.map((mount) =>
      'content' in mount ? (desired.digests[mount.content?.name ?? ''] ?? 'no digest') : undefined,
    )
  }
  const before = await contents()
  expect(before).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), undefined, undefined, undefined, undefined])
  await put('web.conf', 'port 80\n')
  const after = await contents()
  expect(after[0]).not.toBe(before[0])
  await put('pages/index.html', 'hello')
  await put('state.json', '{}')
  expect(await contents()).toEqual(after)
  await put('later.conf', 'late')
  expect((await contents()).map((content) => content !== undefined)).toEqual([true, true, false, false, false])
})

test('hooks must be inputs, and what they and scripts among the seeds import, at any depth and where it is missing, too', async () => {
  const { root, put } = await project()
  await put('hooks/one.ts', "import '../lib/deep.ts'\nimport './missing.ts'\n")
  await put('lib/deep.ts', "import './deeper.ts'\n")
  await put('lib/deeper.ts', '')
  await put('seeds/010_rows.ts', "import '../rows/rows.ts'\n")
  await put('rows/rows.ts', '')
  const layer: StackConfig = {
    name: 'inputs',
    hooks: { beforeUp: hook('./hooks/one.ts'), beforeDown: hook(['make']) },
    services: { db: postgres({ migrations: './migrations', seed: './seeds' }) },
  }
  // No services but those of a layer.
  await using stack = await openStack({ cwd: root, env: {}, config: { extends: layer } })
  const inputs = await readInputs(stack)
  const wanted = [
    'hooks/one.ts',
    'lib/deep.ts',
    'lib/deeper.ts',
    'hooks/missing.ts',
    'seeds/010_rows.ts',
    'rows/rows.ts',
  ]
  expect(wanted.filter((path) => !isInput(inputs, join(root, path)))).toEqual([])
  expect(wanted.filter((path) => isConfigInput(inputs, join(root, path)))).toEqual([])
  expect(isInput(inputs, join(root, 'lib/other.ts'))).toBe(false)
})
