import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/load/load.ts'
import { isPoststackError } from '../../src/errors.ts'
import type { LoadOptions, LoadedConfig } from '../../src/config/load/load.ts'
import type { PoststackError } from '../../src/errors.ts'

/** A folder with these files that goes when the test ends. */
export async function configProject(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'poststack-test-')))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return root
}

export function load(cwd: string, options: Partial<LoadOptions> = {}): Promise<LoadedConfig> {
  return loadConfig({ cwd, mode: 'development', env: { PATH: process.env['PATH'] }, ...options })
}

/** The error that loading ends with; the test fails when there is none. */
export async function loadError(cwd: string, options: Partial<LoadOptions> = {}): Promise<PoststackError> {
  const loaded: unknown = await load(cwd, options).catch((error: unknown) => error)
  if (isPoststackError(loaded)) return loaded
  throw new Error(`expected an error, found ${loaded instanceof Error ? String(loaded.stack) : JSON.stringify(loaded)}`)
}

/** Command lines of running processes that hold this text. */
export function processesNaming(text: string): readonly string[] {
  const lines = execFileSync('ps', ['-eo', 'pid,stat,args'], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.includes(text) && !/\bps -eo\b|^\s*\d+ Z/.test(line))
}
