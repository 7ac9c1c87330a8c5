/**
 * The decision which files get another number, where two branches took the same one or a lower one came late. Pure: what is applied,
 * and what git knows, is read elsewhere.
 */
import type { AppliedMigration } from '../types.ts'
import { canonicalVersion, compareVersions } from '../version.ts'
import { numberAfter } from './numbering.ts'
import { type FileName, parseName, rollbackEnd } from './parse.ts'

export interface RenumberFacts {
  /** All names of the folder; the checksum of a migration where it could be read. */
  readonly files: readonly { readonly file: string; readonly checksum?: string | undefined }[]
  /** Rows of the ledger. Undefined when no database was asked. */
  readonly applied: readonly Pick<AppliedMigration, 'version' | 'name' | 'checksum'>[] | undefined
  /**
   * Files that the base branch has, each with its place in the order in which they came there. Undefined when git cannot tell. They
   * have their numbers in databases everywhere, so the others give way.
   */
  readonly base: ReadonlyMap<string, number> | undefined
  /** What the person chose where nothing else decides: files that are to move. */
  readonly chosen?: readonly string[] | undefined
}

export interface Move {
  /** File names without their folder. */
  readonly from: string
  readonly to: string
  /** Why, in a sentence part: `004 is taken by 004_b.sql, which is applied`. */
  readonly because: string
}

export interface RenumberPlan {
  /** In the order in which they can be carried out: no step needs a name that a later one frees. A rollback comes before its migration. */
  readonly moves: readonly Move[]
  /** Files that share a number, where the person has to say which of them moves. Nothing is to be moved before that. */
  readonly choices: readonly { readonly version: string; readonly files: readonly string[] }[]
  /** What no renaming can mend. */
  readonly problems: readonly { readonly file: string; readonly message: string; readonly hint: string }[]
}

/**
 * Finds the moves after which no number is taken twice and none comes late. A file that is applied never moves, and none of the base branch
 * does because of what only this database has: others have it applied, so what is applied here has to be taken back first. The files of
 * one's own branch keep their order: when one moves behind another of them, that one moves, too.
 */
export function planRenumber(facts: RenumberFacts): RenumberPlan {
  const names = migrationNames(facts)
  const stay = names.map((name) => ({ name, applied: isApplied(name, names, facts) }))
  const choices: { version: string; files: readonly string[] }[] = []
  const problems: RenumberPlan['problems'][number][] = []
  const reasons = new Map<string, string>()
  for (const group of groupByVersion(stay)) {
    const keeper = keeperOf(group, facts)
    if (keeper === 'ask')
      choices.push({ version: group[0]?.name.version ?? '', files: group.map(({ name }) => name.file) })
    else
      for (const { name, applied, because } of leaversOf(group, keeper, facts)) {
        if (applied) problems.push(appliedClash(name, because, facts))
        else if (keeper === undefined && isOnBase(name, facts)) problems.push(baseTaken(name, because, facts))
        else reasons.set(name.file, because)
      }
  }
  const limits = latest(names, facts)
  for (const { name, applied } of stay) {
    if (reasons.has(name.file) || problems.some(({ file }) => file === name.file)) continue
    const ahead = applied ? undefined : aheadOfBase(name, stay, facts)
    const late = lateness(name, facts, limits)
    if (ahead !== undefined) problems.push(appliedAhead(name, ahead, facts))
    else if (late === undefined) continue
    else if (applied) problems.push(appliedLate(name, late, facts))
    else reasons.set(name.file, late)
  }
  return { moves: choices.length > 0 ? [] : movesOf(stay, reasons, facts), choices, problems }
}

interface Standing {
  readonly name: FileName
  readonly applied: boolean
}

function migrationNames({ files }: RenumberFacts): readonly FileName[] {
  return files
    .filter(({ file }) => !file.endsWith(rollbackEnd))
    .flatMap(({ file }) => parseName(file) ?? [])
    .toSorted((a, b) => compareVersions(a.version, b.version) || (a.file < b.file ? -1 : 1))
}

function rowOf({ version }: FileName, { applied }: RenumberFacts): AppliedMigration | undefined {
  return applied?.find((row) => canonicalVersion(row.version) === canonicalVersion(version))
}

