/**
 * What one line of `--json` can be. the schemas in docs/json/ are made from these types.
 */
import type { BugRecord, ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { Plan } from '../../plan/step.ts'
import type { Document } from './documents.ts'

/** The plan, before anything of it is done. */
export interface PlanLine extends Plan {
  readonly type: 'plan'
  /** Something stands in the way of it; the steps say what. */
  readonly blocked: boolean
}

type PlanFacts = Pick<
  Plan,
  'goal' | 'stack' | 'project' | 'runtime' | 'selected' | 'keptVolumes' | 'warnings' | 'unchanged'
>

/** What became of every step. */
export interface OutcomeLine extends Omit<Outcome, 'plan'>, PlanFacts {
  readonly type: 'outcome'
}

/** How the stack stands. */
export interface StatusLine extends StackStatus {
  readonly type: 'status'
}

/** The command failed. */
export interface ErrorLine {
  readonly type: 'error'
  /** With code `BUG`: something was thrown that should not have been. */
  readonly error: ErrorRecord | BugRecord
}

/** The answer of `poststack version`. */
export interface VersionLine {
  readonly type: 'version'
  readonly poststack: string
  readonly node: string
}

/** A line without its `version`, which `json.ts` puts in front. */
export type JsonLine = PlanLine | OutcomeLine | StatusLine | ErrorLine | VersionLine | StackEvent | Document
