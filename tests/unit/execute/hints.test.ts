import { expect, test } from 'vitest'
import { hintFor } from '../../../src/execute/hints.ts'

test.each([
  ['FATAL:  database files are incompatible with server', 'another major version'],
  ['Error: Database is uninitialized and superuser password is not specified.', 'POSTGRES_PASSWORD'],
  ['FATAL:  data directory "/var/lib/postgresql/data" has wrong ownership', 'mode 0700'],
  ['FATAL:  data directory "/var/lib/postgresql/data" has invalid permissions', 'mode 0700'],
  ['initdb: error: directory "/var/lib/postgresql/data" exists but is not empty', 'cut off'],
  [
    'initdb: error: directory "/var/lib/postgresql/data" exists but is not empty',
    'Another image may have written them in its own layout',
  ],
  [
    'poststack: /var/lib/postgresql holds the database of another image, of PostgreSQL 17, and this one keeps its own in /var/lib/postgresql/data',
    'Put `image` of the service back',
  ],
  ['FATAL:  lock file "postmaster.pid" already exists', 'Another server uses this data directory'],
  ['PANIC:  could not locate a valid checkpoint record', 'backup'],
  ['FATAL:  unrecognized configuration parameter "work_memm"', '`settings`'],
  ['FATAL:  could not access file "pg_cron": No such file or directory', 'shared_preload_libraries'],
  ['ERROR:  could not resize shared memory segment "/PostgreSQL.1" to 8 bytes: No space left on device', '/dev/shm'],
  ['could not write to file "base/1": No space left on device', 'The disk that it writes to is full'],
  ['LOG:  could not bind IPv4 address "0.0.0.0": Address already in use', 'taken by another process'],
  ['exec /usr/bin/server: exec format error', 'architecture'],
  ['FATAL:  role "shop" does not exist', 'first start of a data volume'],
  ['FATAL:  database "shop" does not exist', 'first start of a data volume'],
  ['FATAL:  password authentication failed for user "shop"', 'keeps the password of its first start'],
  ['sh: 1: serve: command not found', 'not in the image'],
  ['sh: 1: serve: not found', 'not in the image'],
  ["Error: Cannot find module '/app/server.js'", 'not in the image'],
  ['Error: connect ECONNREFUSED 127.0.0.1:5432', '`dependsOn`'],
  ['mkdir: cannot create directory: Permission denied', 'mounted folders'],
  ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'out of memory'],
])('%s', (line, words) => {
  expect(hintFor({ exitCode: 1, logs: ['starting', line, 'bye'] })).toContain(words)
})

test.each([
  [126, 'cannot be executed'],
  [127, 'does not exist in the image'],
  [137, 'killed from outside'],
  [139, 'segmentation fault'],
])('exit code %i', (exitCode, words) => {
  expect(hintFor({ exitCode, logs: ['something else'] })).toContain(words)
})

test('the last known complaint must win, over earlier ones and over the exit code', () => {
  const logs = ['connection refused', 'FATAL:  database files are incompatible with server']
  expect(hintFor({ exitCode: 137, logs })).toContain('another major version')
})

test('what is not known must not be guessed at', () => {
  expect(hintFor({ exitCode: 1, logs: ['oops'] })).toBeUndefined()
  expect(hintFor({ exitCode: undefined, logs: [] })).toBeUndefined()
})

test('no line may take long to read', () => {
  const before = performance.now()
  hintFor({ exitCode: 1, logs: Array.from({ length: 20 }, () => 'no space left on device shared '.repeat(100_000)) })
  expect(performance.now() - before).toBeLessThan(200)
})
