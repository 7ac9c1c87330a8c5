import { expect, test } from 'vitest'
import { holderLines } from '../../../src/cli/report/schema-words.ts'

const nobody = { user: undefined, application: undefined, client: undefined, ageMs: undefined, statement: undefined }

test('what the server does not show of a holder is said to be hidden, and nothing is made up', () => {
  expect(holderLines({ ...nobody, pid: 7, user: 'ann' })).toEqual([
    'process  7',
    'user     ann',
    'host     not shown to the role that is connected',
    'since    not shown to the role that is connected',
    'runs     not shown to the role that is connected',
  ])
  expect(holderLines({ ...nobody, pid: 7, user: 'ann', ageMs: 2000 })).toEqual([
    'process  7',
    'user     ann',
    'host     local',
    'since    2 s ago',
    'runs     nothing at this moment',
  ])
})
