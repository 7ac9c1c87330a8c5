/**
 * The program that evaluates a config: `node config-child.js <job>`. It imports the config (or the bundle made of it),
 * calls it, makes the result plain and writes one line of JSON to file descriptor 3. Everything the config prints goes
 * its own way, to stdout and stderr.
 */
import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { watchReads } from './reads.ts'
import { adjustResolution, inlineMap } from './resolution.ts'
import { offerResolver } from './resolver.ts'
import { closeGaps, denialIn, limitHosts, withholding } from './restrictions.ts'
import { writeLine } from './write-line.ts'
import { definedKey } from '../define.ts'
import { serializeConfig } from '../serialize.ts'
import type { ChildJob, ChildReport, ThrownError } from './protocol.ts'
import type { Loaded } from './resolution.ts'

const reportDescriptor = 3
const translationDescriptor = 4
/** The real one: `process.exit` is replaced while the config runs. */
const exit = process.exit.bind(process)
let isReported = false

function report(result: ChildReport): void {
  if (isReported) return
  isReported = true
  writeLine(reportDescriptor, result)
}

function describeError(error: unknown): ThrownError {
  // Not `instanceof`: an error of another realm is one too.
  if (typeof error !== 'object' || error === null || !('stack' in error)) {
    return { name: '', message: inspect(error), stack: '' }
  }
  const { cause, name, message, stack, code, hint } = error as Record<string, unknown>
  return {
    name: text(name) ?? 'Error',
    message: withCause(text(message) ?? inspect(error), cause),
    stack: withFrames(text(stack) ?? '', cause),
    code: text(code),
    hint: text(hint),
    denial: denialIn(error),
  }
}

/** "fetch failed" says nothing without its cause. */
function withCause(message: string, cause: unknown): string {
  const why = cause instanceof Error ? cause.message : ''
  return why === '' || message.includes(why) ? message : `${message}: ${why}`
}

/** From Node 24 on the error of `fetch` has no frames of its own. */
function withFrames(stack: string, cause: unknown): string {
  return /\n\s+at /.test(stack) || !(cause instanceof Error) ? stack : `${stack}\n${cause.stack ?? ''}`
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Whatever ends the process early says so first; without this an exit would look like a crash of Poststack. */
function watchForTheEnd(): void {
  process.exit = (code?: number | string | null): never => {
    report({
      kind: 'exited',
      code: String(code ?? process.exitCode ?? 0),
      stack: new Error('process.exit').stack ?? '',
    })
    return exit(code)
  }
  process.on('exit', () => report({ kind: 'unfinished' }))
  process.on('uncaughtException', (error) => {
    report({ kind: 'threw', error: describeError(error) })
    exit(1)
  })
}

/**
 * Hands out how tsx has moved the lines of a project's file. The parent cannot ask for it later: a config in an endless
 * loop does not answer.
 */
function reportTranslation(file: string, source: Loaded['source']): void {
  if (source === undefined || source === null || file.includes('/node_modules/')) return
  const code = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString()
  writeLine(translationDescriptor, { file, map: inlineMap.exec(code)?.[1] ?? '' })
}

async function evaluate(job: ChildJob): Promise<void> {
  watchForTheEnd()
  process.argv.splice(1, process.argv.length, job.file)
  if (job.modulesFile !== undefined) {
    const own = { poststack: { url: job.own, commonJs: job.ownCommonJs } }
    adjustResolution({ modulesFile: job.modulesFile, own, onTranslated: reportTranslation, translationDescriptor })
  } else {
    offerResolver({ poststack: job.own })
    // A bundle of CommonJS files calls `require` for what is not in the bundle.
    if (job.needsRequire) Object.assign(globalThis, { require: createRequire(job.file) })
  }
  if (job.guarded) closeGaps(job.mayStart)
  const watched = await watchReads(process.env, job.mayStart)
  process.env = job.withheld.length > 0 ? withholding(job.withheld, watched.env) : watched.env
  if (job.hosts !== undefined) limitHosts(job.hosts)
  Object.assign(globalThis, { [definedKey]: new WeakMap() })
  try {
    const exported: unknown = await import(job.url)
    const context = {
      env: process.env,
      mode: job.mode,
      get cwd() {
        watched.sawCwd()
        return job.cwd
      },
    }
    const result = await serializeConfig(exported, context)
    report({ kind: 'result', ...result, reads: watched.reads() })
  } catch (error) {
    report({ kind: 'threw', error: describeError(error) })
  }
  // Timers and servers that the config left behind do not matter any more.
  exit(0)
}

await evaluate(JSON.parse(process.argv[2] ?? '{}') as ChildJob)
