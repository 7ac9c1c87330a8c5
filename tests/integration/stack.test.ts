import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'

import { pause } from '../../src/abort.ts'
import type { Config } from '../../src/config/types.ts'
import type { PoststackError } from '../../src/errors.ts'
import type { Emit } from '../../src/events.ts'
import type { BuildRequest, Runtime } from '../../src/runtime/runtime.ts'
import { createBuilds } from '../../src/stack/builds.ts'
import type { Opened } from '../../src/stack/opened.ts'
import { readLogs } from '../../src/stack/logs.ts'
import { runCommand } from '../../src/stack/scripts.ts'
import { createMemoryRuntime } from '../support/memory-runtime.ts'
import { containerService, desiredOf, memoryStack, stackConfig } from '../support/memory-stack.ts'

async function project(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'poststack-stack-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return root
}

interface Opening {
  readonly literals?: Readonly<Record<string, string>>
  readonly emit?: Emit
}

function opened(config: Config, { literals = {}, emit = () => undefined }: Opening = {}): Opened {
  return {
    parsed: { config, literals, fileProblem: () => undefined, looked: [] },
    env: { PATH: process.env['PATH'] },
    runtime: 'auto',
    grants: { cwd: config.root, permissions: {}, trusted: true },
    emit,
    signal: new AbortController().signal,
  }
}

test('a build without a run gets its secrets, and none of them reaches what is told or kept', async () => {
  const root = await project()
  const dockerfile = join(root, 'web.dockerfile')
  await writeFile(dockerfile, 'FROM debian\n')
  const token = { kind: 'secret', name: 'web.build.token', encoding: 'plain' } as const
  const build = { context: root, dockerfile, args: {}, target: undefined, secrets: { token } }
  const config = stackConfig([containerService({ name: 'web', image: undefined, build })], {
    root,
    logs: { folder: join(root, 'logs') } as NonNullable<Config['logs']>,
  })
  const memory = createMemoryRuntime()
  const requests: BuildRequest[] = []
  const runtime: Runtime = {
    ...memory,
    buildImage(request, output) {
      requests.push(request)
      output.onLine('fetched with hunter2-hunter2')
      return memory.buildImage(request, output)
    },
  }
  const said: string[] = []
  const stack = opened(config, {
    literals: { 'web.build.token': 'hunter2-hunter2' },
    emit: (event) => void said.push(JSON.stringify(event)),
  })
  const outcome = await createBuilds((_options, body) => body(stack, runtime)).buildProject()
  expect(outcome).toMatchObject({ ok: true })
  expect(requests).toMatchObject([{ secrets: { token: 'hunter2-hunter2' } }])
  const folder = join(root, 'logs', 'containers')
  const logs = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')))
  for (const text of [said.join('\n'), logs.join('\n')]) {
    expect(text).toContain('fetched with ***')
    expect(text).not.toContain('hunter2')
  }
})

test('a command of a hook that is killed, or not there, is a hook that failed, and no secret is told of it', async () => {
  const root = await project()
  const stack = opened(stackConfig([], { root }), { literals: { 'web.env.KEY': 'hunter2-hunter2' } })
  const lines: string[] = []
  const run = async (...command: readonly string[]): Promise<unknown> =>
    runCommand(stack, () => Promise.reject(new Error('a stack without servers asks no engine')), {
      command,
      signal: stack.signal,
      onLine: (line) => void lines.push(line),
    }).catch((error: unknown) => error)
  const killed = await run('sh', '-c', 'echo "with hunter2-hunter2"; kill -9 $$')
  expect(killed).toMatchObject({
    code: 'SCRIPT_FAILED',
    message: expect.stringMatching(/was ended by SIGKILL: with \*\*\*$/),
    details: { output: ['with ***'] },
  })
  const { message, details } = killed as PoststackError
  expect(JSON.stringify([message, details, lines])).not.toContain('hunter2')
  expect(await run('no-such-program')).toMatchObject({ code: 'SCRIPT_FAILED', details: { program: 'no-such-program' } })
})

test('when one log cannot be read, the others are not followed any longer', async () => {
  const config = stackConfig([containerService({ name: 'a' }), containerService({ name: 'b' })])
  const memory = createMemoryRuntime()
  const stack = memoryStack(memory)
  await stack.up(desiredOf(config))
  let stopped = false
  const runtime: Runtime = {
    ...memory,
    readLogs: async ({ name }, _request, { signal }) => {
      if (name.endsWith('-a')) throw new Error('broken')
      await pause(60_000, signal).catch((error: unknown) => {
        stopped = true
        throw error
      })
    },
  }
  await expect(readLogs(opened(config), runtime, { follow: true, onLine: () => undefined })).rejects.toThrow('broken')
  await vi.waitFor(() => expect(stopped).toBe(true))
})

test('a followed service that comes and goes between two looks has said all that it said', async () => {
  const config = stackConfig([containerService({ name: 'a' })])
  const memory = createMemoryRuntime()
  const stack = memoryStack(memory)
  await stack.up(desiredOf(config))
  const [container] = memory.world.containers.values()
  if (container === undefined) throw new Error('no container')
  const said: string[] = []
  const runtime: Runtime = {
    ...memory,
    readLogs: async (_target, { follow, onLine }) => {
      container.state = 'exited'
      onLine({ stream: 'stdout', text: follow ? 'first' : 'between', time: follow ? '1' : '2' })
    },
  }
  const onLine = ({ text }: { readonly text: string }): void => void said.push(text)
  await readLogs(opened(config), runtime, { follow: true, onLine })
  expect(said).toEqual(['first', 'between'])
})
