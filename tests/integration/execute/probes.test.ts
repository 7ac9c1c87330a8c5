import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ErrorCode, PoststackError } from '../../../src/errors.ts'
import { probeOnce, waitFor } from '../../../src/execute/probes.ts'
import type { WaitContext } from '../../../src/execute/probes.ts'
import type { Probe } from '../../../src/plan/types.ts'
import { createMemoryRuntime, type MemoryRuntime } from '../../support/memory-runtime.ts'
import { context, failureOf, runtimeWith, target } from '../../support/waiting.ts'

const servers: Server[] = []
const connection = { host: '127.0.0.1', port: 5432, user: 'shop', database: 'shop', password: undefined }
const postgres: Probe = { kind: 'postgres', connection }

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** An error as a person meets it; times differ from run to run. */
function told(error: PoststackError): string {
  return `${error.code}: ${error.message}\n${error.hint}`.replaceAll(/\d+\.\d s/g, '<n> s')
}

function rejecting(code: ErrorCode, reason: string): WaitContext['probeDatabase'] {
  return () => Promise.resolve({ ready: false, code, reason })
}

async function listen(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function http(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Probe> {
  const port = await listen(createHttpServer(answer))
  return { kind: 'http', hostAddress: '0.0.0.0', port, path: '/health' }
}

async function closedPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}

describe('one attempt', () => {
  test.each([
    [200, undefined, true],
    [302, undefined, true],
    [404, undefined, false],
    [404, 404, true],
    [200, 204, false],
  ])('status %i with %s asked for', async (given, status, ready) => {
    let asked = 0
    const probe = await http((request, response) => {
      asked += 1
      expect(request.url).toBe('/health')
      response.writeHead(given, { location: '/elsewhere' }).end('x'.repeat(1_000_000))
    })
    const wanted = status === undefined ? probe : { ...probe, status }
    const answer = await probeOnce(wanted, context())
    expect(answer).toEqual(ready ? { ready } : { ready, reason: `it answered with status ${given}` })
    expect(asked).toBe(1)
  })

  test('a server that takes the request and says nothing must count as not ready after 2 s', async () => {
    const before = performance.now()
    const probe = await http(() => undefined)
    expect(await probeOnce(probe, context())).toEqual({ ready: false, reason: 'no answer within 2 s' })
    expect(performance.now() - before).toBeLessThan(3000)
  })

  test('tcp must tell an open port from a closed one', async () => {
    const port = await listen(createServer())
    expect(await probeOnce({ kind: 'tcp', hostAddress: '0.0.0.0', port }, context())).toEqual({ ready: true })
    const closed = { kind: 'tcp', hostAddress: '127.0.0.1', port: await closedPort() } as const
    expect(await probeOnce(closed, context())).toEqual({ ready: false, reason: 'connection refused' })
  })

  test.each([
    ['ends', false, (socket: Socket) => socket.end()],
    ['resets', false, (socket: Socket) => socket.resetAndDestroy()],
    ['greets and ends', true, (socket: Socket) => socket.end('220 ready')],
    ['greets', true, (socket: Socket) => socket.write('220 ready')],
  ])('tcp: a server that %s at once is ready: %s', async (_does, ready, meet) => {
    const port = await listen(createServer((socket) => void meet(socket.on('error', () => undefined))))
    const answer = await probeOnce({ kind: 'tcp', hostAddress: '127.0.0.1', port }, context())
    const reason: unknown = expect.stringMatching(/^the connection was closed (?:at once|without an answer)$/)
    expect(answer).toEqual(ready ? { ready } : { ready, reason })
  })

  test('exec must go by the exit code, and say the last line', async () => {
    expect(await probeOnce({ kind: 'exec', command: ['true'] }, context())).toEqual({ ready: true })
    expect(await probeOnce({ kind: 'exec', command: ['nope'] }, context())).toEqual({
      ready: false,
      reason: 'the check ended with exit code 127: nope: not found',
    })
  })

  test('exec in a container that does not run must be an answer, an engine that is gone an error', async () => {
    const { runtime } = runtimeWith({ state: 'exited' })
    const probe: Probe = { kind: 'exec', command: ['true'] }
    expect(await probeOnce(probe, context({ runtime }))).toMatchObject({ ready: false })
    runtime.failCall(1)
    await expect(probeOnce(probe, context({ runtime }))).rejects.toMatchObject({ code: 'RUNTIME_UNREACHABLE' })
  })
})

describe('waiting', () => {
  test('must end when the service gets ready, and tell each new reason once', async () => {
    let status = 503
    const probe = await http((_request, response) => response.writeHead(status).end())
    setTimeout(() => (status = 200), 700)
    const said: string[] = []
    await waitFor(probe, context({ onProgress: (text) => said.push(text) }))
    expect(said).toEqual(['it answered with status 503'])
  })

  test.each([30, 350])(
    'a container that only has to run must go on for half a second: %i ms are not enough',
    async (ms) => {
      const { runtime, container } = runtimeWith({})
      const before = performance.now()
      await waitFor({ kind: 'running' }, context({ runtime }))
      expect(performance.now() - before).toBeGreaterThanOrEqual(500)
      setTimeout(() => runtime.kill(container.name, 127), ms)
      expect(told(await failureOf({ kind: 'running' }, { runtime }))).toBe(
        'NOT_READY: Service web ended with exit code 127 after <n> s, before it was ready.\n' +
          'The command does not exist in the image: check `command` and `entrypoint` for spelling, and the PATH of the image.',
      )
    },
  )

  test('a container that is seen late must have its time all the same, once', async () => {
    const { runtime, container } = runtimeWith({})
    const slow: MemoryRuntime = {
      ...runtime,
      inspect: async (...args) => {
        await new Promise((resolve) => setTimeout(resolve, 250))
        return await runtime.inspect(...args)
      },
    }
    await waitFor({ kind: 'running' }, context({ runtime: slow, timeoutMs: 200 }))
    runtime.kill(container.name, 3)
    expect(await failureOf({ kind: 'running' }, { runtime: slow, timeoutMs: 200 })).toMatchObject({
      message: expect.stringContaining('ended with exit code 3'),
    })
  })

  test('a container with nothing declared must be ready only when the health check of its image succeeds', async () => {
    const { runtime } = runtimeWith({ logs: ['serving'] })
    const command = ['/bin/sh', '-c', 'test -e /well']
    let asked = 0
    const checked: MemoryRuntime = {
      ...runtime,
      inspect: async (...args) => {
        const found = await runtime.inspect(...args)
        return found === undefined ? undefined : { ...found, healthcheck: command }
      },
      exec: (_, words) => {
        expect(words).toEqual(command)
        asked += 1
        return Promise.resolve({ exitCode: asked > 8 ? 0 : 1, output: 'not well\n' })
      },
    }
    const running: Probe = { kind: 'running' }
    expect(await probeOnce(running, context({ runtime: checked }))).toEqual({
      ready: false,
      reason: 'the health check of its image fails: the check ended with exit code 1: not well',
    })
    expect(told(await failureOf(running, { runtime: checked, timeoutMs: 600 }))).toMatchInlineSnapshot(`
      "NOT_READY: Service web is not ready after <n> s. Waited for \`/bin/sh -c test -e /well\` in its container to succeed; at last: the health check of its image fails: the check ended with exit code 1: not well.
      Run the check yourself: poststack container exec web -- /bin/sh -c 'test -e /well'. Mend the HEALTHCHECK of the image, or declare a \`ready\` or \`healthcheck\` of the service, which counts instead. If it only needs longer, raise readyTimeoutSeconds."
    `)
    await waitFor(running, context({ runtime: checked }))
    expect(asked).toBe(9)
    // What is declared counts instead.
    await waitFor({ kind: 'log', pattern: 'serving' }, context({ runtime: checked }))
    expect(asked).toBe(9)
  })

  test('must end when it is told to stop, with the reason of the stop', async () => {
    const stop = new AbortController()
    const probe = await http(() => undefined)
    setTimeout(() => stop.abort(), 200)
    const before = performance.now()
    expect(await failureOf(probe, { signal: stop.signal })).toMatchObject({ code: 'INTERRUPTED' })
    expect(performance.now() - before).toBeLessThan(1000)
  })

  test('a probe that hangs must not hold the deadline up', async () => {
    const before = performance.now()
    const probe = await http(() => undefined)
    // Of one that has said nothing, last words are waited for.
    const { runtime } = runtimeWith({ logs: ['starting'] })
    expect(await failureOf(probe, { timeoutMs: 500, runtime })).toMatchObject({ code: 'NOT_READY' })
    expect(performance.now() - before).toBeLessThan(1200)
  })

  test('a job must be done only with exit code 0', async () => {
    const { runtime } = runtimeWith({ logs: ['seeding'] })
    setTimeout(() => runtime.kill(target.name, 0), 150)
    await expect(waitFor({ kind: 'completed' }, context({ runtime }))).resolves.toBeUndefined()
  })

  test('a database that is down needs no container, and is asked again', async () => {
    let asked = 0
    const probeDatabase: WaitContext['probeDatabase'] = () => {
      asked += 1
      return Promise.resolve(
        asked < 3 ? { ready: false, code: 'DATABASE_UNREACHABLE', reason: 'starting up' } : { ready: true },
      )
    }
    await waitFor(postgres, context({ target: undefined, probeDatabase }))
    expect(asked).toBe(3)
  })
})

describe('what a person reads', () => {
  test('at the deadline', async () => {
    const probe: Probe = { kind: 'http', hostAddress: '0.0.0.0', port: await closedPort(), path: '/health' }
    const { runtime } = runtimeWith({ logs: Array.from({ length: 30 }, (_, line) => `line ${line}`) })
    const error = await failureOf(probe, { timeoutMs: 300, runtime })
    expect(told(error).replace(String(probe.port), '8080')).toMatchInlineSnapshot(`
      "NOT_READY: Service web is not ready after <n> s. Waited for http://127.0.0.1:8080/health to answer with status 200 to 399; at last: connection refused.
      Check its output, and that it listens on all addresses (0.0.0.0) at the declared port of the container. If it only needs longer, raise readyTimeoutSeconds."
    `)
    expect(error.details).toMatchObject({ lastProbe: 'connection refused', state: 'running', service: 'web' })
    expect((error.details as { logs: string[] }).logs).toEqual(Array.from({ length: 20 }, (_, n) => `line ${n + 10}`))
  })

  test('at the deadline, when it answers something else', async () => {
    const probe = await http((_request, response) => response.writeHead(500).end())
    const { hint } = await failureOf(probe, { timeoutMs: 200, runtime: runtimeWith({ logs: ['oops'] }).runtime })
    expect(hint).toBe(
      'It listens, and refuses what it is asked. Its output says why (poststack container logs web); if that answer is right, ' +
        'mend `ready` of the service: its path, `status` or `body`. If it only needs longer, raise readyTimeoutSeconds.',
    )
  })

  test('at the deadline, where the engine is on another machine', async () => {
    const probe: Probe = { kind: 'tcp', hostAddress: '127.0.0.1', port: await closedPort() }
    const runtime = { ...runtimeWith({}).runtime, remoteHost: 'build.example' }
    const { hint } = await failureOf(probe, { timeoutMs: 200, runtime })
    expect(hint?.replaceAll(String(probe.port), '8080')).toBe(
      'The engine is on build.example: its ports are open on that machine, and not on this one. ' +
        'Forward them (ssh -L 8080:127.0.0.1:8080 build.example), or run Poststack there.',
    )
  })

  test('when it crashed for a known reason', async () => {
    const logs = ['exec /server: exec format error']
    const { runtime } = runtimeWith({ state: 'exited', exitCode: 255, logs })
    const error = await failureOf(postgres, { runtime })
    expect(told(error)).toMatchInlineSnapshot(`
      "NOT_READY: Service web ended with exit code 255 after <n> s, before it was ready.
      The program is built for another processor architecture, or is a script without a \`#!\` line. Use an image of this machine's architecture."
    `)
    expect(error.details).toMatchObject({ state: 'exited', exitCode: 255, logs })
  })

  test('when it crashed for a reason of its own', async () => {
    const { runtime } = runtimeWith({ state: 'exited', exitCode: 1, logs: ['TypeError: x is undefined'] })
    expect(told(await failureOf(postgres, { runtime }))).toMatchInlineSnapshot(`
      "NOT_READY: Service web ended with exit code 1 after <n> s, before it was ready.
      Its last lines of output say why."
    `)
  })

  test('when it ended well, and should have stayed', async () => {
    const { runtime } = runtimeWith({ state: 'exited', exitCode: 0, logs: ['connection refused, as tested'] })
    expect(told(await failureOf({ kind: 'running' }, { runtime }))).toMatchInlineSnapshot(`
      "NOT_READY: Service web ended with exit code 0 after <n> s, before it was ready.
      It did what it was told and ended, and a service has to go on running. A job that runs once: declare \`job: true\`, and \`completed\` where others wait for it. A server that goes to the background: let its \`command\` keep it in the foreground."
    `)
  })

  test('when its last words come in pieces after its end', async () => {
    const { runtime } = runtimeWith({ state: 'exited', exitCode: 127 })
    const looks = [[], ['sh: 1: exec: '], ['sh: 1: exec: serve: not found']]
    const logs = (): Promise<readonly string[]> => Promise.resolve((looks.length > 1 ? looks.shift() : looks[0]) ?? [])
    const error = await failureOf({ kind: 'exec', command: ['true'] }, { runtime: { ...runtime, logs } })
    expect(error.details).toMatchObject({ logs: ['sh: 1: exec: serve: not found'] })
    expect(error.hint).toMatch(/^What it was told to run is not in the image/)
  })

  test('when it crashes again and again', async () => {
    const { runtime } = runtimeWith({ state: 'restarting', exitCode: 137 })
    const said: string[] = []
    const error = await failureOf(postgres, { runtime, timeoutMs: 60_000, onProgress: (text) => said.push(text) })
    expect(told(error)).toMatchInlineSnapshot(`
      "NOT_READY: Service web crashes again and again (last exit code 137); gave up after <n> s.
      It was killed from outside: by the system when memory ran out, by the engine after its grace time, or by hand. If nobody stopped it, raise \`memory\` of the service where it is declared, or give the container engine more."
    `)
    expect(said).toEqual(['it crashed and is being restarted (last exit code 137)'])
  }, 15_000)

  test('when its container was removed', async () => {
    const runtime = createMemoryRuntime()
    expect(told(await failureOf(postgres, { runtime }))).toMatchInlineSnapshot(`
      "NOT_READY: The container of service web was removed by somebody else, <n> s into the wait for PostgreSQL at 127.0.0.1:5432 to answer as shop in database shop.
      Run the command again: it makes the container anew."
    `)
  })

  test('when a job failed', async () => {
    const { runtime } = runtimeWith({ state: 'exited', exitCode: 3, logs: ['npm error missing script: seed'] })
    expect(told(await failureOf({ kind: 'completed' }, { runtime }))).toMatchInlineSnapshot(`
      "JOB_FAILED: Job web failed with exit code 3 after <n> s.
      Its last lines of output say why."
    `)
  })

  test('when an external database does not answer', async () => {
    const probeDatabase = rejecting('DATABASE_UNREACHABLE', 'connection refused')
    expect(told(await failureOf(postgres, { target: undefined, probeDatabase, timeoutMs: 200 })))
      .toMatchInlineSnapshot(`
      "NOT_READY: Service web is not ready after <n> s. Waited for PostgreSQL at 127.0.0.1:5432 to answer as shop in database shop; at last: connection refused.
      Check that the server runs and that the URL has its host and port. If it only needs longer, raise readyTimeoutSeconds."
    `)
  })

  test('when a job takes too long', async () => {
    expect(told(await failureOf({ kind: 'completed' }, { timeoutMs: 200 }))).toMatchInlineSnapshot(`
      "NOT_READY: Job web did not end within <n> s.
      It has written nothing so far. If it only needs longer, raise readyTimeoutSeconds."
    `)
  })

  test('when the password of the volume is another one, long before the deadline', async () => {
    const reason = 'password authentication failed for user "shop"'
    const changes = { probeDatabase: rejecting('PASSWORD_REJECTED', reason), timeoutMs: 60_000 }
    const before = performance.now()
    expect(told(await failureOf(postgres, changes))).toMatchInlineSnapshot(`
      "PASSWORD_REJECTED: Service web runs, but does not let Poststack in: password authentication failed for user "shop".
      A data volume keeps the password of its first start, or the one that Poststack has set last, and its roles. Put what was declared back (in the config, or in .poststack/secrets.json where it was generated), or change it in the database (ALTER ROLE … PASSWORD …), or, if the data may go, delete it: poststack down --volumes."
    `)
    expect(performance.now() - before).toBeLessThan(4000)
  })

  test('when that password could not be set, and why', async () => {
    const reason = 'password authentication failed for user "shop".'
    const unset = 'The new password of web could not be set: role "shop" does not exist'
    const setPassword = vi.fn<() => Promise<string>>(() => Promise.resolve(unset))
    const failure = await failureOf(postgres, {
      probeDatabase: rejecting('PASSWORD_REJECTED', reason),
      setPassword,
      timeoutMs: 60_000,
    })
    expect(failure.code).toBe('PASSWORD_REJECTED')
    expect(failure.message).toMatch(/failed for user "shop"\. The new password .* does not exist\.$/)
    expect(setPassword).toHaveBeenCalledOnce()
  })

  test('when the database is not in the volume', async () => {
    const changes = { probeDatabase: rejecting('DATABASE_MISSING', 'database "shop" does not exist') }
    expect(told(await failureOf(postgres, changes))).toMatchInlineSnapshot(`
      "DATABASE_MISSING: Service web runs, but does not let Poststack in: database "shop" does not exist.
      The image makes its database and role only at the first start of a data volume. Create the missing one in the server (CREATE DATABASE, CREATE ROLE), put the old name back in the config, or, if the data may go, delete it: poststack down --volumes."
    `)
  })
})
