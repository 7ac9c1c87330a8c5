/** Looks at a project that has no config, and writes its first one. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isCode, PoststackError } from '../../errors.ts'
import { projectContainers } from '../parse/conventions.ts'
import { readEnvironmentIn, filledVariable } from '../environment/environment.ts'
import { configsAround } from '../load/find.ts'
import { stackName } from '../parse/parse.ts'
import { readEnvFile } from '../environment/env-file.ts'
import { parsePostgresUrl } from '../postgres-url.ts'
import { UnreadableFile } from '../read-file.ts'
import { composePostgres, leftOfCompose, type ComposePostgres } from './compose.ts'
import type { ExistingDatabase, StarterFacts, StarterImage } from './starter.ts'
import { stateFolder } from '../state-folder.ts'

/**
 * `root` is the project, an absolute real path.
 *
 * @throws `CONFIG_EXISTS` when there is a config in this folder, and `ENV_INVALID`.
 */
export async function readStarterFacts(root: string, signal: AbortSignal): Promise<StarterFacts> {
  const { above, here } = await configsAround(root)
  if (here !== undefined) throw exists(here)
  // Variables of the process pass; the config is made of what stays.
  const { variables } = await readEnvironmentIn(root, { cwd: root, env: {}, signal })
  const folder = filledVariable(variables, 'MIGRATIONS_PATH')?.value ?? './migrations'
  const images = await projectContainers(
    root,
    resolve(root, filledVariable(variables, 'PROJECT_CONTAINERS_PATH')?.value ?? 'containers'),
  )
  const { postgres: compose, left } = await readCompose(root)
  const existing = await readExisting(root, signal)
  const port = filledVariable(variables, 'POSTGRES_HOST_PORT')?.value
  const containerName = filledVariable(variables, 'POSTGRES_CONTAINER_NAME')?.value
  return {
    name: stackName(root),
    ...((await isFolder(resolve(root, folder))) && { migrations: folder }),
    images: await Promise.all(images.map(({ name, build }) => imageOf(name, build.dockerfile))),
    ...(compose !== undefined && { compose }),
    ...(typeof existing === 'object' && { existing }),
    left: typeof existing === 'string' ? [...left, existing] : left,
    variables: { ...(port !== undefined && { port }), ...(containerName !== undefined && { containerName }) },
    isConventional: await isFolder(stateFolder(root)),
    ...(above !== undefined && { above }),
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
    hint: 'Edit it; init never writes over a file, nor beside another config.',
    details: { file: name },
  })
}

async function imageOf(folder: string, dockerfile: string): Promise<StarterImage> {
  const text = await readFile(dockerfile, 'utf8')
  const port = Number(/^\s*EXPOSE\s+(\d{1,5})\b/im.exec(text)?.[1])
  return { folder, ...(port >= 1 && { port }) }
}

const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** A file that cannot be read is left alone: it is another tool's. That it was is said. */
async function readCompose(
  root: string,
): Promise<{ readonly postgres?: ComposePostgres | undefined; readonly left: readonly string[] }> {
  const entries = await readdir(root)
  // The first one counts, as it does for compose.
  const file = composeFiles.find((name) => entries.includes(name))
  if (file === undefined) return { left: [] }
  const text = await readFile(join(root, file), 'utf8').catch((error: unknown) => error as Error)
  if (typeof text !== 'string') return { left: [`${file}: it cannot be read: ${text.message}`] }
  const { parseYaml } = await import('../yaml-text.ts')
  const read = parseYaml(text)
  if ('mistakes' in read) {
    const [first] = read.mistakes
    return { left: [`${file}:${String(first?.line)}: it is not valid YAML: ${first?.message ?? ''}`] }
  }
  const postgres = composePostgres(file, read.value)
  return { postgres, left: leftOfCompose(file, read.value, postgres) }
}

/** The database that `.env` names, for the program or for us; or a sentence why it cannot be told. Never its password. */
async function readExisting(root: string, signal: AbortSignal): Promise<ExistingDatabase | string | undefined> {
  const read = await readEnvFile(join(root, '.env'), signal)
  if (read === undefined || read instanceof UnreadableFile) return undefined
  const variable = ['DATABASE_URL', 'POSTSTACK_DATABASE_URL'].find((name) => read.lines.has(name))
  const url = variable === undefined ? undefined : read.values[variable]
  // Of another database, or a file.
  if (variable === undefined || url === undefined || !/^postgres(?:ql)?:/i.test(url)) return undefined
  const parts = parsePostgresUrl(url)
  if (typeof parts === 'string') return `.env:${String(read.lines.get(variable))}: ${variable} ${parts}`
  const { database, host, port } = parts
  return { variable, database, host, port }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}
