/**
 * pg_dump where no program of PostgreSQL is: `node wasm-dump.js <module> --dbname=<url> <arguments of pg_dump>` writes the dump to stdout. The
 * session is opened by our own client; what pg_dump says, in WebAssembly and in a thread of its own, is handed on to the server.
 */
import { isMainThread, MessageChannel, Worker, workerData } from 'node:worker_threads'
import { parseDatabaseUrl } from '../../config/database-url.ts'
import { isPoststackError } from '../../errors.ts'
import { type BareWire, openWire } from '../database/wire.ts'
import { createCutter, createGatherer, greeting, openingOf } from './messages.ts'
import { type FromWorker, work, type WorkerJob } from './worker.ts'

const connectTimeoutMs = 15_000
/** The first that knows the setting; pg_dump of 18 sets it in every dump. */
const firstWithTransactionTimeout = 17
const transactionTimeout = 'SET transaction_timeout = 0;\n'

async function main([module = '', ...args]: readonly string[]): Promise<void> {
  const url = args.find((arg) => arg.startsWith('--dbname='))?.slice('--dbname='.length) ?? ''
  const { PGAPPNAME: applicationName = 'poststack backup', PGPASSWORD: password } = process.env
  const target = { ...parseDatabaseUrl(url, { password }), applicationName, connectTimeoutMs }
  const wire = await openWire(target, new AbortController().signal)
  try {
    // Its texts may be of any encoding, and would not come out as they went in.
    if (wire.encoding === 'SQL_ASCII')
      throw new Error(
        'the database says of no text how it is encoded (SQL_ASCII), so only a pg_dump of this machine can write it',
      )
    const rest = args.filter((arg) => !arg.startsWith('--dbname='))
    const dump = await dumpBy(wire, module, [...rest, '--rows-per-insert=500'])
    const text = withoutUnknown(dump, Number.parseInt(wire.serverVersion, 10))
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error instanceof Error) reject(error)
        else resolve()
      })
    })
  } finally {
    wire.close()
  }
}

/** What the server that it comes from would not know. */
function withoutUnknown(dump: Buffer, major: number): Buffer {
  const at = major >= firstWithTransactionTimeout ? -1 : dump.indexOf(transactionTimeout)
  return at === -1 ? dump : Buffer.concat([dump.subarray(0, at), dump.subarray(at + transactionTimeout.length)])
}

function dumpBy(wire: BareWire, module: string, args: readonly string[]): Promise<Buffer> {
  const bell = new SharedArrayBuffer(4)
  const { port1: answers, port2 } = new MessageChannel()
  const job: WorkerJob = { module, args, bell, answers: port2 }
  const worker = new Worker(new URL(import.meta.url), { workerData: job, transferList: [port2], stdout: true })
  const answer = (bytes: Uint8Array): void => {
    answers.postMessage(Uint8Array.from(bytes))
    const rung = new Int32Array(bell)
    Atomics.store(rung, 0, 1)
    Atomics.notify(rung, 0)
  }
  const relay = createRelay(wire, answer)
  return new Promise<Buffer>((resolve, reject) => {
    wire.onEnd((error) => {
      reject(error ?? new Error('the server has ended the connection'))
    })
    worker.on('error', reject)
    worker.on('message', (message: FromWorker) => {
      if ('ask' in message) relay(Buffer.from(message.ask))
      else if ('dump' in message) resolve(Buffer.from(message.dump))
      else reject(new Error(ownWords(message.failure)))
    })
  }).finally(() => {
    answers.close()
    void worker.terminate()
  })
}

/** Hands on what pg_dump says, and gives it what comes back once the server waits for the next. */
function createRelay(wire: BareWire, answer: (bytes: Uint8Array) => void): (said: Buffer) => void {
  const asked = createCutter()
  const gather = createGatherer()
  let isOpening = true
  wire.onBytes((bytes) => {
    const all = gather(bytes)
    if (all !== undefined) answer(all)
  })
  return (said) => {
    const opening = isOpening ? openingOf(said) : undefined
    if (opening === 'encryption') answer(Buffer.from('N'))
    else if (opening === 'session') {
      isOpening = false
      answer(greeting(wire.serverVersion))
    } else {
      const types = asked.push(said)
      if (!types.startsWith('X')) wire.send(said)
      // Half a message, or one after which the server says nothing yet.
      if (asked.isOpen() || !/[QSF]$/.test(types)) answer(new Uint8Array())
    }
  }
}

/** Without what the module says around them. */
function ownWords(message: string): string {
  return message.replace(/^pg_dump failed with exit code \d+\.\s*(?:Error message: )?/, '')
}

if (isMainThread) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    const hint = isPoststackError(error) ? `\n${error.hint ?? ''}` : ''
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}${hint}\n`)
    process.exitCode = 1
  }
} else await work(workerData as WorkerJob)
