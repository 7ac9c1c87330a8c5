/**
 * The session with which a run looks around while it works. Those who look may overlap: a look takes longer than a file on a busy machine. A
 * session answers one question at a time, and may be handed on to others as soon as it is closed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../connection.ts'
import type { Queryable } from '../types.ts'

export interface Observer {
  /** One look after the other, on a session that is opened for the first, and anew when it could not be opened or was lost. */
  readonly look: <Seen>(body: (session: Queryable) => Promise<Seen>) => Promise<Seen>
  /** What looks then is waited for. */
  close(): Promise<void>
}

// Whoever still looks at the end of a run is of no use to anybody.
const lastLookMs = 500

export function createObserver(open: () => Promise<Connection>): Observer {
  let opening: Promise<Connection> | undefined
  let looking: Promise<unknown> = Promise.resolve()
  let isClosed = false
  const forget = (): void => {
    opening = undefined
  }
  const begin = async (): Promise<Connection> => {
    try {
      const session = await open()
      session.onLost(forget)
      return session
    } catch (error) {
      forget()
      throw error
    }
  }
  return {
    look: (body) => {
      const look = looking.then(async () => {
        if (isClosed) throw new Error('the run is over')
        return await body(await (opening ??= begin()))
      })
      looking = look.catch(() => undefined)
      return look
    },
    close: async () => {
      isClosed = true
      await Promise.race([looking, sleep(lastLookMs, undefined, { ref: false })])
      const session = await opening?.catch(() => undefined)
      await session?.cancel()
      await looking
      await session?.close()
    },
  }
}
