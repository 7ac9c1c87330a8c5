/** Real programs, run without a shell. */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { PoststackError } from '../../../src/errors.ts'
import { programFailed, runProgram } from '../../../src/runtime/exec.ts'
import type { ProgramRequest } from '../../../src/runtime/exec.ts'
import { findProgram } from '../../../src/runtime/find-program.ts'
import { isEnding, readProcess } from '../../../src/runtime/native/process.ts'
import { runPiped } from '../../../src/runtime/piped-program.ts'

const signal = new AbortController().signal

function script(text: string, changes: Partial<ProgramRequest> = {}): ProgramRequest {
  const env = { PATH: process.env['PATH'] }
  return { program: 'sh', args: ['-c', text, ...(changes.args ?? [])], env, signal, timeoutMs: 10_000, ...changes }
}

test('lines of both streams come as they are written, and the exit code is a result', async () => {
  const lines: string[] = []
  const onLine = (line: string) => lines.push(line)
  const result = await runProgram(
    script('echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three; exit 3', { onLine }),
  )
  expect(lines).toEqual(['one', 'two', 'three'])
  expect(result).toEqual({ exitCode: 3, stdout: 'one\nthree', lastLines: ['one', 'two', 'three'] })
})

test('the colours of a program that colours whatever it writes must not stand in its lines', async () => {
  const lines: string[] = []
  const onLine = (line: string) => lines.push(line)
  const coloured = String.raw`printf '\033[91mls: \033[0m\033[91mno such file\033[0m\n'`
  const { lastLines } = await runProgram(script(coloured, { onLine }))
  expect([lines, lastLines]).toEqual([['ls: no such file'], ['ls: no such file']])
})

test('no shell stands between: an argument is one word whatever is in it', async () => {
  const request = {
    program: 'printf',
    args: ['%s|', 'a b', '$HOME', '; exit 1', '*'],
    env: { PATH: process.env['PATH'] },
  }
  expect((await runProgram({ ...request, signal, timeoutMs: 5_000 })).stdout).toBe('a b|$HOME|; exit 1|*|')
})

test('the environment is what was given and nothing else', async () => {
  const result = await runProgram(script('echo "[$ONE][$HOME]"', { env: { PATH: process.env['PATH'], ONE: '1' } }))
  expect(result.stdout).toBe('[1][]\n')
})

test('input arrives, and is empty otherwise', async () => {
  expect((await runProgram(script('cat', { input: 'given' }))).stdout).toBe('given')
  expect((await runProgram(script('cat'))).stdout).toBe('')
})

test('an error shows the command with its secrets masked, and the last words', async () => {
  const lines: string[] = []
  const request = script('echo "bad s3cret" >&2; exit 2', {
    hide: (text) => text.replaceAll('s3cret', '***'),
    onLine: (line) => lines.push(line),
  })
  const error = programFailed('BUILD_FAILED', request, await runProgram(request))
  expect(error).toMatchObject({ code: 'BUILD_FAILED', details: { exitCode: 2, output: ['bad ***'] } })
  expect(JSON.stringify([error.message, error.details])).not.toContain('s3cret')
  expect(error.details['command']).toBe(`sh -c 'echo "bad ***" >&2; exit 2'`)
  expect(lines).toEqual(['bad ***'])
})

test('a program that does not exist is missing, by name', async () => {
  const request = { ...script(''), program: 'no-such-program-here' }
  await expect(runProgram(request)).rejects.toMatchObject({
    code: 'RUNTIME_MISSING',
    message: expect.stringContaining('no-such-program-here'),
  })
  expect(await findProgram('no-such-program-here', process.env)).toBeUndefined()
  expect(await findProgram('sh', process.env)).toMatch(/\/sh$/)
})

test('a program that takes too long is stopped and says so', async () => {
  const begun = performance.now()
  await expect(runProgram(script('echo waiting; exec sleep 30', { timeoutMs: 200 }))).rejects.toMatchObject({
    code: 'ENGINE_REFUSED',
    message: expect.stringMatching(/did not end within .* waiting/),
  })
  expect(performance.now() - begun).toBeLessThan(5_000)
})

test('a program is stopped by the signal, with the reason of the stop', async () => {
  const controller = new AbortController()
  const running = runProgram(script('exec sleep 30', { signal: controller.signal }))
  setTimeout(() => {
    controller.abort(new PoststackError('TERMINATED', 'stopped'))
  }, 50)
  await expect(running).rejects.toMatchObject({ code: 'TERMINATED' })
})

test('a program that is killed from outside did not just fail', async () => {
  await expect(runProgram(script('kill -9 $$'))).rejects.toMatchObject({
    code: 'ENGINE_REFUSED',
    message: expect.stringContaining('SIGKILL'),
  })
})

async function expectEnd(pid: number): Promise<void> {
  const found = await readProcess(pid, signal)
  // Where nobody asks how it ended, the dead one stays.
  expect(found === undefined || isEnding(found)).toBe(true)
}

const forgotten = 'sleep 3600 & echo $!'

test('what a program leaves running must not be waited for, and goes on', async () => {
  const { exitCode, stdout } = await runProgram(script(forgotten, { ownGroup: true }))
  expect(exitCode).toBe(0)
  expect(process.kill(Number(stdout), 'SIGTERM')).toBe(true)
})

test('a stop must reach what a program has left running while its last words are waited for', async () => {
  const controller = new AbortController()
  let pid = 0
  const onLine = (line: string) => {
    pid = Number(line)
    setTimeout(() => controller.abort(), 100)
  }
  const running = runProgram(script(forgotten, { ownGroup: true, signal: controller.signal, onLine }))
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await vi.waitFor(() => expectEnd(pid))
})

test('a character that comes in two pieces stays whole', async () => {
  const halves = String.raw`printf '\303'; sleep 0.1; printf '\274'`
  expect(await runProgram(script(halves))).toMatchObject({ stdout: 'ü', lastLines: ['ü'] })
})

test('a flood of output is not kept', async () => {
  const result = await runProgram(script('yes | head -c 20000000'))
  expect(result.stdout.length).toBeLessThan(3_000_000)
  expect(result.lastLines.length).toBeLessThan(100)
})

test('a program whose streams are data is stopped with all that it started', async () => {
  const controller = new AbortController()
  const output = new PassThrough().setEncoding('utf8')
  const env = { PATH: process.env['PATH'] }
  const command = { program: 'sh', args: ['-c', 'sleep 3600 & echo $!; wait'], env }
  const running = runPiped(command, { output, signal: controller.signal })
  const [pid] = (await once(output, 'data')) as [string]
  controller.abort()
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await vi.waitFor(() => expectEnd(Number(pid)))
})
