/**
 * What `npm install` of the packed package takes with a warm cache, beside npm's own floor: a package of one line.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { timeOnce, timingOf, type Timing } from './measure.ts'

export interface InstallRow {
  readonly name: string
  readonly poststack: Timing
  readonly floor: Timing
}

export interface InstallBench {
  readonly runs: number
  readonly isWanted: (name: string) => boolean
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

const name = 'with the PostgreSQL programs of this platform'

export async function measureInstall(bench: InstallBench): Promise<readonly InstallRow[]> {
  if (!bench.isWanted(name)) return []
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-bench-')))
  try {
    const ours = await pack(fileURLToPath(new URL('../..', import.meta.url)), join(folder, 'ours'))
    await mkdir(join(folder, 'empty'))
    await writeFile(join(folder, 'empty/package.json'), '{ "name": "empty", "version": "1.0.0" }\n')
    const empty = await pack(join(folder, 'empty'), join(folder, 'floor'))
    bench.say(`install: ${name}`)
    const times = { ours: [] as number[], empty: [] as number[] }
    for (let run = 0; run <= bench.runs; run++) {
      bench.signal.throwIfAborted()
      // oxlint-disable-next-line no-await-in-loop -- in turns, for they would disturb each other
      const [one, other] = [await install(folder, ours), await install(folder, empty)]
      // The first one fills the cache.
      if (run === 0) continue
      times.ours.push(one)
      times.empty.push(other)
    }
    return [{ name, poststack: timingOf(times.ours), floor: timingOf(times.empty) }]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The path of the tarball, alone in its folder. */
async function pack(project: string, destination: string): Promise<string> {
  await mkdir(destination)
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', destination], { cwd: project, stdio: 'pipe' })
  const [file = ''] = await readdir(destination)
  return join(destination, file)
}

async function install(folder: string, tarball: string): Promise<number> {
  const cwd = await mkdtemp(join(folder, 'run-'))
  await writeFile(join(cwd, 'package.json'), '{ "private": true }\n')
  const took = await timeOnce({
    command: ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball],
    cwd,
  })
  await rm(cwd, { recursive: true })
  return took
}
