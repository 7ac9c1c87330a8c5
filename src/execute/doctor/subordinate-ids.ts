/**
 * Which users a user of Linux may give to containers: `/etc/subuid` and `/etc/subgid`.
 */
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import type { SubordinateFacts } from './facts.ts'

/** Root needs none. */
export async function readSubordinate(): Promise<SubordinateFacts | undefined> {
  if (process.getuid?.() === 0) return undefined
  try {
    const { uid, username: user } = userInfo()
    // A file that is not there names nobody.
    const [uids, gids] = await Promise.all(
      ['/etc/subuid', '/etc/subgid'].map(async (file) =>
        namesUser(await readFile(file, 'utf8').catch(() => ''), { user, uid }),
      ),
    )
    return { user, uids: uids === true, gids: gids === true }
  } catch {
    // A user without a name.
    return undefined
  }
}

/** Whether lines like `jo:100000:65536`, by name or number, give this user some. */
export function namesUser(text: string, { uid, user }: { readonly user: string; readonly uid: number }): boolean {
  return text.split('\n').some((line) => {
    const [name, , count] = line.trim().split(':')
    return (name === user || name === String(uid)) && Number(count) > 0
  })
}
