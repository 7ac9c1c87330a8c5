/**
 * Checks migrations and says everything that is wrong with them. Changes nothing in the database that is checked.
 */
import { isPoststackError } from '../../errors.ts'
import { readLedgerRows } from '../ledger/rows.ts'
import { findHolder } from '../lock/lock.ts'
import type { MigrationFolder } from '../types.ts'
import { verifyDrift } from './drift.ts'
import { type Finding, verifyFiles } from './files.ts'
import { findingOfProof, type RollbackProof } from './proof.ts'
import { proveRollbacks } from './rollbacks.ts'
import type { ServerAccess } from './scratch.ts'
import { verifyTexts } from './texts.ts'
import { asking } from '../own-path.ts'

export interface VerifyOptions extends ServerAccess {
  readonly folder: MigrationFolder
  readonly signal: AbortSignal
  readonly toolVersion: string
  /** Prove every rollback on a throw-away database of the same server. @default false */
  readonly rollbacks?: boolean | undefined
  /** Compare the live schema with the recorded one. @default false */
  readonly drift?: boolean | undefined
  /** Called with each rollback as soon as it is proved. */
  readonly onProof?: ((proof: RollbackProof, number: number, total: number) => void) | undefined
}

export interface VerifyReport {
  /** No error among the findings. */
  readonly ok: boolean
  readonly files: number
  /** How many the database has; half-done ones do not count. */
  readonly applied: number
  readonly findings: readonly Finding[]
  /** One for each file, where rollbacks were proved. */
  readonly proofs: readonly RollbackProof[]
}

/** Fails only when the database or the files cannot be read; what is wrong with them is in the report. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { connect, folder, signal } = options
  const connection = await asking(connect)({ applicationName: 'poststack verify', signal })
  try {
    const rows = await readLedgerRows(connection)
    const half = rows.some(({ unfinished }) => unfinished !== undefined)
    const run = half ? await findHolder(connection) : undefined
    const findings: Finding[] = [...(await verifyFiles(folder, rows, run))]
    findings.push(...(await verifyTexts(connection, folder, rows)))
    if (options.drift === true && rows.length > 0) findings.push(...(await verifyDrift(connection, rows)))
    const { proofs, unproved } = options.rollbacks === true ? await prove(options) : { proofs: [] }
    findings.push(...proofs.flatMap((proof) => findingOfProof(proof) ?? []), ...(unproved ?? []))
    const ok = findings.every(({ severity }) => severity !== 'error')
    const applied = rows.filter(({ state }) => state === 'applied').length
    return { ok, files: folder.migrations.length, applied, findings, proofs }
  } finally {
    await connection.close()
  }
}

interface Proved {
  readonly proofs: readonly RollbackProof[]
  readonly unproved?: readonly Finding[]
}

/** Where there is no database to try in, that is a finding too: what was found before is not lost for it. */
async function prove(options: VerifyOptions): Promise<Proved> {
  try {
    return { proofs: await proveRollbacks(options) }
  } catch (error) {
    if (!isPoststackError(error) || (error.code !== 'STEP_FAILED' && error.code !== 'DATABASE_POOLED')) throw error
    const where = { version: '', file: undefined, line: undefined, lines: [] }
    const message = `No rollback was proved. ${error.message}`
    return {
      proofs: [],
      unproved: [{ severity: 'error', rule: 'rollback-not-tried', ...where, message, hint: error.hint ?? '' }],
    }
  }
}
