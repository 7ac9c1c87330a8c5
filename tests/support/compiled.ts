import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** Variable with the folder of the programs that all test files of a run share; it is in the checkout, for imports of packages. */
export const programFolder = 'POSTSTACK_TEST_PROGRAMS'

const building = new Map<string, Promise<string>>()

/**
 * A program of the tests, from TypeScript to one file of JavaScript: reading a hundred files of TypeScript costs each process more
 * than a second, and what it is started for mostly less.
 */
export function compiled(source: string): Promise<string> {
  const before = building.get(source)
  if (before !== undefined) return before
  const program = compile(source)
  building.set(source, program)
  return program
}

async function compile(source: string): Promise<string> {
  const folder = process.env[programFolder]
  if (folder === undefined) throw new Error(`${programFolder} is not set: this test has no global setup`)
  const program = join(folder, `${basename(source, '.ts')}.mjs`)
  if (existsSync(program)) return program
  const own = `${program}.${String(process.pid)}`
  await build({
    entryPoints: [source],
    outfile: own,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  })
  await rename(own, program)
  return program
}
