/**
 * Reads what a report tells of: the stack, its databases, the log. Nothing is changed or written, and what cannot be read is told in its
 * place, so that the rest can be seen.
 */
import type { Config, ServiceConfig } from '../../config/types.ts'
import { errorCodes, ExitCode, isPoststackError, PoststackError } from '../../errors.ts'
import { diskReason } from '../../execute/backup/disk-words.ts'
import type { LogEntry } from '../../execute/log/lines.ts'
import { logCategories } from '../../execute/log/log-files.ts'
import { readLog } from '../../execute/log/read-log.ts'
import { readKeys } from '../../migrations/keys.ts'
import { readTables } from '../../migrations/tables.ts'
import { isBlocked } from '../../plan/format.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { Plan } from '../../plan/step.ts'
import type { Stack } from '../../stack.ts'
import type { Io } from '../context.ts'
import { type DatabaseSession, lookInto } from '../database-session.ts'
import type { CommonFlags } from '../flags.ts'
import { readMigrationStates } from '../migration-states.ts'
import type { Reporter } from '../report/reporter.ts'
import {
  type Gap,
  gapsOf,
  type Part,
  type ReportDatabase,
  type Report,
  type ReportPlan,
  type ReportService,
  valueOf,
} from './document.ts'
import { type ReportRun, runsOf } from './runs-read.ts'

interface Surroundings {
  readonly flags: CommonFlags
  readonly io: Io
  readonly report: Reporter
  /** Absolute path of the folder of the logs. */
  readonly logs: string
  readonly now: Date
}

const shownRuns = 20

export async function gatherReport(stack: Stack, around: Surroundings): Promise<Report> {
  const { io, logs, now } = around
  const { config } = stack
  const [status, plan, runs] = await Promise.all([
    attempt(io, () => stack.status()),
    attempt(io, async () => planOf(await stack.plan())),
    attempt(io, () => readRuns(logs)),
  ])
  const databases = await Promise.all(
    config.services.flatMap((service) =>
      service.kind === 'container' ? [] : [readDatabase(stack, service, { ...around, status })],
    ),
  )
  return {
    stack: config.name,
    madeAt: now.toISOString(),
    tool: POSTSTACK_VERSION,
    services: config.services.map((service) => describe(service, config)),
    status,
    plan,
    databases,
    runs,
  }
}

/** The code of the first thing that went wrong. That something is not running is no failure of a report. */
export function exitCodeOfReport(document: Report): ExitCode {
  const [first] = gapsOf(document).flatMap(({ code }) => (code === undefined ? [] : [errorCodes[code]]))
  return first ?? ExitCode.ok
}

async function attempt<Value>({ signal }: Io, read: () => Promise<Value>): Promise<Part<Value>> {
  try {
    return { value: await read() }
  } catch (error) {
    if (!isPoststackError(error) || signal.aborted) throw error
    const { code, hint, message } = error
    return { missing: { code, message, ...(hint === undefined ? {} : { hint }) } }
  }
}

function planOf(plan: Plan): ReportPlan {
  return {
    blocked: isBlocked(plan),
    warnings: plan.warnings,
    steps: plan.steps.map(({ action, cause, id, needs, risk, subject, undo }) => ({
      id,
      subject,
      kind: action.kind,
      cause,
      risk,
      needs,
      ...(undo === undefined ? {} : { undoes: undo.of }),
      ...(action.kind === 'blocked' ? blockedBy(action) : {}),
    })),
  }
}

function blockedBy({ frame, ways }: Extract<Plan['steps'][number]['action'], { kind: 'blocked' }>) {
  return { ways, ...(frame === undefined ? {} : { frame }) }
}

async function readRuns(folder: string): Promise<readonly ReportRun[]> {
  const entries: LogEntry[] = []
  const onEntry = (entry: LogEntry): void => {
    entries.push(entry)
  }
  try {
    await readLog({ folder, categories: logCategories, filter: {}, tail: Number.MAX_SAFE_INTEGER, onEntry })
  } catch (error) {
    const reason = diskReason(error)
    if (reason === undefined) throw error
    throw new PoststackError('REPORT_FAILED', `The log in ${folder} cannot be read: ${reason}.`, {
      hint: 'Correct the rights of this user on it.',
      details: { folder },
      cause: error,
    })
  }
  return runsOf(entries, shownRuns)
}

type DatabaseService = Exclude<ServiceConfig, { kind: 'container' }>

async function readDatabase(
  stack: Stack,
  service: DatabaseService,
  { flags, io, report, status }: Surroundings & { readonly status: Part<StackStatus> },
): Promise<ReportDatabase> {
  const { name } = service
  const { database, host, port, user } = await stack.database({ service: name })
  const inside = { flags: { ...flags, service: name }, io, report }
  const down = whyNotAsked(service, valueOf(status))
  const read = async <Value>(body: (session: DatabaseSession) => Promise<Value>): Promise<Part<Value>> =>
    down === undefined ? await attempt(io, () => lookInto(stack, inside, body)) : { missing: down }
  const [migrations, schema] = await Promise.all([
    service.migrations === undefined
      ? undefined
      : read(async (session) => (await readMigrationStates(session)).standing),
    read(({ look }) =>
      look(async (connection) => {
        const { foreignKeys, primaryKeys } = await readKeys(connection)
        const tables = await readTables(connection)
        return {
          tables: tables.filter((table) => !isOurs(table)),
          primaryKeys: primaryKeys.filter((key) => !isOurs(key)),
          foreignKeys: foreignKeys.filter((key) => !isOurs(key)),
        }
      }),
    ),
  ])
  return {
    service: name,
    database: { service: name, host, port, user, database },
    ...(migrations === undefined ? {} : { migrations }),
    schema,
  }
}

function isOurs({ schema }: { readonly schema: string }): boolean {
  return schema === 'poststack'
}

/** A server of the stack that does not run has nothing to say, and nobody has to wait for it. */
function whyNotAsked({ idle, kind, name }: DatabaseService, status: StackStatus | undefined): Gap | undefined {
  const state = status?.services.find(({ service }) => service === name)?.state
  if (state !== 'absent' && state !== 'stopped') return undefined
  if (idle !== undefined)
    return { message: `${name} was not asked for.`, hint: `With --profile ${idle.join(' or ')} it runs.` }
  return kind === 'postgres'
    ? { message: `${name} is not running.`, hint: `Start it: poststack up ${name}` }
    : undefined
}

function describe(service: ServiceConfig, { root }: Config): ReportService {
  const { dependsOn, idle, kind, name } = service
  return {
    name,
    kind,
    what: whatRuns(service, root),
    ports: portsOf(service),
    needs: dependsOn,
    ...(idle === undefined ? {} : { idle }),
  }
}

function whatRuns(service: ServiceConfig, root: string): string {
  if (service.kind === 'external') return 'PostgreSQL elsewhere'
  if (service.kind === 'postgres')
    return `PostgreSQL ${String(service.version)}${service.image === undefined ? '' : ` (image ${service.image})`}`
  const { build, image } = service
  if (build === undefined) return `image ${image ?? ''}`
  return `built from ${build.dockerfile.startsWith(`${root}/`) ? build.dockerfile.slice(root.length + 1) : build.dockerfile}`
}

function portsOf(service: ServiceConfig): readonly string[] {
  if (service.kind !== 'container') return [String(service.port)]
  return service.ports.flatMap(({ container, host, protocol }) =>
    host === undefined ? [] : [`${String(host)} → ${String(container)}${protocol === 'udp' ? ' (udp)' : ''}`],
  )
}
