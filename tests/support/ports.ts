/**
 * Ports for tests. Two test processes must not take the same one, nor one that the system may hand out to a client's
 * connection meanwhile, so they come from below the ephemeral range and are reserved by a file until the process ends.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const first = 20_000
const count = 10_000
const folder = join(tmpdir(), 'poststack-test-ports')

/** A port of 127.0.0.1 that nothing holds and that no other test gets while this process lives. */
export async function freePort(): Promise<number> {
  await mkdir(folder, { recursive: true })
  for (;;) {
    const port = first + Math.floor(Math.random() * count)
    if ((await reserve(port)) && (await isFree(port))) return port
  }
}

async function reserve(port: number): Promise<boolean> {
  const file = join(folder, String(port))
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const holder = Number(await readFile(file, 'utf8').catch(() => ''))
    // What a process that is gone has reserved is free for the next try.
    if (holder > 0 && !isAlive(holder)) await rm(file, { force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(false)
    })
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
