/**
 * What `repair` shows, asks and answers, as text for people. Pure; no colour.
 */
import type { RepairCase } from '../../migrations/repair/cases.ts'
import { placeText } from './database-words.ts'
import type { RepairCasesDocument, RepairDocument, ShownCase } from './documents.ts'
import { table } from './words.ts'

/** Every case with what is known of it, and what can be done. */
export function repairCasesText({ cases, database }: RepairCasesDocument): string {
  if (cases.length === 0) return `nothing to repair in ${placeText(database)}\n`
  const count = cases.length === 1 ? 'one thing' : `${String(cases.length)} things`
  const head = `${count} to settle in ${placeText(database)}; nothing is changed by looking`
  return [head, ...cases.flatMap((one) => ['', ...caseLines(one)]), ''].join('\n')
}

function caseLines(one: ShownCase): readonly string[] {
  const { error, lines, message, offers } = one
  return [
    message,
    ...(error === undefined ? [] : [`The error was: ${error}`]),
    ...statementLines(one),
    ...(lines.length === 0 ? [] : ['', 'What the ledger has (-) and what the file has (+):', '', ...indented(lines)]),
    ...(offers.length === 0 ? [] : ['', ...intro(one)]),
    ...offers.flatMap(offerLines),
  ]
}

function offerLines({ choice, command, does }: ShownCase['offers'][number]): readonly string[] {
  const where = choice === 'continue-at' ? ['    N is the first statement that is still to be run.'] : []
  return ['', `  ${choice}`, ...wrapped(does).map((line) => `    ${line}`), `    ${command}`, ...where]
}

const lineWidth = 92

function wrapped(text: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > lineWidth) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`.trimEnd())
}

/** Whoever has half a migration should know first that most of them need no repair. */
function intro({ kind, offers, statements }: ShownCase): readonly string[] {
  const next = statements.find(({ recorded }) => recorded !== 'done')
  const goesOn = next === undefined ? 'ends it' : `goes on at statement ${String(next.number)}`
  const command = kind === 'half-rolled-back' ? 'rollback' : 'migrate'
  // An unknown one is run by nobody before it is settled, and the others need a text to go on with.
  if (kind !== 'unknown' && offers.some(({ choice }) => choice === 'continue-at'))
    return [
      `Mostly there is nothing to settle: mend what went wrong, and the next "${command}" ${goesOn}.`,
      'Otherwise:',
    ]
  return ['What can be done about it:']
}

/** What the ledger says of each statement beside what the database shows. */
function statementLines({ statements }: ShownCase): readonly string[] {
  if (statements.length === 0) return []
  const head = ['statement', 'line', 'in the ledger', 'in the database', '']
  const rows = statements.flatMap(({ findings, line, number, recorded, sql, verdict }) => [
    [String(number), String(line), recorded, verdict, shortened(sql)],
    ...findings.map((finding) => ['', '', '', '', `  ${finding}`]),
  ])
  return ['', ...table([head, ...rows])]
}

const longestSql = 72

function shortened(sql: string): string {
  return sql.length <= longestSql ? sql : `${sql.slice(0, longestSql - 1)}…`
}

/** Cases by numbers. */
export function caseMenu(cases: readonly Pick<RepairCase, 'version' | 'name' | 'kind'>[]): string {
  const rows = cases.map(({ kind, name, version }, index) => [
    String(index + 1),
    `${version} ${name}`,
    kind.replaceAll('-', ' '),
  ])
  return menu(rows)
}

/** What can be done about one case, by numbers. */
export function offerMenu({ offers }: Pick<RepairCase, 'offers'>): string {
  return menu(offers.map(({ choice }, index) => [String(index + 1), choice]))
}

function menu(rows: readonly (readonly string[])[]): string {
  return ['', ...table(rows), ''].join('\n')
}

export function repairText({ files, message }: RepairDocument): string {
  return [message, ...files, ''].join('\n')
}