// The row says which of two files it is: by the text, or for an edited one by the name.
function isApplied(name: FileName, names: readonly FileName[], facts: RenumberFacts): boolean {
  const row = rowOf(name, facts)
  if (row === undefined) return false
  const same = names.filter(({ version }) => compareVersions(version, name.version) === 0)
  const byText = same.filter(({ file }) => checksumOf(file, facts) === row.checksum)
  if (byText.length > 0) return byText.includes(name) && (byText.length === 1 || name.name === row.name)
  const byName = same.filter((one) => one.name === row.name)
  if (byName.length > 0) return byName.includes(name)
  // The only one, with another name: renamed, unless its text is known to be another as well.
  return same.length === 1 && checksumOf(name.file, facts) === undefined
}

function checksumOf(file: string, { files }: RenumberFacts): string | undefined {
  return files.find((one) => one.file === file)?.checksum
}

function groupByVersion(all: readonly Standing[]): readonly (readonly Standing[])[] {
  const groups = new Map<string, Standing[]>()
  for (const one of all) {
    const version = canonicalVersion(one.name.version)
    groups.set(version, [...(groups.get(version) ?? []), one])
  }
  return [...groups.values()]
}

/** Which of a number's files keeps it; none where a row of another name has it. */
function keeperOf(group: readonly Standing[], facts: RenumberFacts): Standing | 'ask' | undefined {
  const [first] = group
  const applied = group.find((one) => one.applied)
  if (group.length === 1)
    return applied !== undefined || first === undefined || rowOf(first.name, facts) === undefined ? first : undefined
  const staying = group.filter(({ name }) => facts.chosen?.includes(name.file) !== true)
  const [earliest, second] = staying
    .flatMap((one) => ({ one, place: facts.base?.get(one.name.file) ?? Infinity }))
    .toSorted((a, b) => a.place - b.place)
  const onBase = earliest === undefined || earliest.place === (second?.place ?? Infinity) ? undefined : earliest.one
  if (applied !== undefined) return onBase ?? applied
  return staying.length === 1 ? staying[0] : (onBase ?? 'ask')
}

function leaversOf(
  group: readonly Standing[],
  keeper: Standing | undefined,
  facts: RenumberFacts,
): readonly (Standing & { readonly because: string })[] {
  return group
    .filter((one) => one !== keeper)
    .map(({ name, applied }) => ({
      name,
      applied,
      because: `number ${name.version} is taken by ${holder(keeper, name, facts)}`,
    }))
}

function holder(keeper: Standing | undefined, leaver: FileName, facts: RenumberFacts): string {
  if (keeper === undefined) {
    const row = rowOf(leaver, facts)
    return `"${row?.version ?? ''} ${row?.name ?? ''}", which is applied`
  }
  const { file } = keeper.name
  if (keeper.applied) return `${file}, which is applied`
  if (facts.base?.has(file) !== true || facts.chosen?.includes(leaver.file) === true) return file
  return facts.base.has(leaver.file)
    ? `${file}, which came to the base branch first`
    : `${file}, which the base branch has`
}

interface Limits {
  /** Newest applied row, for people, and newest file of the base branch. */
  readonly row: { readonly version: string; readonly label: string } | undefined
  readonly base: FileName | undefined
}

function latest(names: readonly FileName[], { applied, base }: RenumberFacts): Limits {
  const rows = applied?.toSorted((a, b) => compareVersions(a.version, b.version))
  const row = rows?.at(-1)
  return {
    row: row === undefined ? undefined : { version: row.version, label: `"${row.version} ${row.name}"` },
    base: names.findLast(({ file }) => base?.has(file) === true),
  }
}

/** Why a file comes too late for databases that have what is newer; nothing if it does not. */
function lateness(name: FileName, facts: RenumberFacts, { row, base }: Limits): string | undefined {
  const isRecorded = rowOf(name, facts) !== undefined
  if (!isRecorded && row !== undefined && compareVersions(name.version, row.version) < 0)
    return `the later ${row.label} is applied already`
  const isNew = facts.base !== undefined && !facts.base.has(name.file)
  if (isNew && base !== undefined && compareVersions(name.version, base.version) < 0)
    return `the base branch has the later ${base.file} already`
  return undefined
}

/**
 * The oldest row above a file of the base branch that the branch does not have, or got later: there it is in nobody's way, so only this
 * database takes the file for late.
 */
function aheadOfBase(name: FileName, all: readonly Standing[], facts: RenumberFacts): string | undefined {
  const place = facts.base?.get(name.file)
  if (place === undefined || rowOf(name, facts) !== undefined) return undefined
  const newer = (facts.applied ?? []).filter(({ version }) => compareVersions(version, name.version) > 0)
  const known = newer.map((row) => {
    const of = all.find((one) => one.applied && compareVersions(one.name.version, row.version) === 0)
    return { row, place: of === undefined ? Infinity : (facts.base?.get(of.name.file) ?? Infinity) }
  })
  // One that the branch had before makes the file late for everybody.
  if (known.some((one) => one.place < place)) return undefined
  const oldest = known.map(({ row }) => row).toSorted((a, b) => compareVersions(a.version, b.version))[0]
  return oldest === undefined ? undefined : `"${oldest.version} ${oldest.name}"`
}

