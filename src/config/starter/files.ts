/** Looks at a project that has no config, and writes its first one. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isCode, PoststackError } from '../../errors.ts'
import { projectContainers } from '../parse/conventions.ts'
import { readEnvironmentIn, filledVariable } from '../environment/environment.ts'
import { candidatesIn } from '../load/find.ts'
import { stackName } from '../parse/parse.ts'
import { composePostgres, type ComposePostgres } from './compose.ts'
import type { StarterFacts, StarterImage } from './starter.ts'
import { stateFolder } from '../state-folder.ts'

/**
 * `root` is the project, an absolute real path.
 *
 * @throws `CONFIG_EXISTS` when there is a config in this folder, and `ENV_INVALID`.
 */
export async function readStarterFacts(root: string): Promise<StarterFacts> {
  const [config] = await candidatesIn(root)
  if (config !== undefined) throw exists(config)
  // Variables of the process pass; the config is made of what stays.
  const { variables } = await readEnvironmentIn(root, { cwd: root, env: {} })
  const folder = filledVariable(variables, 'MIGRATIONS_PATH')?.value ?? './migrations'
  const images = await projectContainers(
    root,
    resolve(root, filledVariable(variables, 'PROJECT_CONTAINERS_PATH')?.value ?? 'containers'),
  )
  const compose = await readCompose(root)
  const port = filledVariable(variables, 'POSTGRES_HOST_PORT')?.value
  const containerName = filledVariable(variables, 'POSTGRES_CONTAINER_NAME')?.value
  return {
    name: stackName(root),
    ...((await isFolder(resolve(root, folder))) && { migrations: folder }),
    images: await Promise.all(images.map(({ name, build }) => imageOf(name, build.dockerfile))),
    ...(compose !== undefined && { compose }),
    variables: { ...(port !== undefined && { port }), ...(containerName !== undefined && { containerName }) },
    isConventional: await isFolder(stateFolder(root)),
  }
}

/** Never over a file that is there. */
export async function writeStarter(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' })
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw exists(basename(file))
    throw new PoststackError('STATE_UNWRITABLE', `${file} cannot be written: ${(error as Error).message}`, {
      hint: 'Run it in a folder that you may write to.',
      cause: error,
    })
  }
}

function exists(name: string): PoststackError {
  return new PoststackError('CONFIG_EXISTS', `there is a config already: ${name}`, {
    hint: 'Edit it; init never writes over a file.',
    details: { file: name },
  })
}

async function imageOf(folder: string, dockerfile: string): Promise<StarterImage> {
  const text = await readFile(dockerfile, 'utf8')
  const port = Number(/^\s*EXPOSE\s+(\d{1,5})\b/im.exec(text)?.[1])
  return { folder, ...(port >= 1 && { port }) }
}

const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** A file that cannot be read is left alone: it is another tool's. */
async function readCompose(root: string): Promise<ComposePostgres | undefined> {
  const entries = await readdir(root)
  // The first one counts, as it does for compose.
  const file = composeFiles.find((name) => entries.includes(name))
  const text = file === undefined ? undefined : await readFile(join(root, file), 'utf8').catch(() => undefined)
  if (file === undefined || text === undefined) return undefined
  const { parseYaml } = await import('../yaml-text.ts')
  const read = parseYaml(text)
  return 'mistakes' in read ? undefined : composePostgres(file, read.value)
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}
