/**
 * Files that go into a container before it starts, as the tar archive that engines unpack.
 */
import type { Revealed } from '../runtime.ts'

/**
 * Every file is readable for all inside the container and belongs to root. Folders are left out on purpose: engines make the missing
 * ones, and an entry for one that exists would change its mode.
 */
export async function archiveOf(files: Revealed): Promise<Buffer> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  for (const path of Object.keys(files).toSorted()) {
    archive.entry({ name: path.replace(/^\/+/, ''), mode: 0o444, mtime: new Date(0) }, files[path] ?? '')
  }
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks)
}
