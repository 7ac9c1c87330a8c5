/**
 * The life of a stack of plain containers: up from nothing, up again, one of them changed, down. Each tool has a stack of its own on one
 * engine, and they take turns.
 */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram, timeOnce, timingOf, type Program, type Timing } from './measure.ts'
import type { StackOptions, StackRow } from './stack-rows.ts'
import { hasCompose, image, linkPackage, openEngine, poststackIn, type EngineAccess } from './stacks.ts'

type Stage = 'up' | 'again' | 'change' | 'down'

const stages: Readonly<Record<Stage, string>> = {
  up: '`up` from nothing',
  again: '`up` with nothing to do',
  change: '`up` with one changed',
  down: '`down`',
}
/** As many calls as Poststack has under way. */
const atOnce = 4
const floorProgram = fileURLToPath(new URL('floor-stack.mjs', import.meta.url))

type ToolName = 'poststack' | 'floor' | 'compose'

type Life = Readonly<Partial<Record<ToolName, Readonly<Record<Stage, Timing>>>>>

/** A row for each stage and engine. What was made is removed before it ends, whatever comes of it. */
export async function measureLife({ isWanted, runs, say, signal }: StackOptions): Promise<readonly StackRow[]> {
  const services = 20
  const rows: StackRow[] = []
  for (const runtime of ['podman', 'docker'] as const) {
    const what = `${runtime}, ${String(services)} containers`
    const named = Object.entries(stages).map(([stage, words]) => [stage as Stage, `${words}, ${what}`] as const)
    if (!named.some(([, name]) => isWanted(name))) continue
    const life = await measureEngine({ runtime, services, runs, signal })
    const found =
      typeof life === 'string'
        ? [{ name: what, missing: life }]
        : named.map(([stage, name]) => rowOf(life, stage, name))
    for (const row of found) say(`${row.name}: ${row.missing ?? row.ratio?.toFixed(1) ?? ''}`)
    rows.push(...found)
  }
  return rows
}

function rowOf({ compose, floor, poststack }: Life, stage: Stage, name: string): StackRow {
  if (poststack === undefined || floor === undefined) throw new Error('nothing was measured')
  const ratio = poststack[stage].median / floor[stage].median
  return { name, poststack: poststack[stage], floor: floor[stage], ratio, compose: compose?.[stage] ?? 'not installed' }
}

interface Tool {
  readonly name: ToolName
  /** Declares the stack; another word means a change of one service. */
  readonly declare: (word: string) => Promise<void>
  readonly programs: Readonly<Record<Stage, Program>>
}

interface LifeOptions {
  readonly runtime: 'podman' | 'docker'
  readonly services: number
  readonly runs: number
  readonly signal: AbortSignal
}

/** What was measured of each tool that is there, or why nothing can be. */
async function measureEngine({ runs, runtime, services, signal }: LifeOptions): Promise<Life | string> {
  const engine = await openEngine(runtime)
  if (typeof engine === 'string') return engine
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  const stack = { folder, name: `pslife-${runtime}-${String(process.pid)}`, runtime, services }
  const tools = [await makeOurs(stack), await makeFloor(stack, engine), ...(await makeCompose(stack, engine))]
  const times = new Map(
    tools.map(({ name }) => [
      name,
      { up: [] as number[], again: [] as number[], change: [] as number[], down: [] as number[] },
    ]),
  )
  try {
    // The first round does not count.
    for (let round = 0; round <= runs; round++) {
      for (const { declare, name, programs } of tools) {
        for (const stage of Object.keys(stages) as Stage[]) {
          signal.throwIfAborted()
          if (stage === 'up' || stage === 'change') await declare(stage)
          const took = await timeOnce(programs[stage])
          if (round > 0) times.get(name)?.[stage].push(took)
        }
      }
    }
  } finally {
    for (const { programs } of tools) await runProgram(programs.down)
    await engine.close()
    await rm(folder, { recursive: true, force: true })
  }
  return Object.fromEntries(
    [...times].map(([name, { again, change, down, up }]) => [
      name,
      { up: timingOf(up), again: timingOf(again), change: timingOf(change), down: timingOf(down) },
    ]),
  )
}

interface LifeStack {
  readonly folder: string
  readonly name: string
  readonly runtime: 'podman' | 'docker'
  readonly services: number
}

async function makeOurs({ folder, name, runtime, services }: LifeStack): Promise<Tool> {
  const cwd = join(folder, 'poststack')
  await mkdir(cwd)
  await linkPackage(cwd)
  const declare = async (word: string): Promise<void> => {
    const members = Array.from({ length: services }, (_, index) => {
      const env = index === 0 ? `, env: { WORD: '${word}' }` : ''
      return `app${String(index)}: container({ image: '${image}', command: ['sleep', 'infinity'], stopGraceSeconds: 0${env} })`
    })
    const config = `import { container, defineConfig } from 'poststack'

export default defineConfig({
  name: '${name}',
  runtime: '${runtime}',
  services: {
    ${members.join(',\n    ')},
  },
})
`
    await writeFile(join(cwd, 'poststack.config.ts'), config)
  }
  const up = poststackIn(cwd, ['up'])
  return { name: 'poststack', declare, programs: { up, again: up, change: up, down: poststackIn(cwd, ['down']) } }
}

async function makeFloor({ folder, name, services }: LifeStack, { socket }: EngineAccess): Promise<Tool> {
  const file = join(folder, 'floor-stack.json')
  await writeFile(file, JSON.stringify({ atOnce, image, name: `${name}-floor`, services, socket }))
  const program = (stage: Stage): Program => ({ command: [process.execPath, floorProgram, file, stage], cwd: folder })
  const programs = {
    up: program('up'),
    again: program('again'),
    change: program('change'),
    down: program('down'),
  }
  return { name: 'floor', declare: () => Promise.resolve(), programs }
}

/** None where it is not installed. It reaches podman, too: podman's socket speaks Docker's words. */
async function makeCompose({ folder, name, services }: LifeStack, { socket }: EngineAccess): Promise<readonly Tool[]> {
  if (!(await hasCompose(folder))) return []
  const file = join(folder, 'life.json')
  const declare = async (word: string): Promise<void> => {
    const members = Array.from({ length: services }, (_, index) => [
      `app${String(index)}`,
      {
        image,
        command: ['sleep', 'infinity'],
        stop_grace_period: '0s',
        ...(index === 0 ? { environment: { WORD: word } } : {}),
      },
    ])
    await writeFile(file, JSON.stringify({ services: Object.fromEntries(members) }))
  }
  await declare('up')
  const program = (...words: readonly string[]): Program => ({
    command: ['docker', 'compose', '-p', `${name}-compose`, '-f', file, ...words],
    cwd: folder,
    env: { DOCKER_HOST: `unix://${socket ?? ''}` },
  })
  const up = program('up', '-d')
  return [{ name: 'compose', declare, programs: { up, again: up, change: up, down: program('down') } }]
}
