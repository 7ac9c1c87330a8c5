/**
 * `npm run bench`: what README's section "Performance" says, measured anew.
 *
 *   --only word    only rows whose name has the word in it
 *   --runs n       runs of each program that count (default 9)
 *   --json         one document instead of the table
 */
import { execFileSync } from 'node:child_process'
import { cpus, tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureInTurns, type Program, type Timing } from './measure.ts'
import { makeStack, poststackIn, type BenchStack, type RuntimeName } from './stacks.ts'

interface Row {
  readonly name: string
  readonly poststack?: Timing
  readonly floor?: Timing
  /** Poststack's median divided by the floor's. */
  readonly ratio?: number
  readonly compose?: Timing | 'not installed'
  /** Why it was not measured. */
  readonly missing?: string
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs} is not a number of runs`)
const isWanted = (name: string): boolean => name.includes(values.only)

execFileSync(process.execPath, [fileURLToPath(new URL('../../.build/build.mjs', import.meta.url)), '--if-stale'], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
let stack: BenchStack | undefined
// Ctrl-C reaches the program under way, too. What was made is removed before the bench ends.
const interruption = new AbortController()
process.on('SIGINT', () => {
  interruption.abort(new Error('interrupted'))
})
try {
  await measureAll()
} finally {
  await stack?.remove()
}

async function measureAll(): Promise<void> {
  const rows: Row[] = []
  const add = (row: Row): void => {
    rows.push(row)
    if (!values.json) process.stderr.write(`${row.name}: ${row.missing ?? row.ratio?.toFixed(1) ?? ''}\n`)
  }
  for (const word of ['version', '--help']) {
    const name = `\`poststack ${word}\``
    const nothing: Program = { command: [process.execPath, '-e', '0'], cwd: tmpdir() }
    if (isWanted(name)) add(await compare(name, poststackIn(tmpdir(), [word]), nothing))
  }
  const sizes: Readonly<Record<RuntimeName, readonly number[]>> = {
    native: [1, 5],
    podman: [1, 5, 20],
    docker: [1, 5, 20],
  }
  for (const runtime of ['native', 'podman', 'docker'] as const) {
    for (const size of sizes[runtime]) await measureStack(runtime, size, add)
  }
  const machine = { node: process.version, platform: `${process.platform} ${process.arch}`, cpus: cpus().length, runs }
  process.stdout.write(
    values.json ? `${JSON.stringify({ version: 1, type: 'bench', ...machine, rows })}\n` : table(rows, machine),
  )
}

async function measureStack(runtime: RuntimeName, size: number, add: (row: Row) => void): Promise<void> {
  const what = `${runtime}, ${size} ${size === 1 ? 'service' : 'services'}`
  const names = { plan: `\`plan\`, ${what}`, up: `\`up\` with nothing to do, ${what}` }
  if (!Object.values(names).some(isWanted)) return
  interruption.signal.throwIfAborted()
  const made = await makeStack(runtime, size)
  if (typeof made === 'string') {
    add({ name: what, missing: made })
    return
  }
  stack = made
  if (isWanted(names.plan)) add(await compare(names.plan, made.poststack('plan'), made.floor))
  if (isWanted(names.up)) {
    const row = await compare(names.up, made.poststack('up'), made.floor, made.compose)
    add(runtime === 'docker' ? { compose: 'not installed', ...row } : row)
  }
  stack = undefined
  await made.remove()
}

async function compare(name: string, ours: Program, bare: Program, peer?: Program): Promise<Row> {
  const [poststack, floor, compose] = await measureInTurns([ours, bare, ...(peer === undefined ? [] : [peer])], runs)
  if (poststack === undefined || floor === undefined) throw new Error('nothing was measured')
  const ratio = poststack.median / floor.median
  return { name, poststack, floor, ratio, ...(compose === undefined ? {} : { compose }) }
}

function table(rows: readonly Row[], machine: Readonly<Record<string, string | number>>): string {
  const head = ['| what | Poststack, ms | floor, ms | ratio | docker compose, ms |', '|---|---|---|---|---|']
  const lines = rows.map(({ name, missing, poststack, floor, ratio, compose }) =>
    missing === undefined
      ? `| ${name} | ${text(poststack)} | ${text(floor)} | ${ratio?.toFixed(1) ?? ''} | ${text(compose)} |`
      : `| ${name} | not measured: ${missing} | | | |`,
  )
  const { node, platform, cpus: processors, runs: count } = machine
  const foot = `Medians (fastest to slowest) of ${count} runs, Node ${node}, ${platform}, ${processors} processors.`
  return `${[...head, ...lines].join('\n')}\n\n${foot}\n`
}

function text(timing: Timing | string | undefined): string {
  if (timing === undefined || typeof timing === 'string') return timing ?? ''
  const [median, min, max] = [timing.median, timing.min, timing.max].map((ms) => String(Math.round(ms)))
  return `${median} (${min}–${max})`
}
