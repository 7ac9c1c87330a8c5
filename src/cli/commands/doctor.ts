import { realpath } from 'node:fs/promises'

import { ExitCode, isPoststackError, recordError, type ErrorRecord } from '../../errors.ts'
import type { StackFacts } from '../../execute/doctor/facts.ts'
import { judge } from '../../execute/doctor/findings.ts'
import { lookAtMachine } from '../../execute/doctor/look.ts'
import { asking } from '../../migrations/own-path.ts'
import type { Stack } from '../../stack.ts'
import type { Context, Io } from '../context.ts'
import type { CommonFlags } from '../flags.ts'
import { createReporter } from '../report/create.ts'
import { doctorText } from '../report/doctor-words.ts'
import { fail, openDeclared } from '../session.ts'

/** What is looked at where the config says nothing. */
const usualMajor = 17

/** `poststack doctor` */
export async function doctor(this: Context, flags: CommonFlags): Promise<void> {
  const { io } = this
  const report = createReporter(io, flags)
  let stack: Stack | undefined
  try {
    let broken: ErrorRecord | undefined
    stack = await openDeclared(flags, io, report).catch((error: unknown) => {
      if (!isPoststackError(error) || io.signal.aborted) throw error
      broken = recordError(error)
      return undefined
    })
    const [machine, facts] = await Promise.all([
      lookAtMachine({
        root: stack?.config.root ?? (await realpath(io.cwd)),
        env: io.env,
        majors: majorsOf(stack),
        signal: io.signal,
      }),
      stack === undefined ? undefined : lookAtStack(stack, io),
    ])
    const findings = judge(machine, facts ?? broken ?? noConfig)
    const works = findings.every(({ stopsUp }) => !stopsUp)
    const document = { type: 'doctor', works, findings } as const
    report.result(document, doctorText(document))
    this.exitCode = works ? ExitCode.ok : ExitCode.machineLacks
  } catch (error) {
    this.exitCode = fail(error, io.signal, report)
  } finally {
    await stack?.close()
    report.close()
  }
}

const noConfig: ErrorRecord = { code: 'CONFIG_FAILED', message: 'nothing is known of it' }

function majorsOf(stack: Stack | undefined): readonly number[] {
  const majors = (stack?.config.services ?? []).flatMap((service) =>
    service.kind === 'postgres' ? [service.version] : [],
  )
  return stack === undefined ? [usualMajor] : [...new Set(majors)].toSorted((one, other) => one - other)
}

/** Of what runs without being named. Those that Poststack numbers itself are in nobody's way. */
function portsOf({ config }: Stack): StackFacts['ports'] {
  const isAuto = (service: string, port?: string) =>
    config.autoPorts.some((auto) => auto.service === service && auto.port === port)
  return config.services.flatMap((service) => {
    const { idle, kind, name } = service
    if (kind === 'external' || idle !== undefined) return []
    if (kind === 'postgres') return isAuto(name) ? [] : [{ service: name, port: service.port }]
    return service.ports.flatMap(({ host, name: port }) =>
      host === undefined || isAuto(name, port) ? [] : [{ service: name, port: host }],
    )
  })
}

async function lookAtStack(stack: Stack, io: Io): Promise<StackFacts> {
  const { conventional = false, name } = stack.config
  const known = { name, conventional, ports: portsOf(stack) }
  try {
    const plan = await stack.plan()
    const blocked = plan.steps.flatMap(({ action, cause, subject }) =>
      action.kind === 'blocked' ? [{ subject, message: cause.text, remedy: action.ways.join('\n') }] : [],
    )
    return { ...known, runtime: { name: plan.runtime }, blocked, clocks: await readClocks(stack, blocked, io) }
  } catch (error) {
    if (!isPoststackError(error) || io.signal.aborted) throw error
    const record = recordError(error)
    const { code, hint, message } = record
    if (code === 'RUNTIME_MISSING' || code === 'RUNTIME_UNREACHABLE')
      return { ...known, runtime: { error: record }, blocked: [], clocks: [] }
    const remedy = hint === undefined ? {} : { remedy: hint }
    return { ...known, runtime: { name: 'auto' }, blocked: [{ subject: name, message, ...remedy }], clocks: [] }
  }
}

/** A server that takes longer is none to set a clock by. */
const clockMs = 5_000

/** Those that do not answer run no clock that anybody could ask, and on the port of one that is blocked may be anything. */
async function readClocks(
  stack: Stack,
  blocked: StackFacts['blocked'],
  io: Pick<Io, 'signal'>,
): Promise<StackFacts['clocks']> {
  const databases = stack.config.services.filter(
    ({ kind, name }) => kind !== 'container' && !blocked.some(({ subject }) => subject === `service:${name}`),
  )
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(clockMs)])
  const read = await Promise.all(
    databases.map(async ({ name: service }) => {
      try {
        const { connect } = await stack.database({ service })
        const connection = await asking(connect)({ applicationName: 'poststack doctor', signal })
        try {
          const before = Date.now()
          const { rows } = await connection.query(
            'SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::float8 AS now',
          )
          return [{ service, skewMs: Math.round(Number(rows[0]?.['now']) - (before + Date.now()) / 2) }]
        } finally {
          await connection.close()
        }
      } catch (error) {
        if (io.signal.aborted) throw error
        return []
      }
    }),
  )
  return read.flat()
}
