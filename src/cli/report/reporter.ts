/**
 * What a command says, in whatever form: `human` and `json` implement it.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import type { LogLevel } from '../../config/choices.ts'
import type { CommonFlags } from '../flags.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { Document } from './documents.ts'
import type { Plan } from '../../plan/step.ts'
import type { CallingFlags } from './called.ts'

/** What a command was called with, as far as that decides what it says. */
export type ReportFlags = Pick<CommonFlags, 'json' | 'color' | 'verbose' | 'quiet'> & CallingFlags

/** What tells a person, or a program, of it. */
export interface Speaker {
  /** Something happened during a run. */
  readonly event: (event: StackEvent) => void
  plan(plan: Plan): void
  outcome(outcome: Outcome): void
  /** The outcome of one of many runs; the work goes on. */
  ran(outcome: Outcome): void
  status(status: StackStatus): void
  /** The answer of a command: as a document, and the same as text for people. */
  result(document: Document, text: string): void
  /** Text for people only, such as what is asked about; nothing where a program reads. */
  say(text: string): void
  /** Nothing is drawn while the body talks with a person by itself. */
  aside<Result>(body: () => Promise<Result>): Promise<Result>
  /** The command failed with an error that Poststack understands. */
  error(error: ErrorRecord): void
  /** Something was thrown that should not have been. */
  bug(error: unknown): void
  /** Clears whatever is drawn only while work goes on. */
  close(): void
}

export interface LogPlace {
  /** Absolute path. */
  readonly folder: string
  /** What is written, and what is more important; nothing when undefined. */
  readonly level: LogLevel | undefined
}

export interface Reporter extends Speaker {
  /** From now on what is done is written to the log of this project, too; and what was said before, if something is done. */
  keepLog(place: LogPlace): void
}
