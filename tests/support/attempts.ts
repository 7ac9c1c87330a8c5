/**
 * Makes an attempt with hostile input, and says what it did that no input may do: a trace of our insides, a bug's exit code, a raw control
 * character, a changed folder.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { runApp } from '../../src/cli/app.ts'
import { runCli } from './cli.ts'
import { usualConfig, type Attempt } from './hostile-attempts.ts'

interface Answer {
  readonly code: number | undefined
  readonly output: string
}

type Run = (
  words: readonly string[],
  options: { readonly cwd: string; readonly env: Attempt['env'] },
) => Promise<Answer>

/** In this process, which is quick. */
const inProcess: Run = async (words, { cwd, env = {} }) => {
  let output = ''
  const stream = { write: (text: string) => (output += text) }
  const code = await runApp(words, {
    cwd,
    env,
    stdin: new PassThrough(),
    stdout: stream,
    stderr: stream,
    signal: new AbortController().signal,
    handOver: () => () => undefined,
    unread: new AbortController().signal,
  }).catch((error: unknown) => {
    output += error instanceof Error ? (error.stack ?? error.message) : String(error)
    return -1
  })
  return { code, output }
}

/** As a person starts it. */
export const asProgram: Run = async (words, { cwd, env = {} }) => {
  const { code, stderr, stdout } = await runCli(words, { cwd, env })
  return { code, output: stdout + stderr }
}

const honest: readonly (number | undefined)[] = [0, 1, 2, 3, 4]
const trace = /^\s+at .*:\d+:\d+\)?$/m
const control = /(?![\n\t])[\p{Cc}\u2028-\u202E\u2066-\u2069]/u
/** More is no answer that somebody reads. */
const longest = 30_000

/** Everything that was wrong, as lines; each with the attempt, so that it can be made again. */
export async function faultsOf(hostile: Attempt, run: Run = inProcess): Promise<readonly string[]> {
  const attempt = asAProcessTakesIt(hostile)
  const above = await realpath(await mkdtemp(join(tmpdir(), 'poststack-hostile-')))
  // Deep enough that `../../..` ends in a folder of ours.
  const cwd = join(above, 'a/b/c/d/e/project')
  await mkdir(cwd, { recursive: true })
  try {
    for (const [path, content] of Object.entries({ 'config.yaml': usualConfig, ...attempt.files })) {
      await mkdir(dirname(join(cwd, path)), { recursive: true })
      await writeFile(join(cwd, path), content)
    }
    const before = await listing(above)
    const { code, output } = await run(attempt.words, { cwd, env: environment(above, attempt) })
    const after = await listing(above)
    const changed = after === before ? '' : after
    return [
      ...(honest.includes(code) ? [] : [`it ended with ${String(code)}`]),
      ...(trace.test(output) ? ['it shows a trace'] : []),
      ...(control.test(output) ? ['it echoes a control character'] : []),
      ...(output.length > longest && !attempt.words.includes('--json') ? ['it says too much'] : []),
      // Work that was asked for rightly, and done, is no fault.
      ...(changed === '' || code === 0 || makesPasswords(attempt) ? [] : [`it changed the folder: ${changed}`]),
    ].map((fault) => `${fault}\n  after ${shown(attempt)}\n  it said ${JSON.stringify(output.slice(0, 800))}`)
  } finally {
    await rm(above, { recursive: true, force: true })
  }
}

/** No argument and no variable of a process can hold a NUL; files can. */
function asAProcessTakesIt({ env = {}, files, words }: Attempt): Attempt {
  return {
    words: words.map(withoutNul),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value && withoutNul(value)])),
    ...(files === undefined ? {} : { files }),
  }
}

function withoutNul(text: string): string {
  return text.replaceAll('\0', '\u0001')
}

/** No engine answers, no program is found, and what is asked without a config of its own finds ours. */
function environment(above: string, { env }: Attempt): Attempt['env'] {
  return {
    PATH: join(above, 'bin'),
    HOME: above,
    XDG_RUNTIME_DIR: above,
    DOCKER_HOST: `unix://${above}/none.sock`,
    CONTAINER_HOST: `unix://${above}/none.sock`,
    POSTSTACK_CONTAINER_RUNTIME: 'docker',
    POSTSTACK_CONFIG: 'config.yaml',
    ...env,
  }
}

/** Programs are handed the password that the server will get, so it is made before they turn out to be missing. */
function makesPasswords({ words }: Attempt): boolean {
  return words.includes('exec') || words.includes('psql')
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      const content = entry.isFile() ? await readFile(path) : ''
      return `${path.slice(folder.length)} ${createHash('sha256').update(content).digest('hex').slice(0, 8)}`
    }),
  )
  return lines.toSorted().join('\n')
}

function shown(attempt: Attempt): string {
  return JSON.stringify(attempt, (_, value: unknown) => {
    if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64').slice(0, 300)}`
    return typeof value === 'string' && value.length > 300 ? `${value.slice(0, 300)}… (${String(value.length)})` : value
  })
}
