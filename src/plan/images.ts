/**
 * Which images a stack needs, what they are called, and what they are built from. Pure.
 */
import type { BuildConfig, Config, ContainerServiceConfig, ImageConfig } from '../config/types.ts'
import { selectServices } from './order.ts'
import type { ImageUse } from './step.ts'
import type { ContextBulk, DesiredImage, ObservedImage } from './types.ts'

export interface BuildFacts {
  readonly fingerprint: string
  /** The `FROM` lines that name images outside the Dockerfile. */
  readonly baseImages: readonly string[]
  /** Where all of a large context goes into the image, and no ignore file leaves anything of it out. */
  readonly bulk?: ContextBulk
}

export interface ImageInput {
  readonly config: Config
  /** What each build was found to be made from, by its place. */
  readonly builds: Readonly<Record<string, BuildFacts>>
  readonly shippedImages: ShippedImages
}

/** The images that Poststack brings. */
export interface ShippedImages {
  /** Holds a folder for each. */
  readonly folder: string
  /** What each is made from, by its folder, where that was read. */
  readonly fingerprints: Readonly<Record<string, string>>
}

export interface ProjectBuild extends ImageConfig {
  /** Where it is declared. A service and a project container may have one name, and be built from different files. */
  readonly place: string
}

/** All that is built for a project, whether it is asked for or not. */
export function projectBuilds({ images, services }: Pick<Config, 'images' | 'services'>): readonly ProjectBuild[] {
  return [
    ...services.flatMap((service) => (service.kind === 'container' ? (serviceBuild(service) ?? []) : [])),
    ...images.map((image) => ({ ...image, place: `containers/${image.name}` })),
  ]
}

export function serviceBuild({ build, name }: ContainerServiceConfig): ProjectBuild | undefined {
  return build === undefined ? undefined : { name, build, place: `services.${name}.build` }
}

const baseDebian = 'poststack/base-debian:latest'
const fingerprintLength = 12

/** A reference as every engine understands it without guessing a registry. */
export function qualifyImage(reference: string): string {
  const [first = '', ...rest] = reference.split('/')
  const named = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost')
  const path = named ? reference : rest.length > 0 ? `docker.io/${reference}` : `docker.io/library/${reference}`
  const last = path.slice(path.lastIndexOf('/') + 1)
  return last.includes(':') || last.includes('@') ? path : `${path}:latest`
}

/**
 * An image of the project is tagged with the fingerprint of what it is built from. So "does it have to be built?" is "is there
 * an image of that name?", two checkouts never fight over one tag, and the image of a container that is being replaced stays.
 * It is called after the Dockerfile's folder under `containers/`, so services that share a Dockerfile share the image.
 */
export function builtRef(image: ProjectBuild, input: ImageInput): string {
  return `${repositoryOf(image, input)}:${factsOf(image, input).fingerprint.slice(0, fingerprintLength)}`
}

function repositoryOf({ name, build }: ImageConfig, { config }: ImageInput): string {
  return `${config.name}/${/\/containers\/([a-z0-9][a-z0-9_.-]*)\/[^/]+$/.exec(build.dockerfile)?.[1] ?? name}`
}

function factsOf({ place }: ProjectBuild, input: ImageInput): BuildFacts {
  const facts = input.builds[place]
  if (facts === undefined) throw new Error(`no fingerprint for build ${place}`)
  return facts
}

export function desiredImages(input: ImageInput): readonly DesiredImage[] {
  const { images } = input.config
  const services = selectServices(input.config.services, [])
  const shipped = services.filter((service) => service.kind === 'postgres').filter(({ image }) => image === undefined)
  const built = projectBuilds({ images, services })
  const pulled = services.flatMap((service): readonly DesiredImage[] => {
    if (service.kind === 'external' || service.image === undefined) return []
    const platform = service.kind === 'container' ? service.platform : undefined
    const policy = service.pull === undefined ? {} : { policy: service.pull }
    const ref = qualifyImage(service.image)
    return [{ kind: 'pull', ref, ...(platform === undefined ? {} : { platform }), ...policy }]
  })
  const [base, ...ours] = shippedImages([...new Set(shipped.map(({ version }) => version))], input.shippedImages)
  const project = built.map((image) => projectImage(image, built, input))
  const usesBase = ours.length > 0 || project.some(({ needs }) => needs.includes(baseDebian))
  return [
    ...(usesBase ? [base] : []),
    ...ours,
    ...new Map(project.map((image) => [image.ref, image])).values(),
    ...new Map(pulled.toSorted(byZeal).map((image) => [image.ref, image])).values(),
  ]
}

/** Of services that run the same image, the one that wants it newest speaks for all: it comes last. */
function byZeal(a: DesiredImage, b: DesiredImage): number {
  return zealOf(a) - zealOf(b)
}

function zealOf(image: DesiredImage): number {
  if (image.kind === 'build' || image.policy === undefined) return 1
  return image.policy === 'always' ? 2 : 0
}

