/**
 * `-C <folder>`: the command works as if it had been started there. It stands before anything that a path is relative to, so it is taken out of
 * the words before they are parsed.
 */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'

import { PoststackError } from '../errors.ts'
import { endedAtScript } from './flags.ts'

export interface Started {
  readonly words: readonly string[]
  /** Absolute. */
  readonly cwd: string
}

/** Several follow each other, as `cd` does. What stands behind `--`, or the script of `run`, is another program's. Fails with `USAGE`. */
export async function startedIn({ words, cwd }: Started): Promise<Started> {
  if (cwd === '') {
    throw new PoststackError('USAGE', 'The folder that this was started in is gone.', {
      hint: 'Go to a folder that is there: cd',
    })
  }
  const all = endedAtScript(words)
  const end = all.includes('--') ? all.indexOf('--') : all.length
  const own = all.slice(0, end)
  const rest: string[] = []
  let folder = cwd
  for (let index = 0; index < own.length; index++) {
    const word = own[index] ?? ''
    if (word !== '-C' && !word.startsWith('-C=')) {
      rest.push(word)
      continue
    }
    const named = word === '-C' ? own[++index] : word.slice('-C='.length)
    if (named === undefined || named === '') {
      throw new PoststackError('USAGE', '-C is missing its folder.', { hint: 'poststack -C ../shop status' })
    }
    folder = resolve(folder, named)
  }
  if (folder !== cwd && (await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    throw new PoststackError('USAGE', `There is no folder ${folder}.`, { hint: 'Correct the path given with -C.' })
  }
  return { words: [...rest, ...all.slice(end)], cwd: folder }
}
