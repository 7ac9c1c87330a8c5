import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askFor, askNumber } from '../../../src/cli/confirm.ts'
import { quietIo } from '../../support/run-words.ts'

function terminal() {
  const said = { stdout: '', stderr: '' }
  const controller = new AbortController()
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const quiet = quietIo(said)
  const io = { ...quiet, stdin, stderr: { ...quiet.stderr, isTTY: true }, signal: controller.signal }
  const ask = (question: string) =>
    askFor(question, {
      usual: 5432,
      read: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
      expected: 'a number',
      io,
    })
  return { ask, controller, io, said, stdin }
}

test('an answer that does not do must be told what would', async () => {
  const { ask, said, stdin } = terminal()
  const answer = ask('Port')
  stdin.write('web\n')
  setImmediate(() => stdin.write('80\n'))
  expect(await answer).toBe(80)
  expect(said.stderr).toBe('Port [5432] "web" is not a number.\nPort [5432] ')
})

test('after Ctrl-C nothing more must be asked', async () => {
  const { ask, controller, said } = terminal()
  const answer = ask('Port')
  controller.abort()
  expect(await answer).toBe(5432)
  expect(await ask('Version')).toBe(5432)
  expect(said.stderr).toBe('Port [5432] ')
})

test('what has a name and a number must be taken by either', async () => {
  const { io, said, stdin } = terminal()
  const names = ['mark-applied', 'continue-at']
  const answer = askNumber('What?', 2, io, names)
  stdin.write('mark\n')
  setImmediate(() => stdin.write('continue-at\n'))
  expect(await answer).toBe(2)
  expect(said.stderr).toContain('"mark" is not a number from 1 to 2, nor one of mark-applied, continue-at.\n')
  stdin.write('1\n')
  expect(await askNumber('What?', 2, io, names)).toBe(1)
})
