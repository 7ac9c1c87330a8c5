/** Why a script has ended, as far as that is about Poststack: what its process said, with the way out. */
import { isIP } from 'node:net'
import { errorCodes, PoststackError } from '../errors.ts'
import { areTexts, isRecord } from './is-record.ts'
import type { FoundConfig } from './load/find.ts'
import { describeDenial, fromFolder } from './load/denied.ts'
import { addressesOf } from './handed.ts'
import type { HandedStack, ScriptReport } from './child/script-protocol.ts'

/** Of what was said on descriptor 3, line by line; nothing where the script's own words are enough. */
export function failureIn(said: string, script: FoundConfig, stack: HandedStack): PoststackError | undefined {
  const report = reportIn(said)
  if (report === undefined) return undefined
  if (report.kind === 'denied') {
    const { what, hint, details } = describeDenial(report.denial, script, 'script')
    const at = report.place ?? fromFolder(script.root, script.file)
    return new PoststackError('SCRIPT_DENIED', `${at}: ${what}`, { hint, details })
  }
  if (report.kind === 'refused') return unanswered(report.address, stack)
  const { code, details = {}, hint, message } = report.error
  const { host, port } = details
  const down = code === 'DATABASE_UNREACHABLE' ? serviceAt(`${String(host)}:${String(port)}`, stack) : undefined
  return new PoststackError(code, `${report.place === undefined ? '' : `${report.place}: `}${message}`, {
    hint: down === undefined ? hint : start(down),
    details,
  })
}

/** The script may have written there, too, and may have been ended in the middle of a line. */
function reportIn(said: string): ScriptReport | undefined {
  try {
    const report: unknown = JSON.parse(said.split('\n').find((one) => one !== '') ?? '')
    return isReport(report) ? report : undefined
  } catch {
    return undefined
  }
}

function isReport(value: unknown): value is ScriptReport {
  if (!isRecord(value)) return false
  const { address, denial, error, kind, place } = value
  if (place !== undefined && typeof place !== 'string') return false
  if (kind === 'refused') return typeof address === 'string'
  if (kind === 'denied') return isRecord(denial) && areTexts(denial, ['permission', 'resource'])
  if (kind !== 'failed' || !isRecord(error) || !areTexts(error, ['code', 'message'])) return false
  const { code, details, hint } = error
  if (!Object.hasOwn(errorCodes, String(code))) return false
  return (details === undefined || isRecord(details)) && (hint === undefined || typeof hint === 'string')
}

/** Another address is none of ours. */
function unanswered(address: string, stack: HandedStack): PoststackError | undefined {
  const service = serviceAt(address, stack)
  if (service === undefined) return undefined
  return new PoststackError('NOT_RUNNING', `Service ${service} does not answer: nothing listens at ${address}.`, {
    hint: start(service),
    details: { service, address },
  })
}

function start(service: string): string {
  return `Start it: poststack up ${service}`
}

function serviceAt(address: string, { services }: HandedStack): string | undefined {
  const wanted = withoutNames(address)
  const found = Object.entries(services).find(([, service]) =>
    addressesOf(service).some((one) => withoutNames(one) === wanted),
  )
  return found?.[0]
}

/** All of this machine's own addresses are one. */
function withoutNames(address: string): string {
  const host = address.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  return `${isLoopback ? '127.0.0.1' : host}:${/\d+$/.exec(address)?.[0] ?? ''}`
}
