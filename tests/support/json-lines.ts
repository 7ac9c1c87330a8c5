/**
 * Holds what `--json` prints to the schemas in docs/json/.
 */
import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'

const ajv = new Ajv({ allErrors: true, strict: false })
const validators = new Map<string, ValidateFunction>()

/** What is wrong with the lines; nothing when all are as published. */
export function wrongLines(stdout: string): readonly string[] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => {
    const { type } = JSON.parse(line) as { readonly type: string }
    const validate = validatorOf(type)
    return validate(JSON.parse(line)) ? [] : [`${ajv.errorsText(validate.errors, { dataVar: type })}: ${line}`]
  })
}

function validatorOf(type: string): ValidateFunction {
  const known = validators.get(type)
  if (known !== undefined) return known
  const file = new URL(`../../docs/json/${type}.schema.json`, import.meta.url)
  const made = ajv.compile(closed(JSON.parse(readFileSync(file, 'utf8'))) as object)
  validators.set(type, made)
  return made
}

/** Readers have to expect new fields; here one that the schema does not know is a mistake of the schema. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)] as const)
  const isOpen = 'properties' in schema && 'type' in schema && schema.type === 'object'
  return { ...(isOpen ? { additionalProperties: false } : {}), ...Object.fromEntries(entries) }
}