type Problem = RenumberPlan['problems'][number]

function appliedLate({ file, version }: FileName, late: string, facts: RenumberFacts): Problem {
  const message = `${file} is applied in this database, but it is not in the base branch, and ${late}.`
  return { file, message, hint: takeBack(version, facts, 'then renumber it and migrate again') }
}

function appliedClash({ file, version }: FileName, taken: string, facts: RenumberFacts): Problem {
  const message = `${file} has to move, because ${taken}, but it is applied in this database.`
  return { file, message, hint: takeBack(version, facts, 'then renumber it and migrate again') }
}

function baseTaken({ file, version }: FileName, taken: string, facts: RenumberFacts): Problem {
  const message = `${file} is in the base branch and keeps its number for all who have it applied, but here ${taken}.`
  return { file, message, hint: takeBack(version, facts, 'then migrate again') }
}

function appliedAhead({ file, version }: FileName, ahead: string, facts: RenumberFacts): Problem {
  const message = `${file} is in the base branch and keeps its number for all who have it applied, but here the later ${ahead} is applied already.`
  return { file, message, hint: takeBack(version, facts, 'then migrate again') }
}

/** Everything from a number on. The stored rollbacks do that, whatever files there are. */
function takeBack(version: string, { applied }: RenumberFacts, then: string): string {
  const before = applied?.filter((row) => compareVersions(row.version, version) < 0)
  const stays = before?.toSorted((a, b) => compareVersions(a.version, b.version)).at(-1)?.version ?? '0'
  return `Take back what is applied from number ${version} on (poststack database rollback --target-version ${stays}), ${then}.`
}

function movesOf(
  all: readonly Standing[],
  reasons: ReadonlyMap<string, string>,
  facts: RenumberFacts,
): readonly Move[] {
  const first = all.find(({ name }) => reasons.has(name.file) && isOwn(name, facts))?.name
  if (reasons.size === 0) return []
  const moves: Move[] = []
  // Those that may have to follow keep their number as long as it is above what was given out.
  const mayFollow = ({ name, applied }: Standing): boolean =>
    first !== undefined && !applied && isOwn(name, facts) && compareVersions(name.version, first.version) >= 0
  const staying = all.filter((one) => !reasons.has(one.name.file) && !mayFollow(one)).map(({ name }) => name)
  const taken = [...staying, ...orphans(facts), ...(facts.applied ?? [])].map(({ version }) => version)
  let last = taken.toSorted(compareVersions).at(-1) ?? '0'
  const width = all.toSorted((a, b) => compareVersions(a.name.version, b.name.version)).at(-1)?.name.version.length ?? 0
  let before: string | undefined
  for (const one of all) {
    const { name } = one
    const because = reasons.get(name.file)
    if (because === undefined && !mayFollow(one)) continue
    if (because === undefined && compareVersions(name.version, last) > 0) last = name.version
    else {
      last = numberAfter(last).padStart(width, '0')
      const to = `${last}${name.file.slice(name.version.length)}`
      moves.unshift(
        ...withRollback({ from: name.file, to, because: because ?? `it comes after ${before ?? ''}` }, facts),
      )
    }
    before = name.file
  }
  return moves
}

/** Rollbacks whose migration is gone: their names are not free. */
function orphans({ files }: RenumberFacts): readonly FileName[] {
  const names = new Set(files.map(({ file }) => file))
  return files
    .filter(({ file }) => file.endsWith(rollbackEnd) && !names.has(`${file.slice(0, -rollbackEnd.length)}.sql`))
    .flatMap(({ file }) => parseName(file) ?? [])
}

function isOnBase({ file }: FileName, { base }: RenumberFacts): boolean {
  return base?.has(file) === true
}

/** Of this branch only: nobody else counts on its number. */
function isOwn({ file }: FileName, { base }: RenumberFacts): boolean {
  return base !== undefined && !base.has(file)
}

function withRollback(move: Move, { files }: RenumberFacts): readonly Move[] {
  const [from, to] = [move.from, move.to].map((file) => `${file.slice(0, -'.sql'.length)}${rollbackEnd}`)
  if (from === undefined || to === undefined || files.every(({ file }) => file !== from)) return [move]
  return [{ from, to, because: `it takes ${move.from} back` }, move]
}
