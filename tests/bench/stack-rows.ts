/**
 * Stacks: what the answers take that a person waits for most often, in turns with a floor and docker compose.
 */
import { tmpdir } from 'node:os'
import { measureInTurns, type Program, type Timing } from './measure.ts'
import { makeStack, poststackIn, type BenchStack, type RuntimeName } from './stacks.ts'

export interface StackRow {
  readonly name: string
  readonly poststack?: Timing
  readonly floor?: Timing
  /** Poststack's median divided by the floor's. */
  readonly ratio?: number
  readonly compose?: Timing | 'not installed'
  /** Why it was not measured. */
  readonly missing?: string
}

export interface StackOptions {
  readonly runs: number
  readonly isWanted: (name: string) => boolean
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** What was made is removed before it ends, whatever comes of it. */
export async function measureStacks(options: StackOptions): Promise<readonly StackRow[]> {
  const rows: StackRow[] = []
  const add = (row: StackRow): void => {
    rows.push(row)
    options.say(`${row.name}: ${row.missing ?? row.ratio?.toFixed(1) ?? ''}`)
  }
  for (const word of ['version', '--help']) {
    const name = `\`poststack ${word}\``
    const nothing: Program = { command: [process.execPath, '-e', '0'], cwd: tmpdir() }
    if (options.isWanted(name)) add(await compare(name, [poststackIn(tmpdir(), [word]), nothing], options.runs))
  }
  for (const runtime of ['native', 'podman', 'docker'] as const) {
    for (const size of [1, 5, 20]) await measureStack(options, { runtime, size }, add)
  }
  return rows
}

async function measureStack(
  { isWanted, signal, runs }: StackOptions,
  { runtime, size }: { readonly runtime: RuntimeName; readonly size: number },
  add: (row: StackRow) => void,
): Promise<void> {
  const what = `${runtime}, ${size} ${size === 1 ? 'service' : 'services'}`
  const names = { plan: `\`plan\`, ${what}`, up: `\`up\` with nothing to do, ${what}` }
  if (!Object.values(names).some(isWanted)) return
  signal.throwIfAborted()
  const made = await makeStack(runtime, size)
  if (typeof made === 'string') {
    add({ name: what, missing: made })
    return
  }
  try {
    if (isWanted(names.plan)) add(await compare(names.plan, [made.poststack('plan'), made.floor], runs))
    if (isWanted(names.up)) {
      const row = await compare(names.up, [made.poststack('up'), made.floor, ...composeOf(made)], runs)
      add(runtime === 'native' ? row : { compose: 'not installed', ...row })
    }
  } finally {
    await made.remove()
  }
}

function composeOf({ compose }: BenchStack): readonly Program[] {
  return compose === undefined ? [] : [compose]
}

async function compare(name: string, programs: readonly Program[], runs: number): Promise<StackRow> {
  const [poststack, floor, compose] = await measureInTurns(programs, runs)
  if (poststack === undefined || floor === undefined) throw new Error('nothing was measured')
  const ratio = poststack.median / floor.median
  return { name, poststack, floor, ratio, ...(compose === undefined ? {} : { compose }) }
}
