/**
 * Sending a job's SQL, and what came of it.
 */
import type { Connection, ScriptResult } from '../connection.ts'
import type { Part, Script } from '../sql/program.ts'
import type { Refusal } from './failure.ts'
import type { Job, Run } from './run.ts'

export interface Sent {
  /** Whether the session is inside a transaction block now. */
  readonly inTransaction: boolean
  readonly refusal: Refusal | undefined
}

/**
 * Does what has the server work on a file. Meanwhile its notices are told as the file's, and whoever stands in its way is looked for; what the
 * server says about our own statements is of no interest.
 */
export async function whileServerWorks<T>(run: Run, { file }: Job, pid: number, work: () => Promise<T>): Promise<T> {
  run.working = { file, pid }
  try {
    return await work()
  } finally {
    run.working = undefined
  }
}

/** Sends a part's scripts one after the other, from statement number `from` (from 0) of the file on, until one is refused. */
export async function sendPart(work: Connection, job: Job, part: Part, from: number): Promise<Sent> {
  const scripts = part.kind === 'alone' ? [part.script] : part.scripts
  let statement = part.first
  let result: ScriptResult = { completed: 0, lastRows: 0, error: undefined, inTransaction: true }
  for (const whole of scripts) {
    const count = countStatements(job, whole)
    const skip = Math.min(Math.max(0, from - statement), count)
    const script = skip === 0 ? whole : cutBefore(job, whole, statement + skip)
    if (skip < count || count === 0) {
      // oxlint-disable-next-line no-await-in-loop -- each builds on the one before
      result = await work.script(script.text, script.copies)
      const { error, completed } = result
      if (error !== undefined) {
        const refusal = { error, script, statement: statement + skip + completed }
        return { inTransaction: result.inTransaction, refusal }
      }
    }
    statement += count
  }
  return { inTransaction: result.inTransaction, refusal: undefined }
}

function countStatements({ program }: Job, { offset, text }: Script): number {
  const end = offset + text.length
  return program.statements.filter(({ start }) => start >= offset && start < end).length
}

// What is done already is not sent again; data belongs to the last COPY of a script, so it stays with what is left.
function cutBefore({ program }: Job, script: Script, statement: number): Script {
  const start = program.statements[statement]?.start ?? script.offset
  return { ...script, text: script.text.slice(start - script.offset), offset: start }
}
