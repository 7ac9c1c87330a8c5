/** What applies where no config file says anything: one PostgreSQL service, `./migrations`, images in `./containers`. */
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { PoststackError } from '../../errors.ts'
import type { PlainValue } from '../serialize.ts'
import { compareText } from '../text-order.ts'
import type { Config, ImageConfig } from '../types.ts'

export interface Conventions {
  readonly plain: PlainValue
  readonly images: readonly ImageConfig[]
}

export async function readConventions(root: string, containers: string): Promise<Conventions> {
  const hasMigrations = await isFolder(join(root, 'migrations'))
  const postgres = {
    kind: 'postgres',
    containerName: 'poststack-postgres',
    port: 5432,
    user: 'poststack',
    database: 'poststack',
    ...(hasMigrations && { migrations: './migrations' }),
  }
  return { plain: { services: { postgres } }, images: await projectContainers(root, containers) }
}

const imageNamePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/

/** The folder that holds a folder with a Dockerfile for each image of a project. */
export function containersOf({ root, containers }: Pick<Config, 'root' | 'containers'>): string {
  return containers ?? join(root, 'containers')
}

/** Each folder in this one with a Dockerfile. The build sees the whole project, as the Dockerfiles expect. */
export async function projectContainers(root: string, folder: string): Promise<readonly ImageConfig[]> {
  const names = (await readdir(folder).catch((): string[] => [])).toSorted(compareText)
  const images = await Promise.all(
    names.map(async (name): Promise<readonly ImageConfig[]> => {
      const dockerfile = await dockerfileIn(join(folder, name))
      if (dockerfile === undefined) return []
      if (!imageNamePattern.test(name)) {
        throw new PoststackError(
          'CONFIG_INVALID',
          `${relative(root, join(folder, name))} holds a Dockerfile, but no image can have that name`,
          {
            hint: 'Rename the folder: lower-case letters and digits, with single `.`, `_` or `-` between them.',
          },
        )
      }
      return [{ name, build: { context: root, dockerfile, args: {}, target: undefined } }]
    }),
  )
  return images.flat()
}

/** What a folder's image is built from. */
export function dockerfileIn(folder: string): Promise<string | undefined> {
  return firstFile(dockerfileCandidates(folder))
}

export function dockerfileCandidates(folder: string): readonly string[] {
  return [join(folder, 'Dockerfile'), join(folder, 'Containerfile')]
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() === true) return path
  }
  return undefined
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}
