/**
 * Files that cannot be used, as findings: texts that `migrate` would refuse, and what is wrong with a folder's names.
 */
import type { Connection } from '../connection.ts'
import { parseName } from '../files/parse.ts'
import { placeIn } from '../files/place-in.ts'
import type { FileProblem } from '../files/text.ts'
import type { LedgerRow } from '../ledger/rows.ts'
import { resolveMigrations } from '../resolve.ts'
import { findProblems, textsOf } from '../run/prepare.ts'
import type { FileProblems } from '../run/refused.ts'
import { codeFrame } from '../sql/frame.ts'
import type { MigrationFolder } from '../types.ts'
import type { Finding } from './files.ts'

/** Looks at every pending text and its rollback as a run would, and asks the server about what the parser does not understand. */
export async function verifyTexts(
  work: Connection,
  { migrations }: MigrationFolder,
  rows: readonly LedgerRow[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const migration of resolveMigrations(migrations, rows).pending) {
    // oxlint-disable-next-line no-await-in-loop -- the parser works on one text at a time
    const files = await findProblems({ work }, textsOf(migration))
    findings.push(...files.flatMap((one) => findingsOfText(migration.version, one)))
  }
  return findings
}

function findingsOfText(version: string, { file, text, problems }: FileProblems): readonly Finding[] {
  return problems.map(({ index, message, hint }) => {
    const found = placeIn({ file, ...text }, index)
    const { line, column } = found.place
    // What stands in an included file has its place there, and only the message can say so.
    const own = found.file === file ? { line, column } : { line: undefined, column: undefined }
    return {
      severity: 'error',
      rule: 'invalid',
      version,
      file,
      ...own,
      message: `${found.file}, line ${line}, column ${column}: ${message}`,
      hint,
      lines: codeFrame(found.text, found.place).split('\n'),
    }
  })
}

/** What keeps a folder from being read. */
export function findingsOfFolder(problems: readonly FileProblem[]): readonly Finding[] {
  return problems.map(({ file: at, includedBy, line: found, message, hint, missing }) => {
    const file = includedBy ?? at
    const version = missing ?? parseName(file)?.version ?? ''
    const line = includedBy === undefined ? found : undefined
    return { severity: 'error', rule: 'invalid', version, file, line, message, hint, lines: [] }
  })
}
