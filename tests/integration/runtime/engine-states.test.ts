/** States and mistakes that only container engines know. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect } from 'vitest'
import type { ContainerPlan, ContainerSpec } from '../../../src/plan/types.ts'
import { engineList } from '../../support/engine-lists.ts'
import { runtimesUnderTest } from '../../support/runtimes.ts'
import { underTest } from '../../support/under-test.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const options = { signal }
const engines = (await runtimesUnderTest()).filter(({ name }) => name === 'podman' || name === 'docker')

describe.each(engines)('$title', (tested) => {
  const on = underTest(tested)

  const make = async (service: string, spec: Partial<ContainerSpec> = {}, env = {}): Promise<ContainerPlan> => {
    const container = on.harness.plain(service, spec)
    await on.runtime.createContainer(container, env, options)
    return container
  }

  const start = async (service: string, spec: Partial<ContainerSpec> = {}, env = {}): Promise<ContainerPlan> => {
    const container = await make(service, spec, env)
    await on.runtime.startContainer(container, {}, options)
    return container
  }

  on.obligation('a paused container is seen as such, goes on when it is started, and can be stopped', [], async () => {
    const container = await start('paused')
    await run(tested.name, ['pause', container.name])
    expect(await on.runtime.inspect(container, options)).toMatchObject({ state: 'paused' })
    await on.runtime.startContainer(container, {}, options)
    expect(await on.runtime.inspect(container, options)).toMatchObject({ state: 'running' })
    await run(tested.name, ['pause', container.name])
    await on.runtime.stopContainer(container, 0, options)
    expect(await on.runtime.inspect(container, options)).toMatchObject({ state: 'exited' })
  })

  on.obligation('a container that its policy starts again and again is stopped for good', [], async () => {
    const container = await start('looping', { command: ['sh', '-c', 'sleep 0.2; exit 3'], restart: 'always' })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await on.runtime.stopContainer(container, 1, options)
    const stopped = await on.runtime.inspect(container, options)
    expect(stopped).toMatchObject({ state: 'exited' })
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(await on.runtime.inspect(container, options)).toEqual(stopped)
    await on.runtime.removeContainer(container, options)
  })

  on.obligation(
    'one that ignores the stop is killed after the grace time, and the call has waited for it',
    [],
    async () => {
      const container = await start('stubborn', {
        command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'],
        stopSignal: 'SIGTERM',
      })
      const begun = performance.now()
      await on.runtime.stopContainer(container, 1, options)
      expect(performance.now() - begun).toBeGreaterThan(900)
      expect(await on.runtime.inspect(container, options)).toMatchObject({ state: 'exited', exitCode: 137 })
    },
  )

  on.obligation('a line that is written in pieces is one line of the log, also among the last ones', [], async () => {
    const words = 'printf "one "; sleep 0.2; printf "two "; sleep 0.2; echo three; echo four'
    const container = await start('pieces', { command: ['sh', '-c', words] })
    const last = (lines: number) => on.runtime.logs(container, lines, options)
    await expect.poll(() => last(2)).toEqual(['one two three', 'four'])
    expect([await last(500), await last(1), await last(0)]).toEqual([['one two three', 'four'], ['four'], []])
    await on.runtime.removeContainer(container, options)
  })

  on.obligation('a program that is not in the image fails the start, in words of the engine', [], async () => {
    const container = await make('wrong', { command: ['no-such-program'] })
    await expect(on.runtime.startContainer(container, {}, options)).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringMatching(/did not start.*no-such-program/s),
    })
    await on.runtime.removeContainer(container, options)
  })

  on.obligation('a job has its own exit code', [], async () => {
    const container = await start('job', { command: ['sh', '-c', 'echo out; echo err >&2; exit 5'] })
    await expect.poll(async () => (await on.runtime.inspect(container, options))?.exitCode).toBe(5)
    const { stack, project } = on.harness
    const scope = { stack, project, containerNames: [], volumeNames: [], networkNames: [], imageRefs: [] }
    const found = (await on.runtime.observe(scope, options)).containers.find((one) => one.name === container.name)
    expect(found).toMatchObject({ state: 'exited', exitCode: 5 })
    expect((await on.runtime.logs(container, 10, options)).toSorted()).toEqual(['err', 'out'])
  })

  on.obligation('values of the environment arrive as they are', [], async () => {
    const env = { LINES: 'one\ntwo', QUOTES: `"'\\ $HOME %s`, EMPTY: '', ÜMLAUT: 'ü=ö' }
    const container = await start('env', {}, env)
    const { output } = await on.runtime.exec(container, ['env', '-0'], options)
    const seen = Object.fromEntries(
      output.split('\0').map((pair) => [pair.split('=')[0], pair.slice(pair.indexOf('=') + 1)]),
    )
    expect(seen).toMatchObject(env)
  })

  on.obligation('workdir, user, entrypoint and read-only mounts are as declared', [], async () => {
    const container = await start('settings', {
      entrypoint: ['sh', '-c'],
      command: ['sleep 1000'],
      workdir: '/usr/share',
      user: '65534:65534',
      shmBytes: 8 * 1024 * 1024,
      mounts: [{ kind: 'bind', source: '/etc', target: '/host-etc', readOnly: true }],
    })
    const shell = (text: string) => on.runtime.exec(container, ['sh', '-c', text], options)
    expect((await shell('pwd; id -u; id -g; df -k --output=size /dev/shm | tail -1 | tr -d " "')).output).toBe(
      '/usr/share\n65534\n65534\n8192\n',
    )
    expect((await shell('test -e /host-etc/hostname && touch /host-etc/x')).output).toMatch(/read-only/i)
  })

  on.obligation('a bind whose source is missing is refused, and no folder is made for it', [], async () => {
    const source = `/tmp/${on.harness.prefix}nowhere`
    const mounts = [{ kind: 'bind', source, target: '/data' }] as const
    const failing = start('unbound', { mounts })
    await expect(failing).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      message: expect.stringMatching(new RegExp(`was not made: there is no ${source} to mount\\.$`)),
      hint: expect.stringContaining('Make the file or folder'),
    })
    await expect(run('stat', [source])).rejects.toThrow('No such file')
  })

  on.obligation('removing a container takes its anonymous volumes and keeps the named ones', [], async () => {
    const volumes = () => engineList(tested.name, ['volume', 'ls', '-q'])
    const named = `${on.harness.prefix}named`
    const anonymous = `${on.harness.prefix}anonymous`
    await run(tested.name, [
      'create',
      '--pull=never',
      '--name',
      anonymous,
      '-v',
      '/anonymous',
      '-v',
      `${named}:/named`,
      'docker.io/library/debian:trixie-slim',
    ])
    const { stdout } = await run(tested.name, ['inspect', '--format', '{{range .Mounts}}{{.Name}} {{end}}', anonymous])
    const unnamed =
      stdout
        .trim()
        .split(' ')
        .find((volume) => volume !== named) ?? ''
    expect(await volumes()).toEqual(expect.arrayContaining([named, unnamed]))
    await on.runtime.removeContainer({ name: anonymous }, options)
    expect(await volumes()).toContain(named)
    expect(await volumes()).not.toContain(unnamed)
  })

  on.obligation('a look never fails because others come and go meanwhile', [], async () => {
    const { stack, project, prefix } = on.harness
    const names = [1, 2, 3, 4].map((n) => `busy-${String(n)}`)
    const scope = {
      stack,
      project,
      containerNames: names.map((one) => prefix + one),
      volumeNames: [`${prefix}come-and-go`],
      networkNames: [],
      imageRefs: [],
    }
    const end = new AbortController()
    const churn = names.map(async (one) => {
      while (!end.signal.aborted) await on.runtime.removeContainer(await make(one), options)
    })
    const volume = (async () => {
      while (!end.signal.aborted) {
        await on.runtime.createVolume(`${prefix}come-and-go`, on.harness.labels, options)
        await on.runtime.removeVolume({ name: `${prefix}come-and-go` }, options)
      }
    })()
    const until = performance.now() + 3_000
    let looks = 0
    // A busy machine looks more slowly, not less often.
    for (; performance.now() < until || looks < 11; looks += 1) await on.runtime.observe(scope, options)
    end.abort()
    await Promise.all([...churn, volume])
  })

  on.obligation('four containers start at once', [], async () => {
    const containers = await Promise.all(['a', 'b', 'c', 'd'].map((one) => start(`parallel-${one}`)))
    const found = await Promise.all(containers.map((container) => on.runtime.inspect(container, options)))
    expect(found.map((container) => container?.state)).toEqual(['running', 'running', 'running', 'running'])
  })
})
