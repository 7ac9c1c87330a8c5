import { expect, test } from 'vitest'
import { restoreText } from '../../../src/cli/report/backup-words.ts'

const database = { host: '127.0.0.1', port: 5432, user: 'shop', database: 'shop' }
const restored = { type: 'restore-result', database, file: '/b.dump', bytes: 1, notes: [], durationMs: 2600 } as const

test('what a restored database holds is claimed only where it was compared', () => {
  expect(restoreText({ ...restored, compared: false })).toMatch(/was made from \/b\.dump \(not compared; 2\.6 s\)/)
  expect(restoreText({ ...restored, compared: true })).toMatch(/is as in \/b\.dump \(no ledger; 2\.6 s\)/)
})
