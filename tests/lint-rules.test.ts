import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The linter's rules keep the structure. A rule that silently stopped firing would keep nothing, so each is made to fire.

const root = fileURLToPath(new URL('..', import.meta.url))
const fileOf = (name: string): string => `${name}/planted.ts`
const importing = (specifier: string): string => `import * as all from '${specifier}'\nexport const used = all\n`
const lines = (count: number): string => Array.from({ length: count }, (_, n) => `  // ${n}\n`).join('')

const LEFT = ['errors', 'config', 'migrations', 'plan', 'events', 'runtime', 'execute']
const LAYERS = [...LEFT, 'database', 'watch', 'stack', 'cli']
const FILES = new Set(['errors', 'events', 'database', 'stack'])
/** Stands left of it, and is refused all the same: the library for one database loads nothing of containers. */
const REFUSED: Readonly<Record<string, readonly string[]>> = { database: ['plan', 'events', 'runtime'] }
const sourceOf = (layer: string): string => (FILES.has(layer) ? `${layer}.ts` : fileOf(layer))
const specifierFrom = (layer: string, target: string): string =>
  `${FILES.has(layer) ? './' : '../'}${FILES.has(target) ? `${target}.ts` : `${target}/target.ts`}`

const PROCESS = 'export const here = (): string => process.cwd()\nexport const { env } = process\n'
const CASES: readonly (readonly [name: string, file: string, text: string, rule: string])[] = [
  ['plan may not read files', fileOf('plan'), importing('node:fs'), 'no-restricted-imports'],
  ['plan may not use a bare Node module', fileOf('plan'), importing('fs'), 'prefer-node-protocol'],
  ['execa has one door', fileOf('execute'), importing('execa'), 'no-restricted-imports'],
  ['pg has one door', 'execute/observe.ts', importing('pg'), 'no-restricted-imports'],
  ['a door is closed to import() too', fileOf('execute'), "export const pg = import('pg')\n", 'no-restricted-imports'],
  ['a door is closed to types too', fileOf('cli'), "export type { Client } from 'pg'\n", 'no-restricted-imports'],
  ['a door is closed to subpaths too', fileOf('runtime'), importing('consola/core'), 'no-restricted-imports'],
  ['tsx has one door', 'config/define.ts', importing('tsx/esm/api'), 'no-restricted-imports'],
  ['zod has its doors', 'runtime/container/container.ts', importing('zod'), 'no-restricted-imports'],
  ['yaml has one door', 'config/load/yaml.ts', importing('yaml'), 'no-restricted-imports'],
  ['libpg-query has one door', 'migrations/sql/planted.ts', importing('libpg-query'), 'no-restricted-imports'],
  [
    "the stack's events are not for a folder of migrations",
    'migrations/run/planted.ts',
    importing('../../events.ts'),
    'no-restricted-imports',
  ],
  ['pg is not for the library', 'database.ts', importing('pg'), 'no-restricted-imports'],
  ['the stack is not for scripts', 'run.ts', importing('./stack/target.ts'), 'no-restricted-imports'],
  ['chokidar has one door', 'watch/watch.ts', importing('chokidar'), 'no-restricted-imports'],
  [
    'parts of the stack are not for the command line',
    'stack/planted.ts',
    importing('../cli/target.ts'),
    'no-restricted-imports',
  ],
  [
    'parts of the stack are not for execute',
    fileOf('execute'),
    importing('../stack/target.ts'),
    'no-restricted-imports',
  ],
  ['stricli has one door', 'watch/watch.ts', importing('@stricli/core'), 'no-restricted-imports'],
  ['a folder without a layer has no doors', 'other/planted.ts', importing('zod'), 'no-restricted-imports'],
  ['the public index is not for us', fileOf('cli'), importing('../index.ts'), 'no-restricted-imports'],
  ['the process object has one reader', fileOf('runtime'), importing('node:process'), 'no-restricted-imports'],
  ['the working directory has one reader', fileOf('runtime'), PROCESS, 'no-restricted-properties'],
  ['the environment has one reader', 'cli/app.ts', 'export const all = process.env\n', 'no-process-env'],
  ['nothing prints', fileOf('cli'), "console.log('x')\n", 'no-console'],
  ['a file has at most 300 lines', fileOf('plan'), `export const x = 1\n${lines(300)}`, 'max-lines'],
  [
    'a function has at most 70 lines',
    fileOf('plan'),
    `export function f(): void {\n${lines(70)}}\n`,
    'max-lines-per-function',
  ],
  [
    'four parameters',
    fileOf('plan'),
    'export const f = (a = 1, b = 1, c = 1, d = 1, e = 1): number => a + b + c + d + e\n',
    'max-params',
  ],
  ['no any', fileOf('plan'), 'export const f = (x: any): string => String(x)\n', 'no-explicit-any'],
  [
    'promises are awaited',
    fileOf('runtime'),
    'export function f(p: Promise<void>): void {\n  p\n}\n',
    'no-floating-promises',
  ],
  [
    'no promise where a value is asked',
    fileOf('runtime'),
    'export const f = (p: Promise<boolean>): number => (p ? 1 : 2)\n',
    'no-misused-promises',
  ],
  ['switches are exhaustive', fileOf('plan'), unfinishedSwitch(), 'switch-exhaustiveness-check'],
]

