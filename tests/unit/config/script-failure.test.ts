import { expect, test } from 'vitest'
import { failureIn } from '../../../src/config/script-failure.ts'

const script = { file: '/shop/ask.ts', root: '/shop' }
const stack = { name: 'shop', root: '/shop', services: {} }

test('what a script says on our descriptor by itself, or was cut off in, is no failure of ours', () => {
  const parts = [
    '{"kind":"denied"}',
    '{"kind":"failed"}',
    '{"kind":"failed","error":{"code":"NONE","message":""}}',
    '{"kind":"refused"}',
  ]
  const texts = ['', 'hello', '5', 'null', '{"kind":"other"}', ...parts].map((text) => `${text}\n`)
  for (const said of [...texts, '{"kind":"denied","den']) expect(failureIn(said, script, stack)).toBeUndefined()
})

test('what was denied must be told with the place, or at least with the script, as the project calls it', () => {
  const denial = { permission: 'Env', resource: 'TOKEN' }
  const told = (place?: string) => failureIn(`${JSON.stringify({ kind: 'denied', denial, place })}\n`, script, stack)
  const what = 'the script may not read the environment variable TOKEN (it lacks `--allow-env=TOKEN`)'
  expect(told('lib/token.ts:3:14')).toMatchObject({
    code: 'SCRIPT_DENIED',
    message: `lib/token.ts:3:14: ${what}`,
  })
  expect(told()).toMatchObject({ message: `ask.ts: ${what}` })
})
