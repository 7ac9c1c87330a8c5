/**
 * What every runtime must do for a person who works with containers: show their output, run commands in them, tidy up their images.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished } from 'vitest'
import { label } from '../../src/plan/labels.ts'
import type { ContainerPlan } from '../../src/plan/types.ts'
import type { AttachRequest, LogLine, LogsRequest } from '../../src/runtime/runtime.ts'
import { ready } from '../support/postgres-case.ts'
import { runtimesUnderTest } from '../support/runtimes.ts'
import { underTest } from '../support/under-test.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const options = { signal }

describe.each(await runtimesUnderTest())('$title', (tested) => {
  const on = underTest(tested)

  const startPlain = async (service: string, script?: string): Promise<ContainerPlan> => {
    const plan = on.harness.plain(service, script === undefined ? {} : { command: ['sh', '-c', script] })
    await on.runtime.createContainer(plan, {}, options)
    await on.runtime.startContainer({ name: plan.name }, {}, options)
    return plan
  }

  const read = async (container: string, request: Partial<LogsRequest> = {}): Promise<readonly LogLine[]> => {
    const lines: LogLine[] = []
    const all = { tail: undefined, since: undefined, follow: false, onLine: (line: LogLine) => void lines.push(line) }
    await on.runtime.readLogs({ name: container }, { ...all, ...request }, options)
    return lines
  }

  const attach = async (container: string, request: Partial<AttachRequest>) => {
    const target = { name: container }
    const { program, args, env } = await on.runtime.attach(
      target,
      { command: ['true'], env: {}, terminal: false, ...request },
      options,
    )
    const environment = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
    const ended = run(program, args, { env: environment })
    return ended.then(
      ({ stdout }) => ({ code: 0, stdout, args }),
      ({ code, stdout }: { readonly code: number; readonly stdout: string }) => ({ code, stdout, args }),
    )
  }

  on.obligation('a server shows what it said, the last lines only, and from a time on', [], async () => {
    const made = await on.harness.postgres('talking')
    const labels = { ...on.harness.labels, [label.volume]: 'talking-data' }
    await on.runtime.createVolume(made.volume, labels, options)
    await on.runtime.createContainer(made.container, made.env, options)
    await on.runtime.startContainer({ name: made.container.name }, made.files, options)
    if (on.harness.real) await ready(made)
    const all = await read(made.container.name)
    expect(all.length).toBeGreaterThan(0)
    expect(await read(made.container.name, { tail: 1 })).toHaveLength(1)
    expect(await read(made.container.name, { tail: 0 })).toEqual([])
    if (!on.harness.real) return
    expect(all.some(({ text }) => text.includes('database system is ready to accept connections'))).toBe(true)
    const times = all.flatMap(({ time }) => (time === undefined ? [] : [Date.parse(time)]))
    expect(times.every((time) => Math.abs(Date.now() - time) < 120_000)).toBe(true)
    expect(await read(made.container.name, { since: new Date(Date.now() + 60_000) })).toEqual([])
    expect(await read(made.container.name, { since: new Date(Date.now() - 120_000) })).toEqual(all)
    // Until it ends, and not longer.
    const heard: string[] = []
    const onLine = ({ text }: LogLine) => void heard.push(text)
    const followed = read(made.container.name, { follow: true, tail: 1, onLine })
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1)
    await on.runtime.stopContainer({ name: made.container.name }, 20, options)
    await followed
    expect(heard.some((text) => text.includes('database system is shut down'))).toBe(true)
  })

  on.obligation(
    'streams are told apart, and what is followed comes as it is said',
    ['containers', 'real'],
    async () => {
      const { name: container } = await startPlain('streams', 'echo out; echo err >&2; sleep 2; echo late')
      const heard: LogLine[] = []
      const began = Date.now()
      await read(container, { follow: true, onLine: (line) => void heard.push(line) })
      expect(Date.now() - began).toBeGreaterThan(1000)
      const said = heard.map(({ stream, text }) => `${stream} ${text}`)
      expect(said.toSorted()).toEqual(['stderr err', 'stdout late', 'stdout out'])
      expect(said.at(-1)).toBe('stdout late')
      const stop = new AbortController()
      const silent = await startPlain('silent', 'exec sleep 1000')
      const following = on.runtime.readLogs(
        { name: silent.name },
        { tail: undefined, since: undefined, follow: true, onLine: () => undefined },
        { signal: stop.signal },
      )
      setTimeout(() => {
        stop.abort()
      }, 300)
      await expect(following).rejects.toMatchObject({ code: 'INTERRUPTED' })
    },
  )

  on.obligation('a command runs in the container, with its own exit code and variables', ['containers'], async () => {
    const { name: container } = await startPlain('commands')
    expect(await attach(container, { command: ['echo', 'one two'] })).toMatchObject({ code: 0, stdout: 'one two\n' })
    expect((await attach(container, { command: ['false'] })).code).toBe(1)
    const secret = await attach(container, { command: ['printenv', 'PASS'], env: { PASS: 'a secret word' } })
    expect(secret).toMatchObject({ code: 0, stdout: 'a secret word\n' })
    if (on.harness.real) expect(secret.args.join(' ')).not.toContain('a secret word')
    await on.runtime.stopContainer({ name: container }, 1, options)
    await expect(attach(container, {})).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  })

  on.obligation('what is not there cannot be read or entered', [], async () => {
    const nobody = `${on.harness.prefix}nobody`
    await expect(read(nobody)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
    await expect(attach(nobody, {})).rejects.toMatchObject({ code: 'ENGINE_REFUSED' })
  })

  on.obligation(
    "a stack's images are listed by their labels, and lose one name at a time",
    ['containers'],
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'poststack-images-'))
      onTestFinished(() => rm(folder, { recursive: true, force: true }))
      await writeFile(join(folder, 'Dockerfile'), 'FROM docker.io/library/debian:trixie-slim\nENV MADE=here\n')
      const [ref, alias] = [`${on.harness.prefix}images/web:1`, `${on.harness.prefix}images/web:latest`]
      const build = { context: folder, dockerfile: join(folder, 'Dockerfile'), args: {}, target: undefined }
      const request = { ref, aliases: [alias], build, labels: on.harness.labels, noCache: true }
      const quiet = { ...options, onLine: () => undefined }
      const owned = () => on.runtime.builtImages({ stack: on.harness.stack, project: on.harness.project }, options)
      await on.runtime.buildImage(request, quiet)
      const [image, ...others] = await owned()
      expect(others).toEqual([])
      expect(image).toMatchObject({ refs: [ref, alias], usedBy: [] })
      expect(await on.runtime.builtImages({ stack: on.harness.stack, project: 'another' }, options)).toEqual([])

      const plan = on.harness.plain('user', { image: ref })
      await on.runtime.createContainer(plan, {}, options)
      const user = await on.runtime.inspect({ name: plan.name }, options)
      expect((await owned())[0]?.usedBy).toEqual([user?.id])
      await on.runtime.removeContainer({ name: plan.name }, options)

      await on.runtime.removeImage({ name: alias }, options)
      expect((await owned())[0]?.refs).toEqual([ref])
      await on.runtime.removeImage({ name: ref }, options)
      await on.runtime.removeImage({ name: ref }, options)
      expect(await owned()).toEqual([])
    },
  )
})
