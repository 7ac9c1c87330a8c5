/**
 * What was measured, as docs/performance.md has it.
 */
import type { InstallRow } from './install.ts'
import type { Timing } from './measure.ts'
import type { MigrationsResult } from './migrations.ts'
import { versions } from './peers.ts'
import type { StackRow } from './stack-rows.ts'
import { type TestDatabaseRow, testMs } from './test-databases.ts'
import type { WatchResult } from './watch.ts'

export function stackTable(rows: readonly StackRow[], machine: string): string {
  const lines = rows.map(({ name, missing, poststack, floor, ratio, compose }) =>
    missing === undefined
      ? [name, text(poststack), text(floor), ratio?.toFixed(1) ?? '', text(compose)]
      : [name, `not measured: ${missing}`, '', '', ''],
  )
  return markdown(['what', 'Poststack, ms', 'floor, ms', 'ratio', 'docker compose, ms'], lines, machine)
}

export function migrationTable({ tools, rows, server, missing }: MigrationsResult, machine: string): string {
  const lines = rows.map(({ name, cells }) => {
    const [ours = ''] = tools
    return [name, ...tools.map((tool) => compared(cells[tool], tool === ours ? undefined : cells[ours]))]
  })
  const peers =
    missing === undefined
      ? `dbmate ${versions.dbmate}, node-pg-migrate ${versions['node-pg-migrate']}`
      : `dbmate and node-pg-migrate not measured: ${missing}`
  const foot = `${machine} PostgreSQL ${server}, \`fsync\` on; ${peers}. The factor is that median divided by Poststack's.`
  return markdown(['what', ...tools.map((tool) => `${tool}, ms`)], lines, foot)
}

export function watchTable({ rows, memory }: WatchResult, machine: string): string {
  const lines = rows.map(({ name, poststack, chokidar, sql }) => [name, text(poststack), text(chokidar), text(sql)])
  return markdown(
    ['saved', 'to the row in the ledger, ms', "chokidar's event alone, ms", 'the SQL alone, ms'],
    lines,
    memory === undefined
      ? machine
      : `${machine} Memory of the program before ${memory.name}: ${String(memory.before)} MB; after: ${String(memory.after)} MB.`,
  )
}

export function testsTable(rows: readonly TestDatabaseRow[], machine: string): string {
  const lines = rows.map(({ name, copied, ahead, empty, dropped }) => [
    name,
    text(copied),
    text(ahead),
    text(empty),
    text(dropped),
  ])
  const head = [
    'for one test',
    'copied, with a first answer, ms',
    `waited for, made while a test of ${String(testMs)} ms runs, ms`,
    'floor: an empty one made, ms',
    'dropped, not waited for, ms',
  ]
  return markdown(head, lines, machine)
}

export function installTable(rows: readonly InstallRow[], machine: string): string {
  const lines = rows.map(({ floor, name, poststack }) => [name, text(poststack), text(floor)])
  return markdown(['`npm install`, cache warm', 'Poststack, ms', 'floor: an empty package, ms'], lines, machine)
}

function compared(cell: Timing | string | undefined, ours: Timing | string | undefined): string {
  if (typeof cell !== 'object' || typeof ours !== 'object') return text(cell)
  return `${text(cell)} ×${(cell.median / ours.median).toFixed(2)}`
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[], foot: string): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `${lines.join('\n')}\n\n${foot}`
}

function text(timing: Timing | string | undefined): string {
  if (timing === undefined || typeof timing === 'string') return timing ?? ''
  const [median, min, max] = [timing.median, timing.min, timing.max].map((ms) => String(Math.round(ms)))
  return `${median} (${min}–${max})`
}
