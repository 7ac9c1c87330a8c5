/**
 * The config, what it would run on, and what stands in the way. Pure.
 */
import type { ErrorRecord } from '../../errors.ts'
import type { StackFacts } from './facts.ts'
import { type Finding, note, obstacle, ok, remedyOf } from './finding.ts'

export function judgeConfig({ hint, message }: ErrorRecord): Finding {
  return obstacle('config', 'the config cannot be used', { cause: message, ...remedyOf(hint) })
}

const largestSkewMs = 2_000

export function judgeStack({ blocked, clocks, conventional, name, ports, runtime }: StackFacts): readonly Finding[] {
  const chosen =
    'error' in runtime
      ? obstacle('runtime', `nothing here can run ${name}`, {
          cause: runtime.error.message,
          ...remedyOf(runtime.error.hint),
        })
      : ok('runtime', `up runs ${name} on ${runtime.name}`)
  const ways = blocked.map(({ message, remedy, subject }) =>
    obstacle('plan', `${subject} is blocked`, { cause: message, ...remedyOf(remedy) }),
  )
  const numbers = ports.map(({ port, service }) => `${String(port)} (${service})`).join(', ')
  // The plan looks at them, and says by a blocked step who has them.
  const free =
    'error' in runtime || ways.length > 0 || ports.length === 0
      ? []
      : [ok('ports', `nothing else holds the host ports of ${name}: ${numbers}`)]
  const config =
    conventional === true
      ? `there is no config file: ${name} is what conventions make of this folder`
      : `the config of ${name} can be read`
  return [ok('config', config), chosen, ...ways, ...free, ...judgeClocks(clocks)]
}

function judgeClocks(clocks: StackFacts['clocks']): readonly Finding[] {
  const wrong = clocks
    .filter(({ skewMs }) => Math.abs(skewMs) > largestSkewMs)
    .map(({ service, skewMs }) =>
      note(
        'clock',
        `the clock of ${service} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead' : 'behind'}`,
        {
          cause: 'the machine or its virtual machine slept, or nothing sets its clock',
          remedy: 'Restart the virtual machine of the engine, or set the clock (chronyd, systemd-timesyncd).',
        },
      ),
    )
  return clocks.length > 0 && wrong.length === 0
    ? [ok('clock', 'the clocks of the databases agree with that of this machine')]
    : wrong
}
