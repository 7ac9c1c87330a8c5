/**
 * A process of its own that brings a native server up and ends, as the command line does: `start-native.ts <root> <port>`.
 * With the word `stay` it does not end, and is the parent of the server.
 */
import { createNativeRuntime } from '../../src/runtime/native/native.ts'
import { files, labelsOf, planFor, target, volume } from './native-project.ts'

const [root = '', port = '', stay = ''] = process.argv.slice(2)
const aborting = new AbortController()
// As on the command line, where a start may go on for a while after the first Ctrl-C.
process.on('SIGINT', () => {
  setTimeout(() => {
    aborting.abort()
  }, 100)
})
const options = { signal: aborting.signal }
const runtime = createNativeRuntime({ root, env: process.env })
await runtime.createVolume(volume, labelsOf(root), options)
if ((await runtime.inspect(target, options)) === undefined)
  await runtime.createContainer(planFor(root, Number(port)), {}, options)
console.log('starting')
await runtime.startContainer(target, files, options)
await runtime.close()
console.log('started')
if (stay === 'stay') setInterval(() => {}, 60_000)
