import { isPoststackError, PoststackError } from '../../errors.ts'
import type { PendingLoss } from '../../migrations/types.ts'
import { label } from '../../plan/labels.ts'
import type { Plan } from '../../plan/step.ts'
import { canAsk, confirmBackup } from '../confirm.ts'
import type { Context, Io } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { finish, runSession, type Session } from '../session.ts'

interface UpFlags extends CommonFlags {
  readonly waitTimeout?: number
  readonly yes: boolean
  readonly backup: boolean
}

/** `poststack up [service…]` */
export async function up(this: Context, flags: UpFlags, ...services: string[]): Promise<void> {
  await runSession(this, flags, async (session) => {
    const waitTimeoutMs = flags.waitTimeout === undefined ? undefined : flags.waitTimeout * 1000
    if (flags.backup) await backUpFirst(await session.stack.plan({ services }), session, this.io)
    const confirm = flags.backup ? undefined : offerBackup(flags.yes, session, this.io)
    const outcome = await session.stack.up({ services, waitTimeoutMs, confirm })
    return finish(outcome, session, this.io.signal)
  })
}

/** Offers a backup where somebody can be asked, and else only says what goes: what runs unattended goes on as it always did. */
function offerBackup(isAgreed: boolean, session: Session, io: Io): (plan: Plan) => Promise<boolean> {
  return async (plan) => {
    const losing = plan.steps.flatMap(({ action, subject }) =>
      action.kind === 'migrate' ? (action.losses ?? []).map((loss) => ({ ...loss, subject })) : [],
    )
    if (isAgreed || !canAsk(io)) {
      for (const subject of new Set(losing.map((loss) => loss.subject))) {
        const lost = losing.filter((loss) => loss.subject === subject).map(lossWords)
        const message = `${lost.join('; ')}. \`up --backup\` makes a backup first.`
        session.report.event({ type: 'warning', subject, message })
      }
      return true
    }
    const wanted = await confirmBackup(losing.map(lossWords), io)
    if (wanted) await backUpFirst(plan, session, io)
    return true
  }
}

function lossWords({ file, line, what }: PendingLoss): string {
  return `${file}, line ${String(line)}, ${what}`
}

/** Of each database that would be migrated, unless there is none yet. */
async function backUpFirst(plan: Plan, { report, stack }: Session, io: Io): Promise<void> {
  const { signal } = io
  const [{ writeBackup }, { declaredSession }] = await Promise.all([
    import('../backups.ts'),
    import('../database-session.ts'),
  ])
  for (const { action } of plan.steps) {
    if (action.kind !== 'migrate' || action.pending.length === 0) continue
    const { service } = action
    if (isNew(service, plan)) continue
    try {
      const session = await declaredSession(stack, service, { io, report, signal })
      const { file } = await writeBackup(session, { schemaOnly: false, verify: false }, new Date())
      report.event({ type: 'notice', message: `${service} is backed up in ${file}` })
    } catch (error) {
      if (isPoststackError(error) && error.code === 'DATABASE_MISSING') continue
      throw isPoststackError(error) && unreachable.has(error.code) ? notRunning(service, error) : error
    }
  }
}

const unreachable: ReadonlySet<string> = new Set(['DATABASE_UNREACHABLE', 'NOT_RUNNING'])

function isNew(service: string, { steps }: Plan): boolean {
  return steps.some(
    ({ action }) => action.kind === 'create-volume' && action.labels[label.volume] === `${service}-data`,
  )
}

/** It has data, and would be migrated as soon as it is started. */
function notRunning(service: string, cause: PoststackError): PoststackError {
  return new PoststackError(cause.code, `${service} cannot be backed up before it is migrated: it does not answer.`, {
    hint: `Start it alone: poststack container start ${service}\nOr leave out --backup.`,
    details: { service },
    cause,
  })
}
