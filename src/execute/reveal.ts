/**
 * Puts secrets into the texts of a spec, at the last moment before an engine gets them.
 */
import type { Secrets } from '../config/secrets.ts'
import type { SpecText } from '../plan/types.ts'
import type { Revealed } from '../runtime/runtime.ts'

export function revealTexts(texts: Readonly<Record<string, SpecText>> | undefined, secrets: Secrets): Revealed {
  return Object.fromEntries(Object.entries(texts ?? {}).map(([key, text]) => [key, revealText(text, secrets)]))
}

function revealText(text: SpecText, secrets: Secrets): string {
  if (typeof text === 'string') return text
  return text.parts.map((part) => (typeof part === 'string' ? part : secrets.reveal(part))).join('')
}
