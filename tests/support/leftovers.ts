/** Working containers of podman's builds, as podman's own files show them. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { engineList } from './engine-lists.ts'

const execute = promisify(execFile)

interface Paths {
  readonly context: string
  readonly dockerfile: string
}

/** Ids of those that builds of this Dockerfile have left or use now. */
export async function buildLeftovers({ context, dockerfile }: Paths): Promise<readonly string[]> {
  const of = createHash('sha256').update(`${context}\0${dockerfile}`).digest('hex').slice(0, 12)
  const ids = await engineList('podman', ['ps', '-a', '--external', '--no-trunc', '--format', '{{.ID}}'])
  const { stdout: root } = await execute('podman', ['info', '--format', '{{.Store.GraphRoot}}'])
  const found = await Promise.all(
    ids.map(async (id) => {
      const file = join(root.trim(), 'overlay-containers', id, 'userdata', 'buildah.json')
      const text = await readFile(file, 'utf8').catch(() => '')
      const [, mark = ''] = /id=poststack\.([\w-]+),/.exec(text) ?? []
      return Buffer.from(mark, 'base64url').toString().includes(`"of":"${of}"`) ? [id] : []
    }),
  )
  return found.flat()
}
