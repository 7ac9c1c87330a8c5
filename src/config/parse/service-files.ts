/** The files that services name or have by convention, variables and Dockerfiles. What is wrong with them is told with the config's own mistakes. */
import { join, relative, resolve } from 'node:path'
import { dockerfileCandidates, dockerfileIn } from './conventions.ts'
import { readEnvFile } from '../environment/env-file.ts'
import { UnreadableFile } from '../read-file.ts'
import type { ConfigIssue } from '../schema/issues.ts'
import type { PlainStack } from '../schema/schema.ts'

export interface ServiceFiles {
  /** Variables by service. */
  readonly envFiles: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** The Dockerfile, relative to the project, of each service that builds and names none. */
  readonly dockerfiles: ReadonlyMap<string, string>
}

type Services = Pick<PlainStack, 'services'>

export interface ServiceFolders {
  /** Absolute real path of the project. */
  readonly root: string
  /** Absolute; holds a folder for each service that is built without naming a Dockerfile. */
  readonly containers: string
  readonly signal: AbortSignal | undefined
}

/** Looks for every file; one that is not there or cannot be used is a mistake of the config. */
export async function readServiceFiles(
  stack: Services,
  { root, containers, signal }: ServiceFolders,
): Promise<{
  readonly files: ServiceFiles
  readonly issues: readonly ConfigIssue[]
  /** Every place that was looked at and decides what the config comes to, whether there is a file or not. Absolute. */
  readonly looked: readonly string[]
}> {
  const issues: ConfigIssue[] = []
  const envFiles = await readEnvFiles(stack, { root, signal }, issues)
  const dockerfiles = await findDockerfiles(stack, { root, containers }, issues)
  const looked = [...stack.services].flatMap(([name, service]) => {
    if (service.kind !== 'container') return []
    // What stands in a Dockerfile that is there is the build's business.
    const isMissing = service.build !== undefined && service.build.dockerfile === undefined && !dockerfiles.has(name)
    const candidates = isMissing ? dockerfileCandidates(join(containers, name)) : []
    return [...envFilesOf(service).map((file) => resolve(root, file)), ...candidates]
  })
  return { files: { envFiles, dockerfiles }, issues, looked }
}

async function findDockerfiles(
  { services }: Services,
  { root, containers }: Pick<ServiceFolders, 'root' | 'containers'>,
  issues: ConfigIssue[],
): Promise<ServiceFiles['dockerfiles']> {
  const found = new Map<string, string>()
  for (const [name, service] of services) {
    if (service.kind !== 'container' || service.build === undefined || service.build.dockerfile !== undefined) continue
    const file = await dockerfileIn(join(containers, name))
    if (file !== undefined) found.set(name, relative(root, file))
    else {
      const message = `names no \`dockerfile\`, and there is none in ${relative(root, containers)}/${name}/`
      issues.push({ path: ['services', name, 'build'], message })
    }
  }
  return found
}

async function readEnvFiles(
  { services }: Services,
  { root, signal }: Pick<ServiceFolders, 'root' | 'signal'>,
  issues: ConfigIssue[],
): Promise<ServiceFiles['envFiles']> {
  const envFiles = new Map<string, Readonly<Record<string, string>>>()
  for (const [name, service] of services) {
    if (service.kind !== 'container' || service.envFile === undefined) continue
    const files = envFilesOf(service)
    let variables: Readonly<Record<string, string>> = {}
    for (const [index, file] of files.entries()) {
      const read = await readVariables(resolve(root, file), signal)
      if (typeof read !== 'string') variables = { ...variables, ...read }
      else {
        const at = typeof service.envFile === 'string' ? [] : [index]
        issues.push({ path: ['services', name, 'envFile', ...at], message: read, value: JSON.stringify(file) })
      }
    }
    envFiles.set(name, variables)
  }
  return envFiles
}

function envFilesOf({
  envFile = [],
}: {
  readonly envFile?: string | readonly string[] | undefined
}): readonly string[] {
  return typeof envFile === 'string' ? [envFile] : envFile
}

/** The variables, or what is wrong with the file. */
async function readVariables(
  file: string,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>> | string> {
  const read = await readEnvFile(file, signal)
  if (read === undefined) return 'there is no such file'
  if (read instanceof UnreadableFile) return read.message
  const [wrong] = read.wrong.keys()
  return wrong === undefined ? read.values : `line ${String(wrong)} is not \`NAME=value\``
}
