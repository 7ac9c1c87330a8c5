/** What gets into an image from a project folder, with every builder of this machine. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContainerRuntime } from '../../../src/runtime/container/container.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const missing = new Map((await runtimesUnderTest()).map((one) => [one.name as string, one.missing]))
const prefix = `ps-context-${String(process.pid)}`

// The client in /usr/bin is Debian's own, which has BuildKit built in; a newer one needs a plugin for it.
const buildKit = { ...process.env, DOCKER_BUILDKIT: '1', PATH: `/usr/bin:${process.env['PATH'] ?? ''}` }
const noBuildKit =
  missing.get('docker') ??
  (await run('docker', ['build', '--help'], { env: buildKit }).then(
    ({ stdout }) => (stdout.includes('--progress') ? undefined : 'this client has no BuildKit'),
    String,
  ))

const builders = [
  { builder: 'podman', name: 'podman', env: process.env, lacking: missing.get('podman') },
  { builder: 'docker', name: 'docker', env: { ...process.env, DOCKER_BUILDKIT: '0' }, lacking: missing.get('docker') },
  { builder: 'buildkit', name: 'docker', env: buildKit, lacking: noBuildKit },
] as const

const from = 'FROM docker.io/library/debian:trixie-slim\n'
const project = {
  '.poststack/secrets.json': '{"password":"secret"}',
  'packages/api/.poststack/secrets.json': '{"password":"secret"}',
  'backups/db-shop-20261126-011248.dump': 'rows of .poststack',
  'logs/poststack.log': 'lines of .poststack',
  'packages/api/main.js': 'serve()\n',
  '.env.example': 'A=1\n',
  'bin/start': '#!/bin/sh\n',
  'empty-file': '',
  [`${'long/'.repeat(25)}näme (1)`]: 'x',
}

describe.each(builders)('$builder', ({ builder, name, env, lacking }) => {
  let runtime: Runtime
  let root: string
  const ref = `${prefix}-${builder}/web`

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'poststack-context-'))
    if (lacking === undefined) runtime = await createContainerRuntime({ name, env, signal })
  })

  afterAll(async () => {
    await rm(root, { recursive: true, force: true })
    if (lacking !== undefined) return
    await run(name, ['rmi', '-f', `${ref}:latest`]).catch(() => {})
    await runtime.close()
  })

  const write = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const folder = await mkdtemp(join(root, 'project-'))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    return folder
  }

  const build = async (context: string, dockerfile = 'Dockerfile'): Promise<void> => {
    const paths = { context, dockerfile: join(context, dockerfile), args: {}, target: undefined }
    const request = { ref, aliases: [], build: paths, labels: {} }
    await runtime.buildImage(request, { signal, onLine: () => {} })
  }

  /** `mode path -> link` of everything below a folder of the image. */
  const listing = async (folder = '/ctx'): Promise<string[]> => {
    const find = ['find', folder, '-mindepth', '1', '-printf', String.raw`%M %P %l\n`]
    const { stdout } = await run(name, ['run', '--rm', '--network', 'none', `${ref}:latest`, ...find], { env })
    return stdout.split('\n').map((line) => line.trim())
  }

  const files = async (): Promise<string[]> =>
    (await listing())
      .filter((line) => line.startsWith('-'))
      .map((line) => line.replace(/^\S+ /, ''))
      .toSorted()

  const imageId = async () => (await run(name, ['image', 'inspect', '-f', '{{.Id}}', `${ref}:latest`], { env })).stdout

  const obligation = (text: string, body: () => Promise<void>) => {
    test.skipIf(lacking !== undefined)(`${builder}: ${text}`, body)
  }

  obligation('the generated passwords stay out, all else gets in as it is, and again from the cache', async () => {
    const context = await write({ ...project, Dockerfile: `${from}COPY . /ctx\nRUN ls /ctx\n` })
    await chmod(join(context, 'bin/start'), 0o755)
    await mkdir(join(context, 'empty-folder'))
    await symlink('bin/start', join(context, 'start'))
    await symlink('nowhere/at/all', join(context, 'broken'))
    await writeFile(join(context, 'big'), '')
    await truncate(join(context, 'big'), 20_000_000)
    const before = await readdir(context)
    await build(context)
    const found = await listing()
    expect(found.filter((line) => /\.poststack|db-shop|poststack\.log/.test(line))).toEqual([])
    for (const line of [
      '-rwxr-xr-x bin/start',
      'lrwxrwxrwx start bin/start',
      'lrwxrwxrwx broken nowhere/at/all',
      'drwxr-xr-x empty-folder',
      '-rw-r--r-- .env.example',
      '-rw-r--r-- big',
      '-rw-r--r-- empty-file',
      '-rw-r--r-- Dockerfile',
      '-rw-r--r-- packages/api/main.js',
      `-rw-r--r-- ${'long/'.repeat(25)}näme (1)`,
    ])
      expect(found).toContain(line)
    expect(await readdir(context)).toEqual(before)

    await writeFile(join(context, '.poststack/secrets.json'), 'changed')
    const built = await imageId()
    await build(context)
    expect(await imageId()).toBe(built)
    const size = await run(name, ['run', '--rm', `${ref}:latest`, 'stat', '-c', '%s', '/ctx/big'], { env })
    expect(size.stdout.trim()).toBe('20000000')
  })

  obligation('the ignore file of the user counts, but cannot let the passwords in', async () => {
    const ignore =
      '# a comment\npackages\n!packages/api/main.js\n*.log\n!keep.log\n!.poststack\n!**/.poststack/**\nDockerfile'
    const rooted = '\n/secret.txt\n/web/*\n!/web/keep\n./d/\r\n #hash\n'
    const logs = { 'a.log': '', 'keep.log': '', '.dockerignore': ignore + rooted }
    const more = { 'secret.txt': '', 'bin/secret.txt': '', 'web/keep': '', 'web/secret': '', 'd/x': '', '#hash': '' }
    const context = await write({ ...project, ...logs, ...more, Dockerfile: `${from}COPY . /ctx\n` })
    await build(context)
    const long = `${'long/'.repeat(25)}näme (1)`
    const expected = [
      '.dockerignore',
      '.env.example',
      'bin/secret.txt',
      'bin/start',
      'empty-file',
      'keep.log',
      long,
      'packages/api/main.js',
      'web/keep',
    ]
    expect(await files()).toEqual(expected.toSorted())
  })

  obligation('a secret that is named is not found', async () => {
    const context = await write({
      ...project,
      '.dockerignore': '!.poststack/secrets.json\n',
      Dockerfile: `${from}COPY .poststack/secrets.json /ctx/\n`,
    })
    await expect(build(context)).rejects.toMatchObject({ code: 'BUILD_FAILED' })
  })

  const mounting = async () => {
    const mount = `RUN --mount=type=bind,target=/src mkdir /ctx && cp -a /src/. /ctx && echo ${prefix}\n`
    const context = await write({ ...project, '.dockerignore': 'bin\n', 'web/Dockerfile': from + mount })
    await build(context, 'web/Dockerfile')
    const found = await files()
    expect(found).toContain('packages/api/main.js')
    expect(found.filter((path) => /poststack|bin/.test(path))).toEqual([])
  }
  // Docker's old builder knows no mounts.
  if (builder !== 'docker') obligation('a step that mounts the context does not see them either', mounting)

  obligation('a Dockerfile in a folder of its own, or outside of the context, sees the context only', async () => {
    const dockerfile = `${from}COPY . /ctx\n`
    const context = await write({ ...project, 'containers/web/Dockerfile': dockerfile })
    await build(context, 'containers/web/Dockerfile')
    const inside = await files()
    expect(inside).toContain('containers/web/Dockerfile')
    expect(inside.join('\n')).not.toContain('.poststack')

    await writeFile(`${context}.dockerfile`, dockerfile)
    await build(context, `../${context.slice(root.length + 1)}.dockerfile`)
    expect(await files()).toEqual(inside)
  })

  obligation('what cannot be built leaves nothing behind', async () => {
    const context = await write({ ...project, Dockerfile: 'NONSENSE\n' })
    await truncate(join(context, 'empty-file'), 300_000_000)
    await expect(build(context)).rejects.toMatchObject({ code: 'BUILD_FAILED' })
    const left = (await readdir(tmpdir())).filter((entry) =>
      entry.startsWith(`poststack-build-${String(process.pid)}-`),
    )
    expect(left).toEqual([])
  })
})
