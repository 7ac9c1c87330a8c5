/**
 * Puts a page on the disk: as a whole or not at all, and never in the place of a file that is something else.
 */
import { open, realpath } from 'node:fs/promises'

import { replaceFile } from '../../config/state-folder.ts'
import { isCode, PoststackError } from '../../errors.ts'
import { diskReason } from '../../execute/backup/disk-words.ts'
import { pageMark } from './page.ts'

/** Fails with `USAGE` where a file stands that is no page of ours; asked before there is anything to write. */
export async function refuseOthers(file: string): Promise<void> {
  await told(file, async () => {
    const handle = await open(file, 'r').catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    })
    if (handle === undefined) return
    try {
      const facts = await handle.stat()
      if (!facts.isFile()) throw refused(`${file} is no file.`, file)
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(pageMark.length), 0, pageMark.length, 0)
      const isOurs = bytesRead === 0 || buffer.toString('latin1', 0, bytesRead) === pageMark
      if (!isOurs) throw refused(`There is already a ${file}, and it is no report of Poststack.`, file)
    } finally {
      await handle.close()
    }
  })
}

/** Writes it in the place of an older one. Fails with `REPORT_FAILED` when the disk refuses, and as `refuseOthers` does. */
export async function writePage(file: string, page: string): Promise<void> {
  await refuseOthers(file)
  await told(file, async () => {
    // A link stays one.
    const place = await realpath(file).catch(() => file)
    await replaceFile(place, page, 0o666)
  })
}

function refused(message: string, file: string): PoststackError {
  return new PoststackError('USAGE', message, {
    hint: 'Give another name with --html, or move that file away; with --html - the page goes to stdout.',
    details: { file },
  })
}

async function told(file: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    const reason = diskReason(error)
    if (reason === undefined) throw error
    throw new PoststackError('REPORT_FAILED', `${file} cannot be written: ${reason}.`, {
      hint: 'Correct the path, make room, or see to the rights of this user on it.',
      details: { file },
      cause: error,
    })
  }
}
