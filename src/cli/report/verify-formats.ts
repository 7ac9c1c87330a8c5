/**
 * What was found by `verify-migrations` in the forms that other programs show beside the code. Pure.
 */
import { join, relative, sep } from 'node:path'

import type { Finding, FindingRule } from '../../migrations/verify/files.ts'
import type { VerificationDocument } from './documents.ts'

/** Where the files lie, and the folder that paths are told from: that of the checkout. */
export interface FindingPlaces {
  readonly folder: string
  readonly base: string
}

const ruleTexts: Readonly<Record<FindingRule, string>> = {
  invalid: 'A migration file cannot be used',
  changed: 'A migration was edited after it was applied',
  reformatted: 'Only comments or blanks of an applied migration changed',
  renamed: 'The file of an applied migration has another name',
  missing: 'The file of an applied migration is gone',
  late: 'A migration comes below one that is applied',
  unfinished: 'A migration or rollback stopped half-way',
  'rollback-changed': 'A rollback was edited after its migration was applied',
  'rollback-missing': 'A migration has no rollback',
  'rollback-not-restored': 'A rollback does not restore the schema',
  'rollback-fails': 'A rollback fails',
  'rollback-irreversible': 'A migration leaves behind what PostgreSQL cannot take back',
  'rollback-column-order': 'A rollback restores all but the order of columns',
  'rollback-not-tried': 'A rollback was not tried',
  'apply-fails': 'A migration cannot be applied to an empty database',
  drift: 'The schema is not as the migrations left it',
  'drift-unknown': 'Nothing is recorded to compare the schema with',
}

/** One annotation a finding, as GitHub Actions reads them from the output of a step. */
export function githubText({ findings }: VerificationDocument, places: FindingPlaces): string {
  return findings.map((finding) => `${annotation(finding, places)}\n`).join('')
}

function annotation(finding: Finding, places: FindingPlaces): string {
  const { column, file, hint, line, lines, message, rule, severity } = finding
  const properties = [
    ...(file === undefined ? [] : [`file=${property(pathOf(file, places))}`]),
    ...(line === undefined ? [] : [`line=${String(line)}`]),
    ...(column === undefined ? [] : [`col=${String(column)}`]),
    `title=${property(`${ruleTexts[rule]} (${rule})`)}`,
  ]
  const text = [message, ...lines, hint].join('\n')
  return `::${severity} ${properties.join(',')}::${data(text)}`
}

// The workflow command's own escaping: a line end would end the command, and a comma or colon the property.
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

/** A SARIF 2.1.0 document, as code scanning takes it. */
export function sarifText({ findings }: VerificationDocument, places: FindingPlaces): string {
  const used = [...new Set(findings.map(({ rule }) => rule))]
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'Poststack',
            version: POSTSTACK_VERSION,
            rules: used.map((rule) => ({
              id: rule,
              shortDescription: { text: ruleTexts[rule] },
              defaultConfiguration: { level: findings.find((finding) => finding.rule === rule)?.severity ?? 'error' },
            })),
          },
        },
        columnKind: 'unicodeCodePoints',
        results: findings.map((finding, index) => {
          const same = findings.slice(0, index).filter((one) => identityOf(one) === identityOf(finding)).length
          return resultOf(finding, { rule: used.indexOf(finding.rule), same }, places)
        }),
      },
    ],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

/** The same finding stays the same when lines move. */
function identityOf({ file, rule, version }: Finding): string {
  return `${rule}/${version === '' ? (file ?? '') : version}`
}

function resultOf(
  finding: Finding,
  /** Index of its rule, and how many before it have its identity. */
  at: { readonly rule: number; readonly same: number },
  places: FindingPlaces,
): object {
  const { column, file, hint, line, lines, message, rule, severity } = finding
  // What has no file is told of the folder, because viewers drop what has no place.
  const uri = encodeURI(file === undefined ? relativeOf(places.folder, places.base) : pathOf(file, places))
  return {
    ruleId: rule,
    ruleIndex: at.rule,
    level: severity,
    message: { text: [message, ...lines, hint].join('\n') },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri, uriBaseId: '%SRCROOT%' },
          region: { startLine: line ?? 1, ...(column === undefined ? {} : { startColumn: column }) },
        },
      },
    ],
    partialFingerprints: {
      'poststackFinding/v1': `${identityOf(finding)}${at.same === 0 ? '' : `/${String(at.same)}`}`,
    },
  }
}

function pathOf(file: string, { base, folder }: FindingPlaces): string {
  return relativeOf(join(folder, file), base)
}

function relativeOf(path: string, base: string): string {
  return relative(base, path).split(sep).join('/')
}
