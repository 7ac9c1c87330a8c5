/**
 * The program that runs a script: `node script-child.js <script> <arguments>`, with its job in a variable. It puts in place what the script
 * finds (its arguments, the stack, what it may not do), and imports it. Everything else, errors and exit code too, is the script's own.
 */
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { adjustResolution } from './resolution.ts'
import { denialIn, limitHosts, withholding } from './restrictions.ts'
import { jobVariable, stackKey, type ScriptJob, type ScriptReport } from './script-protocol.ts'

const reportDescriptor = 3

function takeJob(): ScriptJob {
  const text = process.env[jobVariable] ?? '{}'
  // What the script starts has no use for it.
  Reflect.deleteProperty(process.env, jobVariable)
  return JSON.parse(text) as ScriptJob
}

/** A denial says what was denied, and whoever started us which grant would allow it. */
function tellDenial(error: unknown): void {
  const denial: ScriptReport | undefined = denialIn(error)
  if (denial === undefined) return
  try {
    writeSync(reportDescriptor, `${JSON.stringify(denial)}\n`)
  } catch {
    // The error itself is printed all the same.
  }
}

const job = takeJob()
Object.assign(globalThis, { [stackKey]: job.stack })
process.argv.splice(1, 1)
// It only looks on: Node prints the error and ends with 1, unless the script itself has another answer.
process.on('uncaughtExceptionMonitor', tellDenial)
if (job.isDirect) adjustResolution({ modules: job.modules, own: job.own })
// A bundle of CommonJS files calls `require` for what is not in the bundle.
else if (job.needsRequire) Object.assign(globalThis, { require: createRequire(job.file) })
if (job.withheld.length > 0) process.env = withholding(job.withheld, process.env)
if (job.hosts !== undefined) limitHosts(job.hosts)
await import(job.url)
