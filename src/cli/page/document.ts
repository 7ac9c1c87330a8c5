/**
 * What `report` tells of a stack, as plain data: the page and the text for people are made of it. No secret stands in it.
 */
import type { ErrorCode } from '../../errors.ts'
import type { ForeignKey, PrimaryKey } from '../../migrations/keys.ts'
import type { TableFacts } from '../../migrations/tables.ts'
import type { StackStatus } from '../../plan/status.ts'
import type { Cause, PlanWarning, Risk, StepKind } from '../../plan/step.ts'
import type { DatabaseFacts } from '../report/database-facts.ts'
import type { MigrationStanding } from '../report/migration-standing.ts'
import type { ReportRun } from './runs-read.ts'

/** Something that was read, or why it could not be. */
export type Part<Value> = { readonly value: Value } | { readonly missing: Gap }

export interface Gap {
  readonly message: string
  readonly hint?: string
  /** Absent where nothing is wrong: a stack that is down has no tables to show. */
  readonly code?: ErrorCode
}

/** A service as it is declared. */
export interface ReportService {
  readonly name: string
  readonly kind: 'postgres' | 'external' | 'container'
  /** What runs there: `PostgreSQL 17`, `image nginx:1.27`. */
  readonly what: string
  /** Ports of this machine, with those they lead to. */
  readonly ports: readonly string[]
  readonly needs: readonly { readonly service: string; readonly condition: string }[]
  /** Only where it does not run without being named: the profiles that would ask for it. */
  readonly idle?: readonly string[]
}

export interface ReportStep {
  readonly id: number
  readonly subject: string
  readonly kind: StepKind
  readonly cause: Cause
  readonly risk: Risk
  readonly needs: readonly number[]
  /** The step that it takes back, if that one is begun and the plan fails. */
  readonly undoes?: number
  /** Of a blocked one: the ways out. */
  readonly ways?: readonly string[]
  /** Lines of a file with a caret. */
  readonly frame?: readonly string[]
}

export interface ReportPlan {
  readonly blocked: boolean
  readonly steps: readonly ReportStep[]
  readonly warnings: readonly PlanWarning[]
}

export interface ReportSchema {
  /** Without schema `poststack`, which is Poststack's own. */
  readonly tables: readonly TableFacts[]
  readonly primaryKeys: readonly PrimaryKey[]
  readonly foreignKeys: readonly ForeignKey[]
}

export interface ReportDatabase {
  readonly service: string
  readonly database: DatabaseFacts
  /** Absent where none are declared. */
  readonly migrations?: Part<MigrationStanding>
  readonly schema: Part<ReportSchema>
}

export interface Report {
  readonly stack: string
  /** When it was made, ISO 8601. */
  readonly madeAt: string
  /** Version of Poststack. */
  readonly tool: string
  /** Sorted by name. */
  readonly services: readonly ReportService[]
  readonly status: Part<StackStatus>
  readonly plan: Part<ReportPlan>
  /** Sorted by service. */
  readonly databases: readonly ReportDatabase[]
  /** Newest first. */
  readonly runs: Part<readonly ReportRun[]>
}

export function valueOf<Value>(part: Part<Value> | undefined): Value | undefined {
  return part !== undefined && 'value' in part ? part.value : undefined
}

export interface NamedGap extends Gap {
  /** What is not there: `plan`, `migrations of db`. */
  readonly what: string
}

/** All that could not be read. Whatever two parts failed with alike is told once. */
export function gapsOf({ databases, plan, runs, status }: Report): readonly NamedGap[] {
  const parts: readonly (readonly [string, Part<unknown> | undefined])[] = [
    ['states', status],
    ['plan', plan],
    ...databases.flatMap(({ migrations, schema, service }) => [
      [`migrations of ${service}`, migrations] as const,
      [`schema of ${service}`, schema] as const,
    ]),
    ['runs', runs],
  ]
  const gaps: NamedGap[] = []
  for (const [what, part] of parts) {
    if (part === undefined || !('missing' in part)) continue
    const same = gaps.findIndex(({ message }) => message === part.missing.message)
    const before = gaps[same]
    if (before === undefined) gaps.push({ what, ...part.missing })
    else gaps[same] = { ...before, what: `${before.what}, ${what}` }
  }
  return gaps
}
