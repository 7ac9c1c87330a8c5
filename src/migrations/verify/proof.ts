/**
 * What a try-out of a rollback can show, and how it is told.
 */
import type { Finding, FindingRule } from './files.ts'

/** What became of one rollback. */
export interface RollbackProof {
  readonly version: string
  readonly name: string
  readonly file: string
  /**
   * `exact`: the schema is as before, and the same again when it is applied anew. `column-order`: the same but for the order of columns.
   * `irreversible`: what is left is what PostgreSQL cannot take back, such as enum values. `missing`: there is no rollback file.
   * `not-tried`: it reaches beyond its database, and trying it would change that for all of the server. `apply-fails`: the migration
   * itself fails on a database that has those before it, so none after it was tried either.
   */
  readonly verdict:
    | 'exact'
    | 'column-order'
    | 'irreversible'
    | 'not-restored'
    | 'fails'
    | 'missing'
    | 'not-tried'
    | 'apply-fails'
  /** What differs, one object a line; or the error. */
  readonly lines: readonly string[]
}

const findings: Readonly<
  Record<
    RollbackProof['verdict'],
    | {
        readonly rule: FindingRule
        readonly severity: Finding['severity']
        readonly says: string
        readonly hint: string
      }
    | undefined
  >
> = {
  exact: undefined,
  missing: {
    rule: 'rollback-missing',
    severity: 'warning',
    says: 'has no rollback',
    hint: 'Write the .rollback.sql file beside it, if it is to be taken back one day.',
  },
  'column-order': {
    rule: 'rollback-column-order',
    severity: 'warning',
    says: 'is restored by its rollback but for the order of columns, which PostgreSQL cannot put back',
    hint: 'Nothing, unless something reads columns by their place.',
  },
  irreversible: {
    rule: 'rollback-irreversible',
    severity: 'warning',
    says: 'leaves behind what PostgreSQL cannot take back',
    hint: 'To get rid of enum values, make the type anew under another name and move the columns over.',
  },
  'not-restored': {
    rule: 'rollback-not-restored',
    severity: 'error',
    says: 'is not restored by its rollback',
    hint: 'Correct the rollback file so that it takes back what is listed.',
  },
  'not-tried': {
    rule: 'rollback-not-tried',
    severity: 'warning',
    says: 'was not tried, because it reaches beyond its database',
    hint: 'Try it on a server of its own, for example that of CI.',
  },
  fails: {
    rule: 'rollback-fails',
    severity: 'error',
    says: 'cannot be rolled back: its rollback fails',
    hint: 'Correct the rollback file.',
  },
  'apply-fails': {
    rule: 'apply-fails',
    severity: 'error',
    says: 'cannot be applied to an empty database after those before it, so nothing from it on was tried',
    hint: 'Correct it, or add what it needs to a migration before it.',
  },
}

/** A proof as something to report; nothing for an exact one. */
export function findingOfProof({ version, file, verdict, lines }: RollbackProof): Finding | undefined {
  const kind = findings[verdict]
  if (kind === undefined) return undefined
  const { rule, severity, says, hint } = kind
  return { severity, rule, version, file, line: undefined, message: `${file} ${says}.`, hint, lines }
}
