/**
 * A session of which somebody else speaks the protocol: logged in by pg, then a wire for messages as they are.
 */
import { Socket } from 'node:net'
import { throwIfAborted } from '../../abort.ts'
import { clientConfig, type ConnectTarget, createClient, loadClient } from './database.ts'
import { connectFailed } from './errors.ts'

export interface BareWire {
  /** As the server tells it when a session begins: `17.10 (Debian …)`. */
  readonly serverVersion: string
  /** Of the database: `UTF8`. */
  readonly encoding: string
  send(bytes: Uint8Array): void
  /** Whatever the server sends from now on. */
  onBytes(listener: (bytes: Buffer) => void): void
  /** The connection has ended, or broke. */
  onEnd(listener: (error: Error | undefined) => void): void
  close(): void
}

/** Fails as `connect` does. */
export async function openWire(target: ConnectTarget, signal: AbortSignal): Promise<BareWire> {
  throwIfAborted(signal)
  const pg = await loadClient()
  const socket = new Socket()
  const client = createClient(pg, { ...(await clientConfig(target)), stream: () => socket })
  // What breaks later is told by the stream.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ version: string; encoding: string }>(
      `SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.current_setting('server_encoding') AS encoding`,
    )
    const { stream } = client.connection
    stream.removeAllListeners('data')
    return {
      serverVersion: rows[0]?.version ?? '',
      encoding: rows[0]?.encoding ?? '',
      send: (bytes) => void stream.write(bytes),
      onBytes: (listener) => void stream.on('data', listener),
      onEnd(listener) {
        stream.once('error', listener)
        stream.once('close', () => {
          listener(undefined)
        })
      },
      close: () => void stream.destroy(),
    }
  } catch (error) {
    socket.destroy()
    throw connectFailed(error, target)
  }
}
