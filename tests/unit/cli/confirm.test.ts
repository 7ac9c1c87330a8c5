import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askFor, askNumber, confirmByKey } from '../../../src/cli/confirm.ts'
import { listenToKeys } from '../../../src/cli/keys.ts'
import { quietIo } from '../../support/run-words.ts'

function terminal() {
  const said = { stdout: '', stderr: '' }
  const controller = new AbortController()
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
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

test('where keys are heard one must answer, those that mean nothing be lost, and those that end it go where they always go', async () => {
  const { io, said, stdin } = terminal()
  const pressed: string[] = []
  const keys = listenToKeys(io, (key) => pressed.push(key))
  const { signal: withdrawn } = new AbortController()
  const ask = () => confirmByKey('Roll back? ', { io, keys, withdrawn })
  const agreed = ask()
  stdin.write('rpqy')
  expect(await agreed).toBe(true)
  const refused = ask()
  stdin.write('\r')
  await expect(refused).rejects.toMatchObject({ code: 'CONSENT_NEEDED', details: { declined: true } })
  expect(said.stderr).toBe('Roll back? y\nRoll back? n\n')
  stdin.write('r')
  await new Promise((resolve) => setImmediate(resolve))
  expect(pressed).toEqual(['q', 'r'])
})

test('a question that is withdrawn must end, and one that is so before it is asked not be shown', async () => {
  const { io, said } = terminal()
  const keys = listenToKeys(io, () => undefined)
  const controller = new AbortController()
  const ask = () => confirmByKey('Roll back? ', { io, keys, withdrawn: controller.signal })
  const answer = ask()
  controller.abort()
  expect(await answer).toBe(false)
  expect(await ask()).toBe(false)
  expect(said.stderr).toBe('Roll back? \n')
})
