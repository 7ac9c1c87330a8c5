import type { Engine } from './engine-connect.ts'

/** Whether what answers is a podman older than that version; also one that does not say which it is. */
export function isPodmanBefore(
  { flavour, podmanVersion = '' }: Pick<Engine, 'flavour' | 'podmanVersion'>,
  major: number,
  minor: number,
): boolean {
  if (flavour === 'docker') return false
  const [, hasMajor, hasMinor] = (/^v?(\d+)\.(\d+)/.exec(podmanVersion) ?? []).map(Number)
  if (hasMajor === undefined || hasMinor === undefined) return true
  return hasMajor < major || (hasMajor === major && hasMinor < minor)
}
