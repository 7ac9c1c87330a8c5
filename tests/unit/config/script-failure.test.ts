import { expect, test } from 'vitest'
import { failureIn } from '../../../src/config/script-failure.ts'

const script = { file: '/shop/ask.ts', root: '/shop' }
const stack = { name: 'shop', root: '/shop', services: {} }

test('what a script says on our descriptor by itself, or was cut off in, is no failure of ours', () => {
  for (const said of ['', 'hello\n', '5\n', 'null\n', '{"kind":"other"}\n', '{"kind":"denied","den'])
    expect(failureIn(said, script, stack)).toBeUndefined()
  const denied = { kind: 'denied', denial: { permission: 'Env', resource: 'TOKEN' } }
  expect(failureIn(`${JSON.stringify(denied)}\n`, script, stack)).toMatchObject({ code: 'SCRIPT_DENIED' })
})
