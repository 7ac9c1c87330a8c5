/**
 * What the commands about the config say to people.
 */
import { isAbsolute } from 'node:path'

import type { ValueOrigin } from '../../config/origin.ts'
import type { ConfigDependenciesDocument, ShownLine } from './documents.ts'
import { table } from './words.ts'

export function valuesText(lines: readonly ShownLine[]): string {
  const rows = lines.map(({ path, value, origin }) => [
    path,
    typeof value === 'string' ? value : JSON.stringify(value),
    ...(origin === undefined ? [] : [originText(origin)]),
  ])
  return `${table(rows).join('\n')}\n`
}

export function originText(origin: ValueOrigin): string {
  switch (origin.kind) {
    case 'default':
      return 'default'
    case 'references':
      return 'references in env'
    case 'conventions':
      return 'convention'
    case 'flag':
      return origin.flag
    case 'variable':
      return `$${origin.variable} (${origin.place})`
    case 'config': {
      const { column, file, layer, line, variables = [] } = origin
      const place = line === undefined ? file : `${file}:${String(line)}:${String(column)}`
      const made = variables.length === 0 ? '' : `, from ${variables.map((name) => `$${name}`).join(' and ')}`
      return `${place}${made}${layer === undefined ? '' : `, in the layer of ${layer}`}`
    }
  }
}

export function dependenciesText(document: ConfigDependenciesDocument): string {
  const { allVariables, cached, candidates, files, globs, notKept, variables } = document
  const inside = candidates.filter((path) => !isAbsolute(path))
  const outside = candidates.length - inside.length
  const missing = [...inside, ...(outside === 0 ? [] : [`and ${String(outside)} outside of the project: --json`])]
  const patterns = globs.map(({ pattern, files: found }) => `${pattern}  (${String(found.length)} found)`)
  const names = allVariables ? ['all of them: the config lists them'] : variables
  const kept = cached
    ? 'kept: nothing of it has changed since the config was evaluated'
    : notKept === undefined
      ? 'evaluated now, and kept for the next time'
      : `evaluated now, and not kept: ${notKept}`
  const parts = [
    part('files', files),
    part('files that would count, if they were there', missing),
    part('patterns', patterns),
    part('environment variables', names),
  ]
  return `${parts.filter((text) => text !== '').join('\n')}\nresult\n  ${kept}\n`
}

function part(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`
}
