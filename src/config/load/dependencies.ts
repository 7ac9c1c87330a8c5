/** The files beside the code that a config's result depends on: tsconfig, package.json, lock files. */
import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compareText } from '../text-order.ts'
import { nearestTsconfig } from './tsconfig.ts'
import { foldersUpward, nearestFile, parseJsonc } from './upward.ts'

export const lockFiles = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
]

/** All files that a config depends on, absolute and sorted, from the code files that went into it. */
export function completeDependencies(inputs: readonly string[]): readonly string[] {
  const found = new Set(inputs)
  const folders = new Set(inputs.flatMap((file) => foldersUpward(dirname(file))))
  for (const folder of folders) {
    for (const name of ['package.json', ...lockFiles]) {
      if (existsSync(join(folder, name))) found.add(join(folder, name))
    }
  }
  for (const folder of new Set(inputs.map((file) => dirname(file)))) {
    for (const file of nearestTsconfig(folder)?.files ?? []) found.add(file)
  }
  return [...found].toSorted(compareText)
}

/** How Node takes a `.ts` or `.js` file: by the nearest package.json. */
export async function packageType(file: string): Promise<'module' | 'commonjs'> {
  const manifest = nearestFile(dirname(file), 'package.json')
  if (manifest === undefined) return 'commonjs'
  const value = parseJsonc(await readFile(manifest, 'utf8'))
  return (value as { type?: unknown } | undefined)?.type === 'module' ? 'module' : 'commonjs'
}
