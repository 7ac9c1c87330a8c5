/** Names of stacks and services: fit for containers, volumes, networks and host names on every engine. */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/

/** Names of containers and volumes that every engine takes. */
export const engineNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/

/** Host names that every container takes for itself: another service under one of them could never be reached. */
export const ownHostNames: ReadonlySet<string> = new Set(['localhost', 'ip6-localhost', 'ip6-loopback'])

/** The name nearest to any text; `fallback` where it has no letter to begin with. */
export function nameLike(text: string, fallback: string): string {
  const slug = text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[\u0300-\u036f]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  const name = /^[a-z]/.test(slug) ? slug : slug === '' ? fallback : `${fallback}-${slug}`
  return name.slice(0, 40).replace(/-+$/, '')
}
