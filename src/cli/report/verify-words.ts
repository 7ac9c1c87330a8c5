/**
 * What was found by `verify-migrations`, as text for people. Pure; no colour.
 */
import type { Finding } from '../../migrations/verify/files.ts'
import { counted, placeText } from './database-words.ts'
import type { VerificationDocument } from './documents.ts'
import { hintLines } from './words.ts'

/** Each finding with its lines and what to do, and a sum at the end. */
export function verificationText({ applied, database, files, findings, proofs }: VerificationDocument): string {
  const lines = findings.flatMap(findingLines)
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.length - errors
  const looked = [counted(files, 'file'), `${String(applied)} applied`]
  if (proofs.length > 0)
    looked.push(`${counted(proofs.filter(({ verdict }) => tried(verdict)).length, 'rollback')} tried`)
  const sum =
    findings.length === 0
      ? 'nothing is wrong'
      : [
          ...(errors === 0 ? [] : [counted(errors, 'error')]),
          ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
        ].join(', ')
  // On a terminal the progress of the proofs stands right above.
  const gap = proofs.length > 0 && lines.length > 0 ? [''] : []
  return [...gap, ...lines, `${sum}: ${looked.join(', ')}, in ${placeText(database)}`, ''].join('\n')
}

function tried(verdict: VerificationDocument['proofs'][number]['verdict']): boolean {
  return verdict !== 'missing' && verdict !== 'not-tried' && verdict !== 'apply-fails'
}

function findingLines({ file, hint, line, lines, message, rule, severity }: Finding): readonly string[] {
  const at = file === undefined || line === undefined ? '' : `${file}:${String(line)}  `
  return [
    `${severity === 'error' ? 'error  ' : 'warning'}  ${at}${message}  [${rule}]`,
    ...lines.map((text) => `         ${text}`.trimEnd()),
    ...hintLines(hint).map((text) => `         ${text}`.trimEnd()),
    '',
  ]
}
