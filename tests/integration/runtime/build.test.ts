/** Builds and pulls with every builder of this machine: podman, Docker's old builder, and BuildKit. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { label } from '../../../src/plan/labels.ts'
import { createContainerRuntime } from '../../../src/runtime/container/container.ts'
import type { BuildRequest, Runtime } from '../../../src/runtime/runtime.ts'
import { buildLeftovers } from '../../support/leftovers.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const missing = new Map((await runtimesUnderTest()).map((one) => [one.name as string, one.missing]))
const prefix = `ps-build-${String(process.pid)}`

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

describe.each(builders)('$builder', ({ builder, name, env, lacking }) => {
  let runtime: Runtime
  let folder: string
  const base = `${prefix}-${builder}/base`
  const web = `${prefix}-${builder}/web`

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'poststack-build-'))
    if (lacking === undefined) runtime = await createContainerRuntime({ name, env, signal })
  })

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    if (lacking !== undefined) return
    await run(name, ['rmi', '-f', `${web}:latest`, `${base}:latest`]).catch(() => {})
    await runtime.close()
  })

  async function request(
    ref: string,
    dockerfile: string,
    build: Partial<BuildRequest['build']> = {},
  ): Promise<BuildRequest> {
    const context = join(folder, ref.replaceAll('/', '-'))
    await mkdir(context, { recursive: true })
    await writeFile(join(context, 'Dockerfile'), dockerfile)
    await writeFile(join(context, 'greeting'), 'hello\n')
    return {
      ref,
      aliases: [],
      build: { context, dockerfile: join(context, 'Dockerfile'), args: {}, target: undefined, ...build },
      labels: { [label.fingerprint]: `fingerprint of ${ref}` },
    }
  }

  const build = async (wanted: BuildRequest): Promise<readonly string[]> => {
    const lines: string[] = []
    await runtime.buildImage(wanted, { signal, onLine: (line) => lines.push(line) })
    return lines
  }

  const obligation = (text: string, body: () => Promise<void>) => {
    test.skipIf(lacking !== undefined)(`${builder}: ${text}`, body)
  }

  obligation('an image is built under the name that was asked for, on top of one that was built here', async () => {
    await build(await request(base, 'FROM docker.io/library/debian:trixie-slim\nCOPY greeting /greeting\n'))
    const dockerfile = [
      `FROM ${base}:latest AS first`,
      'ARG NAME=nobody',
      'RUN echo "$NAME" > /name',
      'HEALTHCHECK CMD true',
      'FROM first AS second',
      'RUN false',
    ].join('\n')
    const lines = await build(await request(web, dockerfile, { args: { NAME: 'an argument' }, target: 'first' }))
    expect(lines.length).toBeGreaterThan(2)
    // podman 4 does not tell it of images.
    const healthcheck = (has: boolean): object => (builder === 'podman' ? {} : { hasHealthcheck: has })
    const scope = { stack: prefix, project: 'none', containerNames: [], volumeNames: [], networkNames: [] }
    const { images } = await runtime.observe({ ...scope, imageRefs: [web, base, `${base}:other`] }, { signal })
    expect(images).toEqual([
      {
        ref: base,
        id: expect.stringMatching(/^sha256:/),
        fingerprint: `fingerprint of ${base}`,
        platform: expect.stringMatching(/^linux\//),
        ...healthcheck(false),
      },
      {
        ref: web,
        id: expect.stringMatching(/^sha256:/),
        fingerprint: `fingerprint of ${web}`,
        platform: expect.stringMatching(/^linux\//),
        ...healthcheck(true),
      },
    ])
    const container = {
      name: `${prefix}-${builder}-run`,
      service: 'web',
      spec: { image: web, command: ['sleep', '100'], stopSignal: 'SIGKILL' },
      volumes: {},
      network: undefined,
      aliases: [],
      labels: {},
    }
    await runtime.createContainer(container, {}, { signal })
    try {
      await runtime.startContainer(container, {}, { signal })
      const { output } = await runtime.exec(container, ['cat', '/greeting', '/name'], { signal })
      expect(output).toBe('hello\nan argument\n')
    } finally {
      await runtime.stopContainer(container, 0, { signal })
      await runtime.removeContainer(container, { signal })
    }
  })

  obligation('a failing build says which step, and what the step said', async () => {
    const dockerfile = 'FROM docker.io/library/debian:trixie-slim\nRUN echo the reason is here && exit 7\n'
    const failure = build(await request(web, dockerfile))
    await expect(failure).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringContaining('RUN echo the reason is here'),
      details: { image: web, step: 'RUN echo the reason is here && exit 7' },
    })
    const { details } = (await failure.catch((error: unknown) => error)) as { details: { output: string[] } }
    expect(details.output.join('\n')).toContain('the reason is here')
  })

  obligation('a base that is neither here nor in a registry fails the build and is named', async () => {
    const failure = build(await request(web, `FROM ${prefix}-none/such:latest\n`))
    await expect(failure).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringContaining(`${prefix}-none/such`),
    })
  })

  obligation('a secret is there while the image is built, and not in what is said', async () => {
    const dockerfile = [
      'FROM docker.io/library/debian:trixie-slim',
      'RUN --mount=type=secret,id=token sha256sum < /run/secrets/token > /digest',
    ].join('\n')
    const wanted = { ...(await request(web, dockerfile, { cache: false })), secrets: { token: 'hunter22' } }
    if (builder === 'docker') {
      await expect(build(wanted)).rejects.toMatchObject({
        code: 'RUNTIME_MISSING',
        message: expect.stringMatching(/needs BuildKit for its secrets \(token\)/),
        hint: expect.stringContaining('DOCKER_BUILDKIT=1'),
      })
      return
    }
    const lines = await build(wanted)
    expect(lines.join('\n')).not.toContain('hunter22')
    const digest = createHash('sha256').update('hunter22').digest('hex')
    const { stdout } = await run(name, ['run', '--rm', `${web}:latest`, 'cat', '/digest'], { env })
    expect(stdout).toContain(digest)
  })

  obligation('a missing Dockerfile or context is found before anything starts', async () => {
    const { build: there, ...rest } = await request(web, 'FROM scratch\n')
    const wrong = { ...rest, build: { ...there, dockerfile: join(folder, 'Nofile'), context: join(folder, 'nowhere') } }
    await expect(build(wrong)).rejects.toMatchObject({
      code: 'BUILD_CONTEXT_INVALID',
      message: expect.stringMatching(/nowhere is not a folder.*no Dockerfile at .*Nofile/),
    })
  })

  obligation('a build is cut off by its signal', async () => {
    const controller = new AbortController()
    const wanted = await request(web, 'FROM docker.io/library/debian:trixie-slim\nRUN sleep 60\n')
    const building = runtime.buildImage(wanted, {
      signal: controller.signal,
      onLine: (line) => {
        if (line.includes('sleep 60')) controller.abort()
      },
    })
    const begun = performance.now()
    await expect(building).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(performance.now() - begun).toBeLessThan(20_000)
    if (builder === 'podman') expect(await buildLeftovers(wanted.build)).toEqual([])
  })

  obligation('a registry that cannot be reached fails the pull soon, with the cause', async () => {
    const ref = '127.0.0.1:9/nobody/nothing:1'
    await expect(runtime.pullImage(ref, { signal, onLine: () => {} })).rejects.toMatchObject({
      code: 'PULL_FAILED',
      message: expect.stringContaining('connection refused'),
      hint: expect.stringContaining('network'),
    })
  })

  obligation('what was built here is never looked for in a registry', async () => {
    await expect(runtime.pullImage(web, { signal, onLine: () => {} })).rejects.toMatchObject({
      code: 'PULL_FAILED',
      message: expect.stringContaining('no registry'),
    })
  })
})

test.skipIf(missing.get('docker') !== undefined)('without the program everything but builds works', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'poststack-noprogram-'))
  const env = { DOCKER_HOST: process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock', PATH: folder }
  const runtime = await createContainerRuntime({ name: 'docker', env, signal })
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\n')
  const build = { context: folder, dockerfile: join(folder, 'Dockerfile'), args: {}, target: undefined }
  await expect(
    runtime.buildImage({ ref: `${prefix}/none`, aliases: [], build, labels: {} }, { signal, onLine: () => {} }),
  ).rejects.toMatchObject({ code: 'RUNTIME_MISSING', message: expect.stringContaining('"docker"') })
  await runtime.close()
  await rm(folder, { recursive: true })
})
