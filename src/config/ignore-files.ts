/** The ignore files of a build: of these the first that exists counts, and podman and docker do not ask for the same. */
import { join } from 'node:path'
import type { BuildConfig } from './types.ts'

export function ignoreFiles(
  { context, dockerfile }: Pick<BuildConfig, 'context' | 'dockerfile'>,
  engine: 'podman' | 'docker',
): readonly string[] {
  const names = engine === 'podman' ? ['.containerignore', '.dockerignore'] : ['.dockerignore']
  return [...names.map((name) => dockerfile + name), ...names.map((name) => join(context, name))]
}