/** Whether an image is one for a platform. `linux/arm64` says nothing of the variant, and images often say none either. */
export function isForPlatform(image: string, wanted: string): boolean {
  const [has, asks] = [image.split('/'), wanted.split('/')]
  return asks.every((part, index) => (index === 2 && has[2] === undefined) || part === has[index])
}

/** Cause and ways out, where an image is of another major version than the service that is to run it. */
export function otherMajor(
  { postgres, ref }: Pick<ObservedImage, 'postgres' | 'ref'>,
  { service, version }: ImageUse,
): { readonly cause: string; readonly ways: readonly string[] } | undefined {
  if (postgres === undefined || postgres === version) return undefined
  return {
    cause: `image ${ref} is of PostgreSQL ${String(postgres)}, and \`version\` of ${service} is ${String(version)}`,
    ways: [
      `set \`version\` of ${service} to ${String(postgres)}`,
      `or \`image\` to one of PostgreSQL ${String(version)}`,
    ],
  }
}

/** The images that Poststack brings: the base first, then PostgreSQL in these major versions. */
export function shippedImages(
  versions: readonly number[],
  shipped: ShippedImages,
): readonly [BuildImage, ...(readonly BuildImage[])] {
  return [shippedBase(shipped), ...versions.map((version) => shippedPostgres(version, shipped))]
}

type BuildImage = Extract<DesiredImage, { kind: 'build' }>

/** Names of a project's image that are set anew whenever its content is another one. */
export function movingNames(image: DesiredImage): readonly string[] {
  return image.kind === 'build' && !image.shipped ? image.aliases : []
}

/**
 * Names that an earlier build of other files has, though the image of the present ones is there: what is built `FROM` them would stand on old
 * files. What several builds want is left to the last one that is built.
 */
export function staleNames(
  image: DesiredImage,
  all: readonly DesiredImage[],
  observed: readonly ObservedImage[],
): readonly string[] {
  const present = observed.find(({ ref }) => ref === image.ref)
  if (present === undefined) return []
  return movingNames(image).filter((name) => {
    const named = observed.find(({ ref }) => ref === name)
    const isOnly = all.every((other) => other.ref === image.ref || !movingNames(other).includes(name))
    return isOnly && named !== undefined && named.id !== present.id
  })
}

/** As a build names it: without podman's own host, and with its tag. */
function plainName(ref: string): string {
  const name = ref.replace(/^localhost\//, '')
  return /[:@][^/]*$/.test(name) ? name : `${name}:latest`
}

function projectImage(image: ProjectBuild, all: readonly ProjectBuild[], input: ImageInput): BuildImage {
  const facts = factsOf(image, input)
  const bases = new Set(facts.baseImages.map(plainName))
  const own = builtRef(image, input)
  const others = all.filter((other) => bases.has(`${repositoryOf(other, input)}:latest`))
  const refs = new Set(others.map((other) => builtRef(other, input)))
  const needs = [...(bases.has(baseDebian) ? [baseDebian] : []), ...[...refs].filter((ref) => ref !== own)]
  return {
    kind: 'build',
    ref: own,
    build: image.build,
    fingerprint: facts.fingerprint,
    aliases: [`${repositoryOf(image, input)}:latest`],
    shipped: false,
    needs,
    ...(facts.bulk === undefined ? {} : { bulk: facts.bulk }),
  }
}

/** Stands in the label of images of before they were told apart, too. */
const unread = 'shipped'

/** One that another version of Poststack has built: it is used as it is, so that a new version restarts nothing. */
export function isOfOtherVersion({ fingerprint, shipped }: BuildImage, present: ObservedImage): boolean {
  const known = [fingerprint, present.fingerprint].every((one) => one !== undefined && one !== unread)
  return shipped && known && present.fingerprint !== fingerprint
}

function shippedBase({ folder, fingerprints }: ShippedImages): BuildImage {
  return {
    kind: 'build',
    ref: baseDebian,
    build: shippedBuild(folder, 'base-debian', {}),
    fingerprint: fingerprints['base-debian'] ?? unread,
    // Podman's own name for it, which a Dockerfile may say: so that it is the same image with Docker.
    aliases: [`localhost/${baseDebian}`],
    shipped: true,
    needs: [],
  }
}

function shippedPostgres(version: number, { folder, fingerprints }: ShippedImages): BuildImage {
  const build = shippedBuild(folder, 'postgres', { PG_MAJOR: String(version) })
  return {
    kind: 'build',
    ref: `poststack/postgres:${String(version)}`,
    build,
    fingerprint: fingerprints['postgres'] ?? unread,
    aliases: [],
    shipped: true,
    needs: [baseDebian],
  }
}

function shippedBuild(folder: string, name: string, args: Readonly<Record<string, string>>): BuildConfig {
  return { context: `${folder}/${name}`, dockerfile: `${folder}/${name}/Dockerfile`, args, target: undefined }
}
