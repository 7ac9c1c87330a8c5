/** What engines say when they will not, as somebody reads it who has written a config. The texts are theirs, as seen. */
import { expect, test } from 'vitest'
import { containerRefusal } from '../../../src/runtime/container/refusals.ts'

const on = (message: string) =>
  containerRefusal('It did not start', { status: 500, body: Buffer.from(JSON.stringify({ message })) })

test.each([
  [
    'failed to create shim: OCI runtime create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown',
    'exec: "nope": executable file not found in $PATH',
    '`command`',
  ],
  [
    'driver failed programming external connectivity on endpoint shop-g (27276148fe): Error starting userland proxy: listen tcp4 10.9.9.9:80: bind: cannot assign requested address',
    'listen tcp4 10.9.9.9:80: bind: cannot assign requested address',
    '`hostAddress`',
  ],
  [
    'unable to start container process: error during container init: error mounting "/p/conf" to rootfs at "/etc/hostname": mount /p/conf:/etc/hostname, flags: 0x5000: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?',
    /^error during container init: error mounting/,
    'one is a folder and the other one a file',
  ],
  ['Cannot mkdir: /etc/passwd is not a directory', /^Cannot mkdir/, '`workdir`'],
  ['workdir "/etc/passwd" exists on container 7a2c, but is not a directory', /^workdir/, '`workdir`'],
  ['container create: "CAP_NOPE": unknown capability', '"CAP_NOPE": unknown capability', '`capAdd`'],
  ['fill out specgen: invalid signal: SIGFOO', 'invalid signal: SIGFOO', '`stopSignal`'],
  ['Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available', /^Range/, '`cpus`'],
])('%s', (message, reason, hint) => {
  const error = on(message)
  const said = error.message.replace('It did not start: ', '')
  if (typeof reason === 'string') expect(said).toBe(reason)
  else expect(said).toMatch(reason)
  expect(error.hint).toContain(hint)
  expect(error.details['message']).toBe(message)
})
