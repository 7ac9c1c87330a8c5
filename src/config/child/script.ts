/**
 * The program that runs a script: `node script-child.js <script> <arguments>`, with its job in a variable. It puts in place what the script
 * finds (its arguments, the stack, what it may not do), and imports it. Everything else, errors and exit code too, is the script's own.
 */
import { createRequire } from 'node:module'
import { isPoststackError, type PoststackError, recordError, toldAs } from '../../errors.ts'
import { adjustResolution } from './resolution.ts'
import { offerResolver } from './resolver.ts'
import { writeLine } from './write-line.ts'
import { closeGaps, denialIn, limitHosts, withholding } from './restrictions.ts'
import { jobVariable, stackKey, type ScriptJob, type ScriptReport } from './script-protocol.ts'

const reportDescriptor = 3

function takeJob(): ScriptJob {
  const text = process.env[jobVariable] ?? '{}'
  // What the script starts has no use for it.
  Reflect.deleteProperty(process.env, jobVariable)
  return JSON.parse(text) as ScriptJob
}

/**
 * A denial and a service that does not answer are told to whoever started us, who knows the way out; Node prints the error. An error of ours
 * says all by itself: it is told whole, and Node prints nothing.
 */
function tellEnd(error: unknown): void {
  const denial = denialIn(error)
  if (denial !== undefined) {
    tell({ kind: 'denied', denial, place: placeInProject(error) })
    return
  }
  // The script has an answer of its own.
  if (process.listenerCount('uncaughtException') > 0) return
  const ours = ourError(error)
  if (ours !== undefined) {
    if (tell({ kind: 'failed', error: recordError(ours), place: placeInProject(error) })) process.exit(1)
    return
  }
  const address = refusedAddress(error)
  if (address !== undefined) tell({ kind: 'refused', address })
}

function ourError(error: unknown): PoststackError | undefined {
  if (isPoststackError(error)) return error
  const told = error instanceof Error && toldAs in error ? error[toldAs] : undefined
  return isPoststackError(told) ? told : undefined
}

function tell(report: ScriptReport): boolean {
  try {
    writeLine(reportDescriptor, report)
    return true
  } catch {
    // The error itself is printed all the same.
    return false
  }
}

/** The innermost place of the project's own code on the way to the error: `scripts/import.ts:3:14`. */
function placeInProject(error: unknown): string | undefined {
  const { root } = job.stack
  const { stack = '' } = error instanceof Error ? error : {}
  for (const [, path = '', position = ''] of stack.matchAll(
    /(?:\(|at (?:async )?)(?:file:\/\/)?(\/[^()\n]+?)(:\d+:\d+)\)?$/gm,
  )) {
    const isOurs = path.startsWith(import.meta.dirname) || path.includes('/node_modules/')
    if (!isOurs && path.startsWith(`${root}/`)) return `${path.slice(root.length + 1)}${position}`
  }
  return undefined
}

/** Drivers and `fetch` put it into causes, or into a list of what they tried. */
function refusedAddress(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { address, cause, code, errors, port } = error as Record<string, unknown>
  if (code === 'ECONNREFUSED' && typeof address === 'string') return `${address}:${String(port)}`
  const inside: readonly unknown[] = Array.isArray(errors) ? errors : []
  return [...inside, ...(cause === error ? [] : [cause])].map(refusedAddress).find((one) => one !== undefined)
}

const job = takeJob()
Object.assign(globalThis, { [stackKey]: job.stack })
process.argv.splice(1, 1)
// It only looks on: Node prints the error and ends with 1, unless the script itself has another answer.
process.on('uncaughtExceptionMonitor', tellEnd)
if (job.modulesFile !== undefined) adjustResolution({ modulesFile: job.modulesFile, own: job.own })
else {
  offerResolver({})
  // A bundle of CommonJS files calls `require` for what is not in the bundle.
  if (job.needsRequire) Object.assign(globalThis, { require: createRequire(job.file) })
}
if (job.withheld.length > 0) process.env = withholding(job.withheld, process.env)
if (job.hosts !== undefined) limitHosts(job.hosts)
if (job.guarded) closeGaps(job.mayStart)
await import(job.url)
