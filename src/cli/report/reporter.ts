/**
 * What a command says, in whatever form: `human` and `json` implement it.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { Outcome, StackEvent } from '../../events.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { Plan } from '../../plan/step.ts'

export interface Reporter {
  /** Something happened during a run. */
  readonly event: (event: StackEvent) => void
  plan(plan: Plan): void
  outcome(outcome: Outcome): void
  status(status: StackStatus): void
  /** The command failed with an error that Poststack understands. */
  error(error: ErrorRecord): void
  /** Something was thrown that should not have been. */
  bug(error: unknown): void
  /** Clears whatever is drawn only while work goes on. */
  close(): void
}
