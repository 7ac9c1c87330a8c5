/**
 * The built program as a person starts it: argument arrays, an environment without the test runner's own variables, and
 * both streams kept apart.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The program that `npm run build` makes. */
export const cliFile = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd: string
  /** Over the environment of the tests; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Typed into a terminal that is made for it; without it there is none. A text alone answers the first `[y/N]`. */
  readonly typed?: string | readonly Typed[]
}

/** What is typed once a text has been said; a function may change the world first. */
export type Typed = readonly [asked: string, answer: string | (() => Promise<string>)]

export interface RunningCli {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when the output (both streams) holds this text, or rejects when the program ends before. */
  said(text: string): Promise<void>
}

/** Starts `poststack <words>`. */
export function startCli(words: readonly string[], { cwd, env = {}, typed }: CliOptions): RunningCli {
  const [program, ...args] =
    typed === undefined ? [process.execPath, cliFile, ...words] : ['script', '-qec', quote(words), '/dev/null']
  const child = spawn(program, args, {
    cwd,
    env: cleanEnvironment(env),
    stdio: [typed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const heard: (() => void)[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      for (const listener of heard) listener()
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const end = { code: code ?? undefined, signal: signal ?? undefined, ...output }
      // On a terminal both streams are one, and what was killed may have been in the middle of a line.
      const isPublished = typed === undefined && signal === null && saysJson(words)
      if (isPublished) expectPublished(end.stdout).then(() => resolve(end), reject)
      else resolve(end)
    })
  })
  const running: RunningCli = {
    process: child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const listen = (): void => {
          if (`${output.stdout}${output.stderr}`.includes(text)) resolve()
        }
        heard.push(listen)
        listen()
        child.once('close', () => {
          reject(new Error(`it ended without saying "${text}":\n${output.stdout}${output.stderr}`))
        })
      }),
  }
  // Who has ended reads no answers; what came of it is for the test to judge.
  child.stdin?.on('error', () => undefined)
  if (typed !== undefined) void answer(running, typeof typed === 'string' ? [['[y/N]', typed]] : typed)
  return running
}

/** Whether it is Poststack that speaks JSON, and not a program that it runs. */
function saysJson(words: readonly string[]): boolean {
  if (['exec', 'psql', 'run'].includes(words[0] ?? '')) return false
  const end = words.indexOf('--')
  return (end === -1 ? words : words.slice(0, end)).includes('--json')
}

/** Every line of `--json`, whatever the test is about, is as docs/json/ says. */
async function expectPublished(stdout: string): Promise<void> {
  const { wrongLines } = await import('./json-lines.ts')
  const wrong = wrongLines(stdout)
  if (wrong.length > 0) throw new Error(`not as docs/json/ says:\n${wrong.join('\n')}`)
}

/** Runs `poststack <words>` to its end. */
export function runCli(words: readonly string[], options: CliOptions): Promise<Ended> {
  return startCli(words, options).ended
}

/** The words of a command that was told, as a shell reads them: those behind `poststack`. */
export function wordsOf(command: string): readonly string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
    .split('\0')
    .slice(1, -1)
}

/** Types once the program has asked: what is typed before would be gone when it opens the terminal. */
async function answer(running: RunningCli, typed: readonly Typed[]): Promise<void> {
  for (const [asked, text] of typed) {
    await running.said(asked).catch(() => undefined)
    running.process.stdin?.write(typeof text === 'string' ? text : await text())
  }
  running.process.stdin?.end()
}

/** The environment without what the test runner, npm and their caller set, which would change how programs behave. */
export function cleanEnvironment(env: CliOptions['env'] = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^(VITEST|npm_(?!config_(registry|cache|userconfig|proxy|https_proxy|noproxy|cafile)$)|NODE_(?!EXTRA_CA)|NO_COLOR$|FORCE_COLOR$|CI$|TEST$|TERM$|POSTSTACK_)/.test(
        name,
      ),
  )
  return { ...Object.fromEntries(own), TERM: 'xterm', ...env }
}

function quote(words: readonly string[]): string {
  return [process.execPath, cliFile, ...words].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
}
