/**
 * The thread that pg_dump in WebAssembly runs in. It reads and writes without waiting for anything but what it asked for, so the thread
 * sleeps until the other one has the answer.
 */
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads'

export interface WorkerJob {
  /** URL of the module `pg_dump` of `@electric-sql/pglite-tools`. */
  readonly module: string
  readonly args: readonly string[]
  /** One number: 1 as soon as the answer is there. */
  readonly bell: SharedArrayBuffer
  /** Where answers come from, each as bytes. */
  readonly answers: MessagePort
}

export type FromWorker = { readonly ask: Uint8Array } | { readonly dump: Uint8Array } | { readonly failure: string }

/** As much of PGlite as the module calls. */
interface Pretended {
  execProtocolRawStream(bytes: Uint8Array, options: { readonly onRawData: (bytes: Uint8Array) => void }): void
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, string>>[] }>
  exec(text: string): Promise<readonly unknown[]>
}

interface PgDumpModule {
  readonly pgDump: (options: { readonly pg: Pretended; readonly args: readonly string[] }) => Promise<Blob>
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}

export async function work({ answers, args, bell, module }: WorkerJob): Promise<void> {
  const rung = new Int32Array(bell)
  const pg: Pretended = {
    execProtocolRawStream(bytes, { onRawData }) {
      Atomics.store(rung, 0, 0)
      // A copy: the memory that it lies in is pg_dump's own.
      tell({ ask: Uint8Array.from(bytes) })
      Atomics.wait(rung, 0, 0)
      const answer = receiveMessageOnPort(answers)?.message as Uint8Array | undefined
      if (answer !== undefined && answer.length > 0) onRawData(answer)
    },
    // It asks for the path to put it back afterwards, in a session that ends then.
    query: () => Promise.resolve({ rows: [{ search_path: '' }] }),
    exec: () => Promise.resolve([]),
  }
  try {
    const { pgDump } = (await import(module)) as PgDumpModule
    const file = await pgDump({ pg, args })
    tell({ dump: new Uint8Array(await file.arrayBuffer()) })
  } catch (error) {
    tell({ failure: error instanceof Error ? error.message : String(error) })
  }
}
