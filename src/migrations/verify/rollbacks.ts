/**
 * Proves rollbacks: each migration is applied to a throw-away database, rolled back and applied again, and the schema compared
 * before, between and after. What a rollback forgets shows here, and nowhere else before it is needed.
 */
import { type ErrorCode, isPoststackError, type PoststackError } from '../../errors.ts'
import type { Connection } from '../connection.ts'
import { checksum } from '../files/parse.ts'
import { baseline } from '../run/baseline.ts'
import { migrate } from '../run/migrate.ts'
import { rollback } from '../run/rollback.ts'
import type { RunOptions } from '../run/run.ts'
import type { Migration, MigrationFolder } from '../types.ts'
import { describeDifference } from '../snapshot/describe.ts'
import { judgeRollback, type SchemaDifference } from '../snapshot/difference.ts'
import { withinDatabase } from './beyond.ts'
import type { RollbackProof } from './proof.ts'
import { type Scratch, type ServerAccess, withScratch } from './scratch.ts'
import { prepareSnapshots } from '../snapshot/read.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'

export interface ProofOptions extends ServerAccess {
  readonly folder: MigrationFolder
  readonly signal: AbortSignal
  readonly toolVersion: string
  /** Proves the newest alone; those before it are only applied. @default false */
  readonly newestOnly?: boolean | undefined
  readonly onProof?: ((proof: RollbackProof, number: number, total: number) => void) | undefined
}

/** Goes through the whole folder, from an empty database on. Fails only when there is no database to try in. */
export async function proveRollbacks(options: ProofOptions): Promise<readonly RollbackProof[]> {
  const { folder, signal, onProof, toolVersion, newestOnly = false } = options
  const tried = folder.migrations.map(withoutBeyond)
  const migrations = tried.map(({ migration }) => migration)
  return await withScratch(options, signal, async (make) => {
    const trial: Trial = {
      folder: { ...folder, migrations },
      signal,
      toolVersion,
      make,
      scratch: await make(),
      straight: undefined,
      camera: undefined,
      base: undefined,
      spoilt: false,
      skipped: new Set(),
    }
    const proofs: RollbackProof[] = []
    const wanted = newestOnly ? tried.slice(-1) : tried
    try {
      if (newestOnly) await reach(trial, tried.slice(0, -1))
      for (const one of wanted) {
        // oxlint-disable-next-line no-await-in-loop -- each stands on the one before
        const proof = await prove(trial, one)
        proofs.push(proof)
        onProof?.(proof, proofs.length, wanted.length)
        if (proof.verdict === 'apply-fails') break
      }
    } finally {
      await putAway(trial)
    }
    return proofs
  })
}

interface Trial extends Pick<ProofOptions, 'folder' | 'signal' | 'toolVersion'> {
  readonly make: () => Promise<Scratch>
  /** Where migrations are applied and rolled back. */
  readonly scratch: Scratch
  /** Made when it is needed: here each migration is applied once, and none rolled back. It is what the other is made anew from. */
  straight: Scratch | undefined
  /** A session of the first that takes its snapshots; opened when it is needed. */
  camera: Camera | undefined
  /** The schema that the next migration is to find. */
  base: Snapshot | undefined
  /** A rollback has left its traces in the first. */
  spoilt: boolean
  /** Versions that cannot be tried at all and are only recorded. */
  readonly skipped: Set<string>
}

interface Camera {
  readonly session: Connection
  readonly take: () => Promise<Snapshot>
}

interface Tried {
  readonly migration: Migration
  /** What of it or of its rollback is left out of the try-out. */
  readonly beyond: readonly string[]
}

/** A migration without what would reach beyond its database; then its rollback cannot be judged either. */
function withoutBeyond(migration: Migration): Tried {
  const { sql, taken } = withinDatabase(migration.sql)
  const back = migration.rollback === undefined ? [] : withinDatabase(migration.rollback.sql).taken
  if (taken.length + back.length === 0) return { migration, beyond: [] }
  const beyond = [...new Set([...taken, ...back])]
  return { migration: { ...migration, sql, checksum: checksum(sql), rollback: undefined }, beyond }
}

/** Applies what comes before, unproved. What reaches beyond this database is left out of it, so that it may fail. */
async function reach(trial: Trial, before: readonly Tried[]): Promise<void> {
  const last = before.at(-1)
  if (last !== undefined) await apply(trial, trial.scratch, last.migration)
}

