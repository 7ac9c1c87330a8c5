/**
 * What Poststack writes into a project besides `.poststack/`: it is never part of what an image is built from, or each run would ask for
 * the next build.
 */

/** As patterns of `.dockerignore`. */
export const ownFilePatterns = [
  'logs/containers',
  'logs/database',
  'logs/poststack*.log',
  'logs/.gitignore',
  'backups/*.dump*',
  'backups/.gitignore',
] as const

/** Folders that come with these files, so that it says nothing whether they are there. */
export const ownFolders: ReadonlySet<string> = new Set(['logs', 'backups'])

const ownFiles =
  /^(?:logs\/(?:containers|database)(?:\/|$)|logs\/(?:poststack[^/]*\.log|\.gitignore)$|backups\/(?:[^/]*\.dump[^/]*|\.gitignore)$)/

/** A path from the root of the context, with `/`. */
export function isOwnFile(path: string): boolean {
  return ownFiles.test(path)
}
