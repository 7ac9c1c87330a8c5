/**
 * Sessions that are used again. A try-out of a migration opens some ten of them for a moment each, and opening one takes longer than
 * most of what is done in it.
 */
import { throwIfAborted } from '../../abort.ts'
import { rollBackOpen, type Connect, type Connection, type ServerNotice } from '../connection.ts'

export interface KeptSessions {
  readonly connect: Connect
  /** Ends those that are at rest. */
  end(): Promise<void>
}

/** A `Connect` whose sessions are cleaned and kept when they are closed. Nothing of one user's reaches the next. */
export function keepSessions(connect: Connect): KeptSessions {
  let resting: Kept[] = []
  return {
    connect: async (options) => {
      throwIfAborted(options.signal)
      const { applicationName } = options
      // A session is known to others by the name it was opened with: a run ends those that look like the work of one that was killed.
      resting = resting.filter(({ isLost }) => !isLost)
      const found = resting.find(({ name }) => name === applicationName)
      resting = resting.filter((one) => one !== found)
      const kept = found ?? keep(await connect(options), applicationName)
      return lend(kept, () => resting.push(kept))
    },
    end: async () => {
      const ending = resting
      resting = []
      await Promise.all(ending.map(({ session }) => session.close()))
    },
  }
}

interface Kept {
  readonly session: Connection
  readonly name: string
  /** Of whoever has it now. */
  lost: Set<() => void>
  notice: Set<(notice: ServerNotice) => void>
  isLost: boolean
}

function keep(session: Connection, name: string): Kept {
  const kept: Kept = { session, name, lost: new Set(), notice: new Set(), isLost: false }
  session.onLost(() => {
    kept.isLost = true
    for (const listener of kept.lost) listener()
  })
  session.onNotice((notice) => {
    for (const listener of kept.notice) listener(notice)
  })
  return kept
}

function lend(kept: Kept, giveBack: () => void): Connection {
  const { session } = kept
  let closed = false
  return {
    backendPid: session.backendPid,
    borrowed: false,
    query: (text, values) => session.query(text, values),
    script: (text, copies) => session.script(text, copies),
    answers: (text) => session.answers(text),
    syntaxError: (text) => session.syntaxError(text),
    cancel: () => session.cancel(),
    onLost: (listener) => {
      kept.lost.add(listener)
      if (kept.isLost) listener()
    },
    onNotice: (listener) => void kept.notice.add(listener),
    close: async () => {
      if (closed) return
      closed = true
      kept.lost = new Set()
      kept.notice = new Set()
      if (await clean(session)) giveBack()
      else await session.close()
    },
  }
}

/** Rolls back what is open, and with it frees the lock; then nothing that was set is left. */
async function clean(session: Connection): Promise<boolean> {
  try {
    await rollBackOpen(session)
    await session.query('DISCARD ALL')
    return true
  } catch {
    return false
  }
}
