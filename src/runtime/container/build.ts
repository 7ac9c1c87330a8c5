/**
 * Building and pulling images. Building goes through the engine's program: it sends the context, knows the user's
 * registries and speaks BuildKit, none of which the socket does for us.
 */
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { temporaryFolder } from '../../config/temporary.ts'
import type { BuildConfig } from '../../config/types.ts'
import { openContext } from './context.ts'
import type { BuildContext, Builder } from './context.ts'
import { leftoverFlags, removeLeftovers } from './leftovers.ts'
import type { Engine } from './engine-connect.ts'
import { runProgram } from '../exec.ts'
import { findProgram } from '../find-program.ts'
import { engineImageName } from './image-names.ts'
import { installCommands } from '../install.ts'
import type { BuildRequest, OutputOptions, Revealed } from '../runtime.ts'

const buildTimeoutMs = 60 * 60 * 1000
const helpTimeoutMs = 30_000
const cleanUpMs = 10_000

/**
 * Builds an image under the name that was asked for.
 *
 * @throws `BUILD_CONTEXT_INVALID` before anything is started, `BUILD_FAILED` with the failing step, `RUNTIME_MISSING` when the
 * engine's program is not installed.
 */
export async function buildImage(
  engine: Engine,
  request: BuildRequest,
  { signal, onLine }: OutputOptions,
): Promise<void> {
  await checkContext(request)
  const { program } = engine
  if ((await findProgram(program.name, program.env)) === undefined)
    throw new PoststackError(
      'RUNTIME_MISSING',
      `Building ${request.ref} needs the program "${program.name}", which is not on PATH.`,
      {
        hint: `Install it with ${installCommands(program.name)}. The engine's socket answers, so everything but builds works without it.`,
        details: { program: program.name, image: request.ref },
      },
    )
  const builder = await builderOf(engine, signal)
  const ids = Object.keys(request.secrets ?? {})
  if (builder === 'docker' && ids.length > 0) throw needsBuildKit(request, ids)
  await removeLeftovers(engine, request.build, 'dead', signal)
  const context = await openContext(request.build, builder)
  let secrets: SecretFiles | undefined
  let step: string | undefined
  try {
    secrets = await writeSecrets(request.secrets)
    const flags = [...secrets.flags, ...(builder === 'podman' ? await leftoverFlags(request.build) : [])]
    const { exitCode, lastLines } = await runProgram({
      program: program.name,
      args: [...program.args, ...buildArguments(request, engine, { ...context, secrets: flags })],
      // BuildKit draws over its own lines unless it is told that nobody looks.
      env: { ...program.env, BUILDKIT_PROGRESS: 'plain' },
      signal,
      timeoutMs: buildTimeoutMs,
      code: 'BUILD_FAILED',
      title: `Building ${request.ref}`,
      ...(context.input === undefined ? {} : { input: context.input }),
      onLine: (line) => {
        step = stepIn(line) ?? step
        onLine(line)
      },
    })
    if (exitCode !== 0) throw buildFailed(request, { exitCode, step, lastLines })
  } catch (error) {
    // Podman is told to end, and leaves its working containers; the signal of the build has sounded already.
    if (signal.aborted) await removeLeftovers(engine, request.build, 'own', AbortSignal.timeout(cleanUpMs))
    throw context.failure() ?? error
  } finally {
    await Promise.all([context.close(), secrets?.close()])
  }
}

interface SecretFiles {
  readonly flags: readonly string[]
  readonly close: () => Promise<void>
}

