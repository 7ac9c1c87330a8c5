/**
 * What watching says, as lines for people.
 */
import kleur from 'kleur'

import type { StackEvent } from '../../events.ts'

export type WatchEvent = Extract<
  StackEvent,
  { type: 'watch-changed' | 'watch-crashing' | 'watch-waiting' | 'schema-changed' }
>

const mostNames = 3

/** The lines of an event. While it waits, a terminal shows a live line instead; see `waitingText`. */
export function watchLines(event: WatchEvent): readonly string[] {
  switch (event.type) {
    case 'watch-changed':
      return ['', kleur.dim(changeText(event))]
    case 'watch-crashing':
      return [
        `${kleur.yellow('warning')}  ${event.service} has ended ${String(event.deaths)} times right after its start; it is not started again until something changes`,
      ]
    case 'watch-waiting':
      return [`waiting for changes; watching ${count(event.files)}`]
    case 'schema-changed':
      return [`  schema of ${event.service}:`, ...event.lines.map((line) => `    ${colored(line)}`)]
  }
}

/** The live line of a terminal while nothing runs. It fits into 80 columns, or the keys would be cut off. */
export function waitingText({ asDeclared, files }: Extract<WatchEvent, { type: 'watch-waiting' }>): string {
  const state = asDeclared ? `watching ${count(files)}` : `not as declared; ${count(files)}`
  return `  ${state} · r re-run, p plan, l logs, q quit, Q quit and down`
}

/** What a run is made for. */
export function changeText({ paths, services }: Extract<WatchEvent, { type: 'watch-changed' }>): string {
  return [...changed(paths), ...ended(services)].join('; ')
}

function count(files: number): string {
  return `${String(files)} ${files === 1 ? 'file' : 'files'}`
}

function changed(paths: readonly string[]): readonly string[] {
  return paths.length === 0 ? [] : [`changed: ${some(paths)}`]
}

function ended(services: readonly string[]): readonly string[] {
  return services.length === 0 ? [] : [`ended: ${some(services)}`]
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(', ')
  return names.length > mostNames ? `${shown} and ${String(names.length - mostNames)} more` : shown
}

function colored(line: string): string {
  if (line.startsWith('+')) return kleur.green(line)
  return line.startsWith('-') ? kleur.red(line) : line
}
