/** The variables of containers as texts with references and secrets in them. */
import { parseReference } from './edges.ts'
import { looksSecret, urlPasswords } from '../schema/issues.ts'
import type { PlainEnvValue } from '../schema/schema.ts'
import { compareText } from '../text-order.ts'
import type { Text, TextPart } from '../types.ts'

/** The variables of a container by name. Literal text of one that looks secret goes to `literals`, and leaves its name. */
export function environmentOf(
  service: string,
  variables: Readonly<Record<string, PlainEnvValue>>,
  literals: Map<string, string>,
): Readonly<Record<string, Text>> {
  const sorted = Object.entries(variables).toSorted(([a], [b]) => compareText(a, b))
  return Object.fromEntries(
    sorted.map(([name, value]) => [name, textOf(`${service}.env.${name}`, looksSecret(name), { value, literals })]),
  )
}

function textOf(
  secretName: string,
  looksLikeSecret: boolean,
  { value, literals }: { readonly value: PlainEnvValue; readonly literals: Map<string, string> },
): Text {
  const parts: readonly (string | { readonly $ref: string })[] =
    typeof value !== 'object' ? [String(value)] : '$ref' in value ? [value] : value.$text
  const isSecret = looksLikeSecret || holdsUrlPassword(parts)
  let count = 0
  return parts.flatMap((part): readonly TextPart[] => {
    if (typeof part === 'object') return [{ kind: 'reference', ...parseReference(part.$ref) }]
    if (part === '' || !isSecret) return part === '' ? [] : [part]
    count += 1
    const secret = `${secretName}${count === 1 ? '' : `.${String(count)}`}`
    literals.set(secret, part)
    return [{ kind: 'secret', name: secret, encoding: 'plain' }]
  })
}

/** Whether the text holds a URL whose password is written out, at least in part. */
function holdsUrlPassword(parts: readonly (string | { readonly $ref: string })[]): boolean {
  const text = parts.map((part) => (typeof part === 'string' ? part : '\0')).join('')
  return urlPasswords(text).some((password) => password.replaceAll('\0', '') !== '')
}