/** The engine's program takes secrets from files; this user's alone, and gone after the build. */
async function writeSecrets(secrets: Revealed = {}): Promise<SecretFiles> {
  const ids = Object.keys(secrets).toSorted()
  if (ids.length === 0) return { flags: [], close: () => Promise.resolve() }
  const folder = await temporaryFolder('secrets')
  const flags: string[] = []
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    for (const [index, id] of ids.entries()) {
      const file = join(folder, String(index))
      await writeFile(file, secrets[id] ?? '', { mode: 0o600 })
      flags.push('--secret', `id=${id},src=${file}`)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { flags, close }
}

function needsBuildKit({ ref }: BuildRequest, ids: readonly string[]): PoststackError {
  return new PoststackError(
    'RUNTIME_MISSING',
    `Building ${ref} needs BuildKit for its secrets (${ids.join(', ')}), which this docker program does not have.`,
    {
      hint: "Install docker's buildx plugin, or set DOCKER_BUILDKIT=1 where the program has BuildKit built in.",
      details: { image: ref },
    },
  )
}

/**
 * Which builder `docker build` is depends on its version, its plugins, its environment and the engine. Only its own help takes all of
 * them into account: it shows the option for BuildKit's output where there is BuildKit.
 */
async function builderOf({ name, program }: Engine, signal: AbortSignal): Promise<Builder> {
  if (name === 'podman') return 'podman'
  const { stdout } = await runProgram({
    program: program.name,
    args: [...program.args, 'build', '--help'],
    env: program.env,
    signal,
    timeoutMs: helpTimeoutMs,
  })
  return stdout.includes('--progress') ? 'buildkit' : 'docker'
}

/** The arguments after the program's name. */
export function buildArguments(
  { ref, aliases, build, labels, noCache = false }: BuildRequest,
  engine: Pick<Engine, 'name' | 'flavour'>,
  context: Pick<BuildContext, 'flags' | 'source'> & { readonly secrets?: readonly string[] },
): string[] {
  return [
    'build',
    // The OCI format has no health checks; Docker's builder leaves the container of a failed step behind.
    ...(engine.name === 'podman' ? ['--format', 'docker'] : ['--force-rm']),
    ...[...new Set([ref, ...aliases].map((name) => engineImageName(name, engine.flavour)))].flatMap((name) => [
      '-t',
      name,
    ]),
    ...(noCache ? ['--no-cache'] : []),
    ...context.flags,
    ...(context.secrets ?? []),
    ...pairs('--label', labels),
    ...pairs('--build-arg', build.args),
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...(build.platform === undefined ? [] : ['--platform', build.platform]),
    ...(build.cache === false ? ['--no-cache'] : []),
    ...(build.cacheFrom ?? []).flatMap((source) => ['--cache-from', source]),
    ...(build.cacheTo ?? []).flatMap((destination) => ['--cache-to', destination]),
    context.source,
  ]
}

function pairs(flag: string, values: Readonly<Record<string, string>>): string[] {
  return Object.keys(values)
    .toSorted()
    .flatMap((key) => [flag, `${key}=${values[key] ?? ''}`])
}

/** The step that a line of build output begins: `Step 2/3 : RUN x`, `STEP 2/3: RUN x`, `#7 [2/3] RUN x`. */
export function stepIn(line: string): string | undefined {
  const step = /^step \d+\/\d+ ?: ?(.+)$/i.exec(line)?.[1] ?? /^#\d+ \[(?:[^\]]* )?\d+\/\d+\] (.+)$/.exec(line)?.[1]
  return step?.trim()
}

async function checkContext({ ref, build }: { readonly ref: string; readonly build: BuildConfig }): Promise<void> {
  const problems = [
    ...((await kindOf(build.context)) === 'folder' ? [] : [`the context ${build.context} is not a folder`]),
    ...((await kindOf(build.dockerfile)) === 'file' ? [] : [`there is no Dockerfile at ${build.dockerfile}`]),
  ]
  if (problems.length === 0) return
  throw new PoststackError('BUILD_CONTEXT_INVALID', `Image ${ref} cannot be built: ${problems.join(', and ')}.`, {
    hint: 'Both paths in the config are relative to the config file.',
    details: { image: ref, context: build.context, dockerfile: build.dockerfile },
  })
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file'
  } catch {
    return 'missing'
  }
}

interface Failure {
  readonly exitCode: number
  readonly step: string | undefined
  readonly lastLines: readonly string[]
}

function buildFailed({ ref, build }: BuildRequest, { exitCode, step, lastLines }: Failure): PoststackError {
  const where = step === undefined ? '' : ` at "${step}"`
  const reason =
    lastLines.findLast((line) => /error|returned a non-zero|failed|denied|no such/i.test(line)) ?? lastLines.at(-1)
  return new PoststackError(
    'BUILD_FAILED',
    `Building ${ref} failed${where}${reason === undefined ? '.' : `: ${reason.trim()}`}`,
    {
      hint: `Mend ${build.dockerfile} or what it copies, then run the command again. What runs now was not touched.`,
      details: { image: ref, dockerfile: build.dockerfile, step, exitCode, output: lastLines.slice(-20) },
    },
  )
}
