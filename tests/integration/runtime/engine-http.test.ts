/** An engine that dies, stalls or talks nonsense: everything but an answer is an error that says what to do. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import { connectEngine } from '../../../src/runtime/container/engine-connect.ts'
import { createEngineClient, parseJson } from '../../../src/runtime/container/engine-http.ts'
import type { EngineClient } from '../../../src/runtime/container/engine-http.ts'
import { refusal } from '../../../src/runtime/container/refusals.ts'

const signal = new AbortController().signal
let folder: string
let path: string
let server: Server | undefined
let client: EngineClient

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poststack-http-'))
  path = join(folder, 'engine.sock')
  client = createEngineClient({ address: { kind: 'socket', path }, apiVersion: 'v1.41', hint: 'start it' })
})

afterEach(async () => {
  client.close()
  await close()
  await rm(folder, { recursive: true, force: true })
})

function listen(answer: RequestListener): Promise<void> {
  const listening = createServer(answer)
  server = listening
  return new Promise((resolve) => {
    listening.listen(path, resolve)
  })
}

async function close(): Promise<void> {
  const closing = server
  server = undefined
  if (closing === undefined) return
  closing.closeAllConnections()
  await new Promise((resolve) => {
    closing.close(resolve)
  })
}

test('an answer has its status and body, and the version stands in front of the path', async () => {
  await listen((request, response) => {
    response.end(JSON.stringify({ url: request.url }))
  })
  const answer = await client.send({ method: 'GET', path: '/containers/json?all=1', signal })
  expect(parseJson(answer)).toEqual({ url: '/v1.41/containers/json?all=1' })
})

test('nobody there is unreachable, with the address and the hint', async () => {
  await expect(client.send({ method: 'GET', path: '/x', signal })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining(path),
    hint: 'start it',
  })
})

test('an engine that does not answer in time is given up', async () => {
  await listen(() => {})
  const begun = performance.now()
  await expect(client.send({ method: 'POST', path: '/slow', signal, timeoutMs: 150 })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringContaining('POST /slow'),
  })
  expect(performance.now() - begun).toBeLessThan(1500)
})

test('an answer that stalls in the middle is given up, one that goes on slowly is not', async () => {
  await listen((request, response) => {
    response.write('begin')
    let left = request.url?.endsWith('steady') === true ? 6 : 0
    const timer = setInterval(() => {
      if (left === 0) clearInterval(timer)
      else if ((left -= 1) === 0) response.end('end')
      else response.write('.')
    }, 60)
  })
  const seen: string[] = []
  const onData = (chunk: Buffer) => seen.push(chunk.toString())
  await client.send({ method: 'GET', path: '/steady', signal, timeoutMs: 200, onData })
  expect(seen.join('')).toBe('begin.....end')
  await expect(client.send({ method: 'GET', path: '/stall', signal, timeoutMs: 200, onData })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
  })
})

test('a call is cut off by its signal at once, with the reason of the stop', async () => {
  await listen(() => {})
  const controller = new AbortController()
  const call = client.send({ method: 'POST', path: '/slow', signal: controller.signal })
  setTimeout(() => {
    controller.abort(new PoststackError('TERMINATED', 'stopped'))
  }, 50)
  await expect(call).rejects.toMatchObject({ code: 'TERMINATED' })
})

test('what the one who listens throws is what the call fails with', async () => {
  await listen((_request, response) => {
    response.write('one')
  })
  const call = client.send({
    method: 'GET',
    path: '/logs',
    signal,
    onData: () => {
      throw new TypeError('not mine')
    },
  })
  await expect(call).rejects.toThrow(new TypeError('not mine'))
})

test('an engine that dies in the middle of an answer is unreachable', async () => {
  await listen((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"half":')
    setTimeout(() => response.socket?.destroy(), 20)
  })
  await expect(client.send({ method: 'GET', path: '/x', signal })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
  })
})

test('what is not JSON is an error that shows it', async () => {
  await listen((_request, response) => {
    response.end('<html>proxy</html>')
  })
  const answer = await client.send({ method: 'GET', path: '/x', signal })
  expect(() => parseJson(answer)).toThrow(/not JSON/)
})

test('a kept connection that the engine closed is no failure for a read, and no second try for a change', async () => {
  let calls = 0
  await listen((_request, response) => {
    calls += 1
    if (calls === 2) response.socket?.destroy()
    else response.end('{}')
  })
  await client.send({ method: 'GET', path: '/one', signal })
  expect((await client.send({ method: 'GET', path: '/two', signal })).status).toBe(200)
  expect(calls).toBe(3)
  calls = 1
  await expect(client.send({ method: 'POST', path: '/three', signal })).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
  })
  expect(calls).toBe(2)
})

test('a service that has ended is started again, and the call is made', async () => {
  let starts = 0
  const reviving = createEngineClient({
    address: { kind: 'socket', path },
    apiVersion: 'v1.41',
    hint: '',
    revive: async () => {
      starts += 1
      await listen((_request, response) => {
        response.end('{}')
      })
    },
  })
  expect((await reviving.send({ method: 'POST', path: '/x', signal })).status).toBe(200)
  expect(starts).toBe(1)
  reviving.close()
})

test('what speaks no HTTP, and what speaks for an engine, are told apart from an engine that does not run', async () => {
  const advice = 'Check that the address is that of a podman or Docker engine, with no proxy in between.'
  const other = createNetServer((socket) => socket.on('error', () => undefined).end('hello\n')).listen(`${path}.other`)
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  await expect(
    connectEngine({ name: 'docker', env: { DOCKER_HOST: `unix://${path}.other` }, signal }),
  ).rejects.toMatchObject({
    message: expect.stringMatching(/not a container engine: Parse Error/),
    hint: advice,
  })
  const body = Buffer.from('<html>Bad gateway</html>')
  expect(refusal('It did not answer', { status: 502, body })).toMatchObject({ hint: advice })
  expect(refusal('It did not answer', { status: 500, body: Buffer.from('{"message":"no"}') }).hint).toBeUndefined()
})

test('what answers but is no engine is not taken for one', async () => {
  await listen((_request, response) => {
    response.end('hello')
  })
  const connecting = connectEngine({ name: 'docker', env: { DOCKER_HOST: `unix://${path}` }, signal })
  await expect(connecting).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    message: expect.stringMatching(/not a container engine.*DOCKER_HOST/),
  })
})

test('an engine that wants TLS is told with the way round it', async () => {
  await listen((_request, response) => {
    response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n')
  })
  const connecting = connectEngine({ name: 'docker', env: { DOCKER_HOST: `unix://${path}` }, signal })
  await expect(connecting).rejects.toMatchObject({
    code: 'RUNTIME_UNREACHABLE',
    hint: expect.stringContaining('It wants TLS, which Poststack does not speak. Forward its socket over ssh'),
  })
})
