/**
 * The protocol's own way to stop a statement: a second connection that says nothing but "stop that one" and needs no password
 * and no free slot.
 */
import type { Client, Connection as Wire } from 'pg'

/** How long to wait for a server that does not answer, for the request as for what it is to stop. */
export const cancelGraceMs = 10_000

/** The wire of a cancel request, which pg has but its types do not say. */
interface CancelWire {
  connect(portOrSocket: number | string, host?: string): void
  requestSsl(): void
  unref(): void
  cancel(processId: number, secretKey: number): void
}

/** What the server told at start-up, which pg keeps but its types do not say. */
export interface BackendKey {
  readonly processID: number | null
  readonly secretKey: number | null
}

/** Returns when the server has taken the request, or cannot be reached. */
export async function sendCancel(wire: Wire, client: Client): Promise<void> {
  const { processID, secretKey } = client as Client & BackendKey
  // Without them, as behind a few proxies, nothing can be asked for.
  if (processID === null || secretKey === null) return
  const requests = wire as Wire & CancelWire
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      wire.stream.destroy()
      resolve()
    }
    // A silent server must not keep the process: whoever waits for the statement's end has the session open.
    const timer = setTimeout(done, cancelGraceMs).unref()
    requests.unref()
    const plain = !client.ssl
    wire.once('connect', () => (plain ? requests.cancel(processID, secretKey) : requests.requestSsl()))
    wire.once('sslconnect', () => requests.cancel(processID, secretKey))
    // The server hangs up once it has taken the request.
    wire.once('end', done)
    wire.on('error', done)
    if (client.host.startsWith('/')) requests.connect(`${client.host}/.s.PGSQL.${client.port}`)
    else requests.connect(client.port, client.host)
  })
}
