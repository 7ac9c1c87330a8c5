/**
 * What is wrong with the words after a command, in our words: the parser's own speak of what it expected and encountered.
 */
import {
  AliasNotFoundError,
  ArgumentParseError,
  EnumValidationError,
  FlagNotFoundError,
  InvalidNegatedFlagSyntaxError,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from '@stricli/core'

import { nearest } from '../config/nearest.ts'

/** One line for an error of the parser; that of another one stays as it is. */
export function wrongWords(error: unknown): string {
  if (error instanceof FlagNotFoundError) return noFlag(error)
  if (error instanceof AliasNotFoundError) return `there is no flag \`-${error.input}\``
  if (error instanceof EnumValidationError) return noValue(error)
  if (error instanceof UnexpectedPositionalError) return tooMany(error)
  // What is parsed says what it is not; it is the value of a flag, but for one word.
  if (error instanceof ArgumentParseError) {
    const name = error.externalFlagNameOrPlaceholder
    return name === 'shell' ? wordsOf(error.exception) : `--${name}: ${wordsOf(error.exception)}`
  }
  if (error instanceof UnsatisfiedFlagError) return `--${error.externalFlagName} is missing: it needs a value`
  if (error instanceof UnsatisfiedPositionalError) return `the command needs one more word: ${error.placeholder}`
  if (error instanceof UnexpectedFlagError)
    return `--${error.externalFlagName} is there twice: "${error.previousInput}" and "${error.input}"`
  if (error instanceof InvalidNegatedFlagSyntaxError)
    return `--${error.externalFlagName} takes no value: "${error.valueText}" is one too many`
  return wordsOf(error)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The parser proposes flags as the code has them, `waitTimeout`, where people write `--wait-timeout`. */
function noFlag({ corrections, input }: FlagNotFoundError): string {
  const meant = corrections.map((flag) => `\`--${inKebabCase(flag)}\``)
  const asked = meant.length === 0 ? '' : `: did you mean ${meant.join(' or ')}?`
  return `there is no flag \`--${input}\`${asked}`
}

function inKebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function noValue({ externalFlagName, input, values }: EnumValidationError): string {
  const near = nearest(input, values)
  const ways = near === undefined ? `possible are ${values.join(', ')}` : `did you mean \`${near}\`?`
  return `--${externalFlagName} cannot be "${input}": ${ways}`
}

function tooMany({ expectedCount, input }: UnexpectedPositionalError): string {
  const most = expectedCount === 0 ? 'no word' : expectedCount === 1 ? 'one word' : `${String(expectedCount)} words`
  return `"${input}" is one word too many: the command takes ${most} besides its flags`
}
