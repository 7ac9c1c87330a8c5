/**
 * Building images without running anything, and cleaning up what earlier builds and runs have left.
 */
import { containersOf, projectContainers } from '../config/parse/conventions.ts'
import { ownPackage } from '../config/load/own-package.ts'
import { defaultPostgres } from '../config/parse/services.ts'
import type { Secrets } from '../config/secrets.ts'
import { PoststackError } from '../errors.ts'
import type { Outcome } from '../events.ts'
import { observeRuntime } from '../execute/observe.ts'
import { readShipped, type DesiredRead } from '../execute/read-desired.ts'
import { planBuild } from '../plan/build.ts'
import { planClean } from '../plan/clean.ts'
import { shippedImages } from '../plan/images.ts'
import { unknownService } from '../plan/named.ts'
import type { Plan } from '../plan/step.ts'
import type { Desired, DesiredImage } from '../plan/types.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { type Opened, read, withConfig, withoutMigrations, withoutProfiles } from './opened.ts'
import type { CallOptions, Containers } from './options.ts'
import { lookAtNames, perform } from './runs.ts'

type BuildImage = Extract<DesiredImage, { kind: 'build' }>
type Builds = Pick<Containers, 'build' | 'buildProject' | 'planClean' | 'clean'>

/** Runs one call on the stack, with the runtime for it. */
type Call = <Result>(
  options: CallOptions,
  body: (opened: Opened, runtime: Runtime) => Promise<Result>,
) => Promise<Result>

export function createBuilds(call: Call): Builds {
  return {
    build: (options) =>
      call(options, async (opened, runtime) => {
        const { image, noCache = false } = options
        const wanted = (await shippedFor(opened)).filter(
          ({ ref }) => image === 'all' || ref.startsWith(`poststack/${image}:`),
        )
        return await build(opened, runtime, { command: 'container build', wanted, noCache })
      }),
    buildProject: (options = {}) =>
      call(options, async (opened, runtime) => {
        const { container, noCache = false } = options
        const { desired, secrets } = await readImages(opened)
        const folder = containersOf(opened.parsed.config)
        const wanted = projectImages(desired, { name: container, folder })
        return await build(opened, runtime, { command: 'container build-project', wanted, noCache, secrets })
      }),
    planClean: (options = {}) => call(options, (opened, runtime) => clean(opened, runtime, options.volumes === true)),
    clean: (options = {}) =>
      call(options, (opened, runtime) => {
        const { volumes = false, confirm } = options
        const plan = (): Promise<Plan> => clean(opened, runtime, volumes)
        return perform({ opened, runtime, command: 'container clean', plan, again: true, confirm })
      }),
  }
}

/** Poststack's own images for the declared major versions, or for the default one. */
async function shippedFor({ parsed, signal }: Opened): Promise<readonly BuildImage[]> {
  const declared = parsed.config.services.flatMap((service) =>
    service.kind === 'postgres' && service.image === undefined ? [service.version] : [],
  )
  const versions = declared.length === 0 ? [defaultPostgres] : [...new Set(declared)].toSorted((a, b) => a - b)
  return shippedImages(versions, await readShipped(signal))
}

interface Building {
  readonly command: string
  readonly wanted: readonly BuildImage[]
  readonly noCache: boolean
  readonly secrets?: Secrets
}

async function build(
  opened: Opened,
  runtime: Runtime,
  { command, wanted, noCache, secrets }: Building,
): Promise<Outcome> {
  const bases = await shippedFor(opened)
  const plan = async (): Promise<Plan> => {
    const { desired } = await lookAtNames(opened, runtime)
    const { containersPossible, name } = runtime
    const images = [...wanted, ...bases]
    const { images: there } = await observeRuntime({ ...desired, images }, { runtime, signal: opened.signal })
    return planBuild({
      desired,
      observed: { images: there, runtime: name, containersPossible },
      wanted,
      bases,
      noCache,
    })
  }
  // Poststack's own are built however often it is asked.
  const again = !noCache && wanted.every(({ shipped }) => !shipped)
  return await perform({ opened, runtime, command, plan, again, secrets })
}

/** The declared state with every image that the project can build, whether a service runs it or not. */
async function readImages(opened: Opened): Promise<DesiredRead> {
  const all = withoutMigrations(await withProjectContainers(withoutProfiles(opened)))
  return await read(all, { services: [], create: false })
}

/** With a config file only the builds of services are known: the folders under `containers/` are found here. */
export async function withProjectContainers(opened: Opened): Promise<Opened> {
  const { config } = opened.parsed
  const builds = [...config.images, ...config.services].flatMap((one) =>
    'build' in one && one.build !== undefined ? [one.build.dockerfile] : [],
  )
  // In Poststack's own repository they are the images that it brings.
  const isOwn = ownPackage().root === config.root
  const found = isOwn ? [] : await projectContainers(config.root, containersOf(config))
  const more = found.filter(({ build: { dockerfile } }) => !builds.includes(dockerfile))
  return withConfig(opened, { ...config, images: [...config.images, ...more] })
}

const containerWords = { one: 'project container', all: 'project containers' }

function projectImages(
  desired: Desired,
  { name, folder }: { readonly name: string | undefined; readonly folder: string },
): readonly BuildImage[] {
  const images = desired.images.filter((image) => image.kind === 'build' && !image.shipped) as readonly BuildImage[]
  if (images.length === 0)
    throw new PoststackError('BUILD_CONTEXT_INVALID', 'There is no project container to build.', {
      hint: `Looked for ${folder}/*/Dockerfile (or Containerfile), and for \`build\` of a service.`,
      details: { folder },
    })
  if (name === undefined) return images
  const namesOf = ({ ref }: BuildImage): readonly string[] => [
    ref.slice(desired.stack.length + 1).split(':', 1)[0] ?? '',
    ...desired.services.flatMap((service) => (service.container?.spec.image === ref ? [service.name] : [])),
  ]
  const wanted = images.filter((image) => namesOf(image).includes(name))
  if (wanted.length === 0) throw unknownService(name, [...new Set(images.flatMap(namesOf))], containerWords)
  return wanted
}

async function clean(opened: Opened, runtime: Runtime, volumes: boolean): Promise<Plan> {
  const { signal } = opened
  const { desired } = await readImages(opened)
  const [observed, images] = await Promise.all([
    observeRuntime(desired, { runtime, signal }),
    runtime.builtImages(desired, { signal }),
  ])
  return planClean({ desired, observed: { ...observed, runtime: runtime.name }, images, volumes })
}
