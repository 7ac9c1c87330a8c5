/**
 * How an image is called, which podman and Docker disagree on. Pure.
 */

export interface ImageName {
  /** Without tag and digest. */
  readonly repository: string
  /** `latest` when neither tag nor digest is given. */
  readonly tag: string | undefined
  readonly digest: string | undefined
  /** True without a registry's host in front: an image that was built here, and that no registry may be asked for. */
  readonly local: boolean
}

export function parseImageName(ref: string): ImageName {
  const [named = '', digest] = ref.split('@', 2)
  const slash = named.lastIndexOf('/')
  const colon = named.indexOf(':', slash + 1)
  const repository = colon === -1 ? named : named.slice(0, colon)
  const tag = colon === -1 ? undefined : named.slice(colon + 1)
  const host = repository.includes('/') ? (repository.split('/', 1)[0] ?? '') : ''
  return {
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
    // Docker's own rule: the first part is a host if it has a dot or a port, or is localhost.
    local: !(host.includes('.') || host.includes(':') || host === 'localhost'),
  }
}

/**
 * The name to use with an engine. Podman keeps what it builds under `localhost/`, and takes a bare name for one of Docker Hub;
 * Docker has no such folder.
 */
export function engineImageName(ref: string, engine: 'podman' | 'docker'): string {
  const name = parseImageName(ref)
  const suffix = name.digest === undefined ? `:${name.tag ?? 'latest'}` : `@${name.digest}`
  return `${name.local && engine === 'podman' ? 'localhost/' : ''}${name.repository}${suffix}`
}
