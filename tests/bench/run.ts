/**
 * `npm run bench`: what docs/performance.md says, measured anew.
 */
import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureInstall } from './install.ts'
import { measureLife } from './life.ts'
import { measureMigrations } from './migrations.ts'
import { measureStacks } from './stack-rows.ts'
import { installTable, migrationTable, stackTable, testsTable, watchTable } from './table.ts'
import { measureTestDatabases } from './test-databases.ts'
import { measureWatch } from './watch.ts'

const usage = `npm run bench -- [stacks] [life] [migrations] [watch] [tests] [install] [flags]

Measures these parts, or all, and prints a table of each. Best on a machine that does nothing else.

  --only WORD  only rows whose name has the word in it
  --runs N     runs of each program that count (default: 9 for stacks, 5 for life, migrations and install, 30 for watch and tests)
  --json       one document instead of the tables
  --write      put the tables into docs/performance.md, too
  --help       this text
`
const parts = ['stacks', 'life', 'migrations', 'watch', 'tests', 'install'] as const
type PartName = (typeof parts)[number]
const { values, positionals } = readWords()

execFileSync(process.execPath, [fileURLToPath(new URL('../../.build/build.mjs', import.meta.url)), '--if-stale'], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
// Ctrl-C reaches the program under way, too. What was made is removed before the bench ends.
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort(new Error('interrupted'))
  })
}
const machine = { node: process.version, platform: `${process.platform} ${process.arch}`, cpus: cpus().length }
const results: Record<string, unknown> = {}
for (const part of parts) {
  if (positionals.length > 0 && !positionals.includes(part)) continue
  const { table, result } = await measure(part)
  results[part] = result
  if (!values.json) process.stdout.write(`${table}\n\n`)
  if (values.write) await writeTable(part, table)
}
if (values.json) process.stdout.write(`${JSON.stringify({ version: 2, type: 'bench', ...machine, ...results })}\n`)

/** Ends the process where there is nothing to measure: with the help that was asked for, or with what is wrong. */
function readWords(): ReturnType<typeof parseWords> {
  try {
    const words = parseWords()
    if (!words.values.help) return words
    process.stdout.write(usage)
    process.exit(0)
  } catch (error) {
    // What Node says after the first sentence is about words that nobody wants here.
    const [why = ''] = String(error instanceof Error ? error.message : error).split('. ')
    process.stderr.write(`${why}\n\n${usage}`)
    process.exit(2)
  }
}

function parseWords() {
  const words = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      runs: { type: 'string' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { only, runs, write } = words.values
  const unknown = words.positionals.find((word) => !parts.some((part) => part === word))
  if (unknown !== undefined) throw new Error(`"${unknown}" is no part of the bench`)
  if (write && only !== '') throw new Error('--write takes whole tables, so it goes without --only')
  if (runs !== undefined && !/^[1-9]\d*$/.test(runs)) throw new Error(`--runs ${runs} is not a number of runs`)
  return words
}

async function measure(part: PartName): Promise<{ readonly table: string; readonly result: unknown }> {
  const runs = runsOf(part)
  const options = {
    runs,
    isWanted: (name: string): boolean => name.includes(values.only),
    signal: interruption.signal,
    say: (line: string): void => {
      if (!values.json) process.stderr.write(`${line}\n`)
    },
  }
  const { node, platform, cpus: processors } = machine
  const foot = `Medians (fastest–slowest) of ${runs} runs, Node ${node}, ${platform}, ${processors} processors.`
  if (part === 'stacks' || part === 'life') {
    const rows = await (part === 'stacks' ? measureStacks(options) : measureLife(options))
    return { table: stackTable(rows, foot), result: { runs, rows } }
  }
  if (part === 'watch') {
    const result = await measureWatch(options)
    return { table: watchTable(result, foot), result: { runs, ...result } }
  }
  if (part === 'tests') {
    const rows = await measureTestDatabases(options)
    return { table: testsTable(rows, foot), result: { runs, rows } }
  }
  if (part === 'install') {
    const rows = await measureInstall(options)
    return { table: installTable(rows, foot), result: { runs, rows } }
  }
  const result = await measureMigrations(options)
  return { table: migrationTable(result, foot), result: { runs, ...result } }
}

function runsOf(part: PartName): number {
  return values.runs === undefined
    ? { stacks: 9, life: 5, migrations: 5, watch: 30, tests: 30, install: 5 }[part]
    : Number(values.runs)
}

async function writeTable(part: PartName, table: string): Promise<void> {
  const { editPage, withGeneratedPart } = await import('../support/readme.ts')
  editPage('docs/performance.md', (text) => withGeneratedPart(text, `bench ${part}`, table))
}