const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  [fileOf('plan'), importing('node:crypto')],
  ['runtime/exec.ts', "export const execa = (): Promise<object> => import('execa')\n"],
  ['execute/database/database.ts', importing('pg')],
  ['config/load/guarded.ts', importing('esbuild')],
  ['config/schema/services.ts', importing('zod')],
  ['runtime/container/inspect.ts', importing('zod')],
  ['watch/files.ts', importing('chokidar')],
  ['migrations/sql/parser.ts', importing('libpg-query')],
  ['migrations/events.ts', 'export const x = 1\n'],
  ['migrations/run/planted.ts', importing('../events.ts')],
  ['cli/report/human.ts', importing('consola/core')],
  ['cli/main.ts', PROCESS],
  ['config/child/child.ts', 'export const all = process.env\n'],
  ['index.ts', importing('./stack.ts')],
  ['database.ts', importing('./execute/target.ts')],
  [fileOf('runtime'), `export const x = 1\n${lines(299)}`],
]

function unfinishedSwitch(): string {
  return "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n  }\n  return 2\n}\n"
}

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'poststack-lint-'))
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(root, file), join(folder, file))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Lints planted files (beside targets that they may import) in one run, and returns what the linter said, a line a problem. */
function lint(planted: Readonly<Record<string, string>>): readonly string[] {
  rmSync(join(folder, 'src'), { recursive: true, force: true })
  const targets = LAYERS.map((layer) => [
    FILES.has(layer) ? `${layer}.ts` : `${layer}/target.ts`,
    'export const x = 1\n',
  ])
  for (const [file = '', text = ''] of [...targets, ...Object.entries(planted)]) {
    mkdirSync(dirname(join(folder, 'src', file)), { recursive: true })
    writeFileSync(join(folder, 'src', file), text)
  }
  const program = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
  const args = [program, '--type-aware', '--deny-warnings', '--format=unix', 'src']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  const problems = stdout.split('\n').filter((line) => line.startsWith('src/'))
  expect(status, stdout + stderr).toBe(problems.length === 0 ? 0 : 1)
  return problems
}

describe('direction', () => {
  let problems: readonly string[] = []
  const othersOf = (layer: string): readonly string[] => LAYERS.filter((other) => other !== layer)
  beforeAll(() => {
    const importers = LAYERS.map((layer) => [
      sourceOf(layer),
      othersOf(layer)
        .map((other, n) => `import { x as x${n} } from '${specifierFrom(layer, other)}'\nexport const y${n} = x${n}\n`)
        .join(''),
    ])
    problems = lint(Object.fromEntries(importers))
  })

  test.each(LAYERS.map((layer, index) => [layer, index] as const))(
    '%s imports only what stands left of it',
    (layer, index) => {
      // Each import stands on an odd line of its own, so the line says which one was refused.
      const refused = problems
        .filter((line) => line.startsWith(`src/${sourceOf(layer)}:`) && line.includes('no-restricted-imports'))
        .map((line) => line.split(':')[1])
      const right = othersOf(layer).flatMap((other, n) =>
        LAYERS.indexOf(other) > index || REFUSED[layer]?.includes(other) === true ? [String(2 * n + 1)] : [],
      )
      expect(refused).toEqual(right)
    },
  )
})

describe('rules that fire', () => {
  /** Each case in a file of its own, but for those whose name is what the rule goes by. */
  const cases = CASES.map(
    ([name, file, text, rule], n) => [name, file.replace('planted', `planted-${n}`), text, rule] as const,
  )
  let problems: readonly string[] = []
  beforeAll(() => {
    problems = lint({
      ...Object.fromEntries(cases.map(([, file, text]) => [file, text])),
      'plan/types.ts':
        "import type { x } from '../cli/target.ts'\nexport type Y = typeof x\nexport const z = import('../stack.ts')\n",
      'plan/one.ts': "import { two } from './two.ts'\nexport const one = (): number => two()\n",
      'plan/two.ts': "import { one } from './one.ts'\nexport const two = (): number => one()\n",
    })
  })
  const said = (file: string): readonly string[] => problems.filter((line) => line.startsWith(`src/${file}:`))

  test.each(cases)('%s', (_name, file, _text, rule) => {
    expect(said(file).join('\n')).toContain(`(${rule})`)
  })

  test('types and import() follow the direction, too', () => {
    expect(said('plan/types.ts').filter((line) => line.includes('no-restricted-imports'))).toHaveLength(2)
  })

  test('a cycle inside a folder is found', () => {
    expect(said('plan/one.ts').join('\n')).toContain('import(no-cycle)')
  })
})

test('what is allowed passes', () => {
  expect(lint(Object.fromEntries(ALLOWED))).toEqual([])
})
