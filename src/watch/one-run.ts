/**
 * One run of the watch: `up`, and where that is refused because migrations were edited or are gone, the way back first.
 */
import { type ErrorCode, isPoststackError } from '../errors.ts'
import type { Emit, Outcome } from '../events.ts'
import type { DeclaredDatabase } from '../execute/database/choice.ts'
import type { DatabaseChoice } from '../plan/choose-database.ts'
import { selectServices } from '../plan/order.ts'
import type { Plan } from '../plan/step.ts'
import type { EndOptions } from '../runtime/runtime.ts'
import type { InputSources } from './inputs.ts'
import type { Proofs } from './proofs.ts'
import { type ConfirmTakeBack, type OnEdit, type TakeBackEnd, takeBackEdits } from './take-back.ts'

/** What watching needs of a stack that was opened. */
export interface WatchedStack extends InputSources {
  plan(options: { readonly services: readonly string[] }): Promise<Plan>
  up(options: {
    readonly services: readonly string[]
    readonly expectsChange: boolean
    readonly pull: boolean
  }): Promise<Outcome>
  database(choice: DatabaseChoice): Promise<DeclaredDatabase>
  watchEnds(options: EndOptions & { readonly services: readonly string[] }): Promise<void>
  close(): Promise<void>
}

export interface RunRequest {
  readonly stack: WatchedStack
  /** Only these and what they depend on; all when empty. */
  readonly services: readonly string[]
  /** Files have changed, so that there is something to do. */
  readonly expectsChange: boolean
  /** Somebody asked for the run: images that are always pulled are pulled. */
  readonly pull: boolean
  readonly onEdit: OnEdit
  readonly proofs: Proofs
  readonly confirm?: ConfirmTakeBack | undefined
  /** Given when files have changed since the run began. */
  readonly changed: AbortSignal
  readonly emit: Emit
  readonly signal: AbortSignal
}

/**
 * Makes the stack as declared. Fails as `up` does, and as taking back does. Nothing where files have changed before anything was taken back: then
 * it is to be begun anew.
 */
export async function runOnce(request: RunRequest): Promise<Outcome | undefined> {
  const { stack, services, expectsChange, pull } = request
  let refused: () => Outcome
  try {
    const outcome = await stack.up({ services, expectsChange, pull })
    // Where the database did not run yet, what is wrong with its migrations shows only under way.
    if (!outcome.results.some(({ error }) => error !== undefined && isMendable(error.code))) return outcome
    refused = () => outcome
  } catch (error) {
    if (!isPoststackError(error) || !isMendable(error.code)) throw error
    refused = () => {
      throw error
    }
  }
  const end = await takeBack(request)
  if (end === 'stale') return undefined
  return end === 'nothing' ? refused() : await stack.up({ services, expectsChange: true, pull: false })
}

/** The selected databases that Poststack runs itself and migrates. */
export async function ownedDatabases({
  stack,
  services,
}: Pick<RunRequest, 'stack' | 'services'>): Promise<readonly DeclaredDatabase[]> {
  const selected = selectServices(stack.config.services, services)
  const owned = selected.filter((service) => service.kind === 'postgres' && service.migrations !== undefined)
  return await Promise.all(owned.map(({ name }) => stack.database({ service: name })))
}

const mendable: ReadonlySet<ErrorCode> = new Set(['MIGRATION_CHANGED', 'MIGRATION_MISSING', 'MIGRATION_LATE'])

function isMendable(code: ErrorCode): boolean {
  return mendable.has(code)
}

async function takeBack(request: RunRequest): Promise<TakeBackEnd> {
  const { changed, confirm, emit, onEdit, proofs, signal } = request
  let all: TakeBackEnd = 'nothing'
  for (const database of await ownedDatabases(request)) {
    // oxlint-disable-next-line no-await-in-loop -- each may ask, and a person answers one question after the other
    const end = await takeBackEdits({ database, onEdit, proofs, confirm, changed, emit, signal })
    if (end === 'stale') return end
    if (end === 'done') all = end
  }
  return all
}
