/**
 * Folders of servers without a record that can be read. Nothing is known of such a server but its name, and that it may still run.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObservedContainer } from '../../plan/types.ts'
import { folderOf } from './folders.ts'
import type { NativeFolders } from './folders.ts'
import { isServerOfOurs, readProcess } from './process.ts'

/** It is nobody's, but it holds the name. */
export async function observeDamaged(
  folders: NativeFolders,
  name: string,
  signal: AbortSignal,
): Promise<ObservedContainer> {
  const folder = folderOf(folders.servers, name)
  const pid = await serverOf(folder, signal)
  return {
    id: `folder:${name}`,
    name,
    owner: undefined,
    service: undefined,
    state: 'created',
    exitCode: undefined,
    imageId: '',
    spec: undefined,
    ports: [],
    damaged: { file: join(folder, 'container.json'), folder, ...(pid === undefined ? {} : { pid }) },
  }
}

/** The process that the last start noted, if it lives. What is left of a damaged note may still tell. */
async function serverOf(folder: string, signal: AbortSignal): Promise<number | undefined> {
  const note = await readFile(join(folder, 'server.json'), 'utf8').catch(() => '')
  const [, pid = '0'] = /"pid":\s*(\d+)/.exec(note) ?? []
  const process = await readProcess(Number(pid), signal)
  return process !== undefined && note.includes(process.started) && isServerOfOurs(process) ? process.pid : undefined
}
