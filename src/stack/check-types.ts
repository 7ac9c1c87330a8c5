/**
 * Asks the project's own TypeScript what it thinks of a config, as an editor does.
 */
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

import { foldersUpward, nearestFile } from '../config/load/upward.ts'
import { ownPackage } from '../config/load/own-package.ts'
import { temporaryFolder } from '../config/temporary.ts'
import { PoststackError } from '../errors.ts'
import { runProgram } from '../runtime/exec.ts'

export interface TypeMistake {
  /** Absolute; absent for what is wrong with the settings. */
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** As in `TS2322`. */
  readonly code: string
  readonly message: string
}

export interface CheckTypesOptions {
  /** The config, absolute. */
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

const timeoutMs = 120_000

/** Empty when it finds nothing. Fails with `PROGRAM_MISSING` where the project has no TypeScript. */
export async function checkTypes({ file, env, signal }: CheckTypesOptions): Promise<readonly TypeMistake[]> {
  const root = dirname(file)
  const compiler = await compilerOf(root)
  const folder = await temporaryFolder('types')
  try {
    const settings = join(folder, 'tsconfig.json')
    await writeFile(settings, JSON.stringify(settingsFor(file)))
    const { exitCode, stdout, lastLines } = await runProgram({
      program: process.execPath,
      args: [compiler, '--project', settings, '--pretty', 'false'],
      env,
      signal,
      timeoutMs,
      cwd: root,
      ownGroup: true,
    })
    const mistakes = mistakesIn(stdout, root)
    if (exitCode === 0 || mistakes.length > 0) return mistakes
    throw new PoststackError(
      'CONFIG_FAILED',
      `TypeScript ended with ${String(exitCode)}:\n${lastLines.slice(-5).join('\n')}`,
      {
        hint: 'Run the compiler by itself to see what it lacks: npx tsc --noEmit',
        details: { file },
      },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compilerOf(root: string): Promise<string> {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve('typescript/package.json')
    const { bin } = JSON.parse(await readFile(manifest, 'utf8')) as { readonly bin: { readonly tsc: string } }
    return resolve(dirname(manifest), bin.tsc)
  } catch (cause) {
    throw new PoststackError('PROGRAM_MISSING', 'the project has no TypeScript to check the config with', {
      hint: 'Install it: npm install --save-dev typescript @types/node',
      details: { program: 'typescript' },
      cause,
    })
  }
}

/** Those of the project, for the config and what it imports, and with nothing written. */
function settingsFor(file: string): object {
  const root = dirname(file)
  const own = nearestFile(root, 'tsconfig.json')
  const packages = foldersUpward(root).map((folder) => join(folder, 'node_modules', '@types'))
  const always = {
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    emitDeclarationOnly: false,
    // That of the project is about its sources, and the config stands beside them.
    rootDir: '/',
    typeRoots: packages,
    allowJs: true,
    checkJs: true,
    ...ownTypes(root),
  }
  if (own !== undefined) return { extends: own, files: [file], include: [], references: [], compilerOptions: always }
  const hasNode = packages.some((folder) => existsSync(join(folder, 'node')))
  const usual = {
    strict: true,
    exactOptionalPropertyTypes: true,
    // A config is loaded by a bundler or by tsx, and both take more than Node does: paths without endings, JSON without attributes.
    module: 'preserve',
    moduleResolution: 'bundler',
    jsx: 'preserve',
    target: 'es2023',
    skipLibCheck: true,
    resolveJsonModule: true,
    allowImportingTsExtensions: true,
    types: hasNode ? ['node'] : [],
  }
  return { files: [file], compilerOptions: { ...usual, ...always } }
}

/** Where the project has not installed this package, as with npx, it is this very one that evaluates the config. */
function ownTypes(root: string): object {
  try {
    createRequire(join(root, 'package.json')).resolve('poststack')
    return {}
  } catch {
    return { paths: { poststack: [ownPackage().entry.replace(/\.js$/, '.d.ts')] } }
  }
}

/** `file(line,column): error TS2322: words`, with further lines indented. */
function mistakesIn(stdout: string, root: string): readonly TypeMistake[] {
  const mistakes: TypeMistake[] = []
  for (const text of stdout.split(/\r?\n/)) {
    const [, file, line, column, code, message = ''] =
      /^(?:(.+?)\((\d+),(\d+)\): )?error (TS\d+): (.*)$/.exec(text) ?? []
    const last = mistakes.at(-1)
    if (code !== undefined) {
      const place = file === undefined ? {} : { file: resolve(root, file), line: Number(line), column: Number(column) }
      mistakes.push({ ...place, code, message })
    } else if (last !== undefined && /^\s+\S/.test(text)) {
      mistakes[mistakes.length - 1] = { ...last, message: `${last.message}\n${text}` }
    }
  }
  return mistakes
}
