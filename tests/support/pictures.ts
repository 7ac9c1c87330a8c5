/**
 * `npx tsx tests/support/pictures.ts` makes the pictures of README anew, out of what the program says in README's tour.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment, cliFile } from './cli.ts'
import { freePort } from './ports.ts'
import { page, pathOf, type Block } from './readme.ts'
import { terminalSvg } from './terminal-svg.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-pictures-')))
const port = String(await freePort())
const files = page('README.md').blocks.filter((block) => pathOf(block) !== undefined)
const [config, migration, changedConfig] = files
try {
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'poststack'))
  await write(config)
  await write(migration)
  await picture('up', await said(['up']))
  await write(changedConfig)
  await picture('plan', await said(['plan']))
  await write(config)
  await picture('watch', await watched())
} finally {
  await said(['down', '--volumes', '--yes'])
  await rm(folder, { recursive: true, force: true })
}

async function write(block: Block | undefined): Promise<void> {
  const path = block === undefined ? undefined : pathOf(block)
  if (block === undefined || path === undefined) throw new Error('README has no such file')
  await put(path, block.text)
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), `${text.replaceAll('5433', port)}\n`)
}

async function picture(command: string, output: string): Promise<void> {
  const svg = terminalSvg({ command: `npx poststack ${command}`, output: output.replaceAll(port, '5433') })
  await mkdir(join(root, 'docs', 'pictures'), { recursive: true })
  await writeFile(join(root, 'docs', 'pictures', `${command}.svg`), svg)
}

/** Both streams, in colour. */
async function said(words: readonly string[], on?: (text: string, end: () => void) => void): Promise<string> {
  const env = { ...cleanEnvironment(), FORCE_COLOR: '1' }
  const child = spawn(process.execPath, [cliFile, ...words], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      on?.(output, () => child.kill('SIGINT'))
    })
  await new Promise((resolve) => {
    child.once('close', resolve)
  })
  return output
}

/** A migration is saved, and its mistake mended. */
async function watched(): Promise<string> {
  const saves = [
    'ALTER TABLE books ADD COLUMN year integer;\nUPDATE books SET yaer = 1815;',
    'ALTER TABLE books ADD COLUMN year integer;\nUPDATE books SET year = 1815;',
  ]
  let waits = 0
  return said(['watch'], (output, end) => {
    const times = output.match(/waiting for changes/g)?.length ?? 0
    if (times === waits) return
    waits = times
    const text = saves.shift()
    if (text === undefined) end()
    else void put('migrations/002_year.sql', text)
  })
}