async function prove(trial: Trial, { migration, beyond }: Tried): Promise<RollbackProof> {
  const { version, name, file } = migration
  const say = (verdict: RollbackProof['verdict'], lines: readonly string[]): RollbackProof => ({
    version,
    name,
    file,
    verdict,
    lines,
  })
  await standBefore(trial, migration)
  const before = trial.base ?? (await snapshotOf(trial))
  trial.base = before
  const failure = await failureOf(apply(trial, trial.scratch, migration))
  if (failure !== undefined) {
    if (beyond.length === 0) return say('apply-fails', failure.message.split('\n'))
    // It may need the very role that was not created; those after it may do without.
    trial.skipped.add(version)
    trial.spoilt = true
    return say('not-tried', [...beyond, `nor can the rest of it be applied: ${failure.message.split('\n', 1)[0]}`])
  }
  const after = await snapshotOf(trial)
  trial.base = after
  if (beyond.length > 0) return say('not-tried', beyond)
  const done = await takeBack(trial, migration, { before, after })
  // Only a rollback that left no trace may be built upon.
  trial.spoilt = done.verdict !== 'exact' && done.verdict !== 'missing'
  return say(done.verdict, done.lines)
}

/** Makes the scratch database anew where a rollback has left its traces, up to the migration before this one. */
async function standBefore(trial: Trial, migration: Migration): Promise<void> {
  if (!trial.spoilt) return
  const { migrations } = trial.folder
  const done = migrations.slice(0, migrations.indexOf(migration))
  trial.straight ??= await trial.make()
  for (const one of stretches(done, trial.skipped)) {
    // oxlint-disable-next-line no-await-in-loop -- each stands on the one before
    await (trial.skipped.has(one.version) ? record(trial, trial.straight, one) : apply(trial, trial.straight, one))
  }
  await putAway(trial)
  await trial.scratch.reset(trial.straight)
}

/** Where to stop on the way: at each migration that is only recorded, before it, and at the end. */
function stretches(migrations: readonly Migration[], skipped: ReadonlySet<string>): readonly Migration[] {
  return migrations.filter(({ version }, index) => {
    const next = migrations[index + 1]
    return next === undefined || skipped.has(version) || skipped.has(next.version)
  })
}

interface Schemas {
  readonly before: Snapshot
  readonly after: Snapshot
}

async function takeBack(
  trial: Trial,
  migration: Migration,
  { before, after }: Schemas,
): Promise<Pick<RollbackProof, 'verdict' | 'lines'>> {
  if (migration.rollback === undefined) return { verdict: 'missing', lines: [] }
  const failure = await failureOf(rollback({ ...runOptions(trial, trial.scratch), steps: 1 }))
  if (failure !== undefined) return { verdict: 'fails', lines: failure.message.split('\n') }
  const { verdict, differences } = judgeRollback(before, await snapshotOf(trial))
  if (verdict === 'not-restored') return { verdict, lines: describe(differences) }
  // What is left of it can still stand in the way of a second time.
  const again = await failureOf(apply(trial, trial.scratch, migration))
  if (again !== undefined) {
    if (verdict === 'irreversible') return { verdict, lines: describe(differences) }
    return { verdict: 'not-restored', lines: ['it cannot be applied again:', ...again.message.split('\n')] }
  }
  const second = judgeRollback(after, await snapshotOf(trial))
  if (second.verdict === 'not-restored')
    return {
      verdict: 'not-restored',
      lines: ['applied again, the schema is another:', ...describe(second.differences)],
    }
  return {
    verdict: verdict === 'exact' ? second.verdict : verdict,
    lines: describe([...differences, ...second.differences]),
  }
}

function describe(differences: readonly SchemaDifference[]): readonly string[] {
  return [...new Set(differences.map(describeDifference))]
}

async function apply(trial: Trial, scratch: Scratch, { version }: Migration): Promise<void> {
  await migrate({ ...runOptions(trial, scratch), folder: trial.folder, target: version })
}

async function record(trial: Trial, scratch: Scratch, { version }: Migration): Promise<void> {
  await baseline({ ...runOptions(trial, scratch), folder: trial.folder, version })
}

function runOptions({ signal, toolVersion }: Trial, { connect }: Scratch): RunOptions {
  return { connect, signal, toolVersion, lockTimeoutMs: 0, recordsSchema: false }
}

async function snapshotOf(trial: Trial): Promise<Snapshot> {
  trial.camera ??= await setUp(trial)
  return await trial.camera.take()
}

async function setUp({ scratch, signal }: Trial): Promise<Camera> {
  const session = await scratch.connect({ applicationName: 'poststack verify', signal })
  return { session, take: await prepareSnapshots(session) }
}

/** Its database is about to go. */
async function putAway(trial: Trial): Promise<void> {
  await trial.camera?.session.close()
  trial.camera = undefined
}

// These say nothing about the migration: there is no server to try it on any more, or somebody wants it to end.
const otherReasons: ReadonlySet<ErrorCode> = new Set([
  'INTERRUPTED',
  'TERMINATED',
  'DATABASE_UNREACHABLE',
  'PASSWORD_REJECTED',
  'LOCK_TIMEOUT',
  'LOCK_LOST',
])

async function failureOf(work: Promise<unknown>): Promise<PoststackError | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isPoststackError(error) && !otherReasons.has(error.code)) return error
    throw error
  }
}
