/**
 * A folder with nothing but files in it, as one stream: out of a container, and into one.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type { Extract, Pack } from 'tar-stream'

/** A tar archive of the files. Fails as reading them does. */
export async function packFiles(folder: string): Promise<Readable> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  void fill(archive, folder).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  return Readable.from(archive)
}

async function fill(archive: Pack, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const { size } = await lstat(join(folder, name))
    const entry = archive.entry({ name, size, mode: 0o600 })
    await pour(createReadStream(join(folder, name)), entry)
    entry.end(undefined)
  }
  archive.finalize()
}

const plainName = /^(?:\.\/)?([\w-][\w.-]*)$/

/** Writes the files of a tar archive into a folder that is there. Nothing is written anywhere else, whatever the archive says. */
export async function unpackFiles(archive: Readable, folder: string): Promise<void> {
  const { extract } = await import('tar-stream')
  const entries = extract()
  const feed = async (): Promise<void> => {
    try {
      await pour(archive, entries)
      entries.end(undefined)
    } catch (error) {
      entries.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const fed = feed()
  try {
    for await (const entry of entries) {
      const name = plainName.exec(entry.header.name)?.[1]
      if (entry.header.type === 'file' && name !== undefined) {
        await pipeline(Readable.from(entry), createWriteStream(join(folder, name), { flags: 'wx', mode: 0o600 }))
        continue
      }
      if (entry.header.type !== 'directory') throw new Error(`the archive holds ${entry.header.name}, which is no file`)
      entry.resume()
    }
  } finally {
    archive.destroy()
    await fed
    await finished(archive).catch(() => undefined)
  }
}

/** All of it, for as long as it is taken: the library's streams are not Node's own, whose pipeline does not hear of their end. */
async function pour(chunks: AsyncIterable<Buffer>, stream: Extract | ReturnType<Pack['entry']>): Promise<void> {
  for await (const chunk of chunks) {
    if (!stream.write(chunk)) await emptied(stream)
    // It takes nothing any more, and says nothing any more either.
    if (stream.destroyed) return
  }
}

/** Until there is room for more, or it has ended. */
async function emptied(stream: Extract | ReturnType<Pack['entry']>): Promise<void> {
  if (stream.destroyed) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.removeListener('drain', go)
      stream.removeListener('close', go)
      resolve()
    }
    stream.once('drain', go)
    stream.once('close', go)
  })
}
