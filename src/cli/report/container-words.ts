/**
 * The answers of the container commands as text. Pure, but for the colours of a terminal.
 */
import kleur from 'kleur'

import type { ServiceLogLine } from '../../stack/options.ts'
import type { ContainerHealthDocument, ContainerListDocument, ContainerStatusDocument } from './documents.ts'
import { visibleIn } from './visible.ts'
import { table } from './words.ts'

export function containerStatusText({ runtime, services, stack }: ContainerStatusDocument): string {
  const rows = services.map(({ addresses, container, reason, service, state }) => [
    service,
    container ?? '-',
    state,
    reason ?? addresses.join(' '),
  ])
  return [`${stack} on ${runtime}`, '', ...table(rows), ''].join('\n')
}

export function containerListText({ containers, images, runtime, stack }: ContainerListDocument): string {
  const rows = containers.map(({ declared, exitCode, image, name, ports, service, state }) => [
    name,
    declared ? service : `${service} (no longer declared)`,
    exitCode === undefined ? state : `${state} (${String(exitCode)})`,
    image ?? '',
    ports.map(({ host, hostAddress }) => `${hostAddress}:${String(host)}`).join(' '),
  ])
  const built = images.map(({ built: there, image, shipped }) => [
    image,
    there ? 'built' : shipped ? 'not built' : 'not built from the present files',
  ])
  const none = ['  none']
  return [
    `containers of ${stack} on ${runtime}`,
    '',
    ...(rows.length === 0 ? none : table(rows)),
    ...(built.length === 0 ? [] : ['', 'images', '', ...table(built)]),
    '',
  ].join('\n')
}

/** With colours of ours, so what stands in it from outside is made visible here. */
export function containerHealthText(document: ContainerHealthDocument): string {
  const { services, stack } = visibleIn(document)
  const width = Math.max(0, ...services.map(({ service }) => service.length))
  const lines = services.flatMap(({ healthy, hint, logs, reason, service, state }) => {
    const word = healthy ? kleur.green(state) : kleur.red(state)
    const head = `  ${service.padEnd(width)}  ${word}${reason === undefined ? '' : `: ${reason}`}`
    const indent = ' '.repeat(width + 4)
    return [head, ...logs.map((line) => `${indent}| ${line}`), ...(hint === undefined ? [] : [`${indent}try: ${hint}`])]
  })
  const ill = services.filter(({ healthy }) => !healthy).length
  const whole =
    ill === 0
      ? 'all services are well'
      : `${String(ill)} of ${String(services.length)} services ${ill === 1 ? 'is' : 'are'} not well`
  return [`${stack}: ${whole}`, '', ...lines, ''].join('\n')
}

const colours = [kleur.cyan, kleur.yellow, kleur.green, kleur.magenta, kleur.blue] as const

/** A function that makes a line of the stream: whose it is, and what was said. */
export function createLogLines(services: readonly string[]): (line: ServiceLogLine) => string {
  const width = Math.max(0, ...services.map((service) => service.length))
  return ({ service, text }) => {
    const colour = colours[Math.max(0, services.indexOf(service)) % colours.length] ?? kleur.cyan
    return `${colour(`${service.padEnd(width)} |`)} ${text}\n`
  }
}
