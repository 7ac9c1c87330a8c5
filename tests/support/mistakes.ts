/** What is wrong with configs in their plain form. */
import { expect } from 'vitest'
import { parseConfig } from '../../src/config/parse/parse.ts'
import { isPoststackError } from '../../src/errors.ts'

/** The mistakes of a plain config, as lines of text. */
export async function mistakes(plain: unknown): Promise<readonly string[]> {
  const error: unknown = await parseConfig(plain, { root: '/projects/shop' }).catch((thrown: unknown) => thrown)
  if (!isPoststackError(error)) return []
  expect(error.code).toBe('CONFIG_INVALID')
  const issues = error.details['issues'] as readonly { path: string; message: string; value?: string }[]
  return issues.map(({ path, message, value }) => `${path}: ${message}${value === undefined ? '' : ` | ${value}`}`)
}

export const db = { kind: 'postgres' }
export const web = { kind: 'container', image: 'web' }
export const services = (all: Record<string, unknown>) => ({ services: all })
