/**
 * Where a program is, and the error where there is none.
 */
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { isCode, PoststackError, type ErrorCode } from '../errors.ts'

/** The file of a program, looked for as the system would. */
export async function findProgram(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    for (const suffix of suffixes) {
      const file = join(folder, `${program}${suffix}`)
      const usable = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (folder !== '' && usable) return file
    }
  }
  return undefined
}

/** What a start failed with, when it is that there is no such program or that it may not be run; else undefined. */
export function missingProgram(program: string, cause: unknown, code: ErrorCode): PoststackError | undefined {
  if (!isCode(cause, 'ENOENT', 'EACCES')) return undefined
  const message = isCode(cause, 'EACCES')
    ? `The program "${program}" may not be run by this user.`
    : `The program "${program}" was not found.`
  return new PoststackError(code, message, {
    hint: 'Check its name, install it, or add its folder to PATH.',
    details: { program },
    cause,
  })
}
