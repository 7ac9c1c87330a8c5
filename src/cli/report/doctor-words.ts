/**
 * The answer of `doctor`, as text for people. Pure; no colour.
 */
import type { Finding } from '../../execute/doctor/finding.ts'
import type { DoctorDocument } from './upkeep-documents.ts'
import { hintLines } from './words.ts'

const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok      ', note: 'note    ', problem: 'problem ' }

export function doctorText({ findings, works }: DoctorDocument): string {
  const lines = findings.flatMap(({ cause, level, message, remedy }) => [
    `  ${marks[level]} ${message}`,
    ...(cause ?? '').split('\n').flatMap((line) => (line === '' ? [] : [`             ${line}`])),
    ...(remedy === undefined ? [] : hintLines(remedy).map((line) => `             ${line}`)),
  ])
  return [
    ...lines,
    '',
    works ? 'up can work here' : 'up cannot work here until the problems above are mended',
    '',
  ].join('\n')
}
