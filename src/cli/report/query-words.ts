/**
 * What a query gave, as a table for people and as values for programs.
 */
import type { Answer } from '../../migrations/connection.ts'
import { displayWidth, widthOfAll } from '../../migrations/sql/frame.ts'
import type { QueryDocument } from './documents.ts'

/** Tables under each other, each with the number of its rows; the server's word for statements that give none. */
export function answersText(answers: readonly Answer[]): string {
  if (answers.length === 0) return 'nothing to run: the text holds no statement\n'
  return answers.map((answer) => answerLines(answer).join('\n')).join('\n\n') + '\n'
}

function answerLines({ columns, command, count, rows }: Answer): readonly string[] {
  if (columns.length === 0) return [count === undefined ? command : `${command} ${String(count)}`]
  const names = columns.map(({ name }) => name)
  const cells = rows.map((row) => row.map((value) => (value === null ? '(null)' : onOneLine(value))))
  const widths = names.map((name, column) => widthOfAll([name, ...cells.map((row) => row[column] ?? '')]))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const blanks = ' '.repeat((widths[column] ?? 0) - displayWidth(cell))
        return isNumber(columns[column]?.type) && row !== names ? blanks + cell : cell + blanks
      })
      .join(' | ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width)).join('-+-')
  return [line(names), rule, ...cells.map(line), `(${String(rows.length)} ${rows.length === 1 ? 'row' : 'rows'})`]
}

/** A value must not break the table, nor steer the terminal. */
function onOneLine(value: string): string {
  const control = /\p{Cc}/gu
  const names: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` }
  return value.replaceAll(
    control,
    (character) => names[character] ?? `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  )
}

const boolean = 16
/** What a JSON number holds exactly: int2, int4, oid, float4, float8. */
const numbers: ReadonlySet<number> = new Set([21, 23, 26, 700, 701])
/** int8 and numeric may be greater than a JSON number holds. */
const greatNumbers: ReadonlySet<number> = new Set([20, 1700])
const json: ReadonlySet<number> = new Set([114, 3802])

function isNumber(type: number | undefined): boolean {
  return type !== undefined && (numbers.has(type) || greatNumbers.has(type))
}

/** Numbers that fit, booleans, and JSON whose numbers fit as what they are; everything else as the text that the server writes. */
export function answerDocuments(answers: readonly Answer[]): QueryDocument['results'] {
  return answers.map(({ columns, command, count, rows }) => {
    const names = uniqueNames(columns.map(({ name }) => name))
    const values = rows.map((row) =>
      Object.fromEntries(row.map((value, index) => [names[index] ?? '', jsonValue(value, columns[index]?.type ?? 0)])),
    )
    return { command, ...(count === undefined ? {} : { count }), columns: names, rows: values }
  })
}

function jsonValue(value: string | null, type: number): unknown {
  if (value === null) return null
  if (type === boolean) return value === 't'
  if (json.has(type)) return holdsLostNumber(value) ? value : JSON.parse(value)
  const number = Number(value)
  // NaN and Infinity are no JSON.
  return numbers.has(type) && Number.isFinite(number) ? number : value
}

/** Whether a JSON text holds a number that JavaScript would round. */
function holdsLostNumber(text: string): boolean {
  const numbersIn = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/-?\d[\d.eE+-]*/g) ?? []
  return numbersIn.some((number) => {
    const value = Number(number)
    const digits = number.replace(/e.*/i, '').replaceAll(/\D/g, '').replace(/^0+/, '')
    return !Number.isFinite(value) || (digits.length > 15 && String(value) !== number)
  })
}

function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let free = name
    for (let number = 2; taken.has(free); number++) free = `${name}_${String(number)}`
    taken.add(free)
    return free
  })
}
