/**
 * The whole output of the last build of each image, in a file that ignores itself in git. A folder that cannot be written to stands in no
 * build's way: what it says is told as events all the same.
 */
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { makeFolder } from '../config/make-folder.ts'
import { unlessThere } from '../config/state-folder.ts'
import { isPoststackError, PoststackError } from '../errors.ts'
import type { DesiredImage } from '../plan/types.ts'

export interface BuildLog {
  write(line: string): void
  /** The error of a failed build, which says then where everything stands, and shows no secret. */
  explain(error: unknown): unknown
  close(): Promise<void>
}

export interface BuildLogOptions {
  readonly folder: string | undefined
  readonly image: Extract<DesiredImage, { kind: 'build' }>
  /** Takes secrets out of what a build says. */
  readonly hide: (text: string) => string
}

export async function openBuildLog({ folder, image, hide }: BuildLogOptions): Promise<BuildLog> {
  const nothing: BuildLog = {
    write: () => undefined,
    explain: (error) => explain(error, hide, undefined),
    close: () => Promise.resolve(),
  }
  if (folder === undefined) return nothing
  const file = join(folder, `${nameOf(image)}.log`)
  try {
    makeFolder(folder)
    await unlessThere(writeFile(join(folder, '.gitignore'), '*\n', { flag: 'wx' }))
    await writeFile(file, '')
  } catch {
    return nothing
  }
  const stream = createWriteStream(file)
  let broken = false
  stream.on('error', () => {
    broken = true
  })
  return {
    write(line) {
      if (!broken) stream.write(`${hide(line)}\n`)
    },
    explain: (error) => explain(error, hide, broken ? undefined : file),
    async close() {
      stream.end()
      await finished(stream).catch(() => undefined)
    },
  }
}

function explain(error: unknown, hide: BuildLogOptions['hide'], file: string | undefined): unknown {
  if (!isPoststackError(error) || error.code !== 'BUILD_FAILED') return error
  const { code, details, hint = '', message } = error
  return new PoststackError(code, hide(message), {
    hint: file === undefined ? hint : `${hint}\nThe whole output of the build: ${file}`,
    details: {
      ...Object.fromEntries(Object.entries(details).map(([key, value]) => [key, hidden(value, hide)])),
      ...(file === undefined ? {} : { log: file }),
    },
  })
}

function hidden(value: unknown, hide: BuildLogOptions['hide']): unknown {
  if (typeof value === 'string') return hide(value)
  return Array.isArray(value) ? value.map((one) => hidden(one, hide)) : value
}

/** Images of the project by their folder, without the fingerprint that their names end with. */
function nameOf({ ref, shipped }: Extract<DesiredImage, { kind: 'build' }>): string {
  const name = shipped ? ref : ref.replace(/:[^:/]*$/, '')
  return name.replaceAll(/[^\w.-]/g, '-')
}
