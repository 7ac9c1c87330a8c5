/**
 * What Poststack writes into a project besides `.poststack/`: it is never part of what an image is built from, or each run would ask for
 * the next build.
 */
import { usualLogs } from './logs.ts'
import { escapePattern } from './locate/source-text.ts'
import type { BuildConfig } from './types.ts'

/** All paths are from the root of the context, with `/`. */
export interface OwnFiles {
  /** As patterns of `.dockerignore`. */
  readonly patterns: readonly string[]
  /** Folders that come with these files, so that it says nothing whether they are there. */
  readonly folders: ReadonlySet<string>
  readonly has: (path: string) => boolean
}

const usual: OwnFiles = ownFiles([usualLogs])

/** Those in the context of this build. */
export function ownFilesOf({ logs }: Pick<BuildConfig, 'logs'>): OwnFiles {
  // The usual folder as well: it may hold what was written before there was another.
  return logs === undefined ? usual : ownFiles([usualLogs, logs])
}

function ownFiles(logFolders: readonly string[]): OwnFiles {
  const logs = logFolders.map(escapePattern).join('|')
  const inLogs = String.raw`(?:${logs})\/(?:(?:containers|database)(?:\/|$)|(?:poststack[^/]*\.log|\.gitignore)$)`
  const inBackups = String.raw`backups\/(?:[^/]*\.dump[^/]*(?:\/|$)|\.gitignore$)`
  const all = new RegExp(`^(?:${inLogs}|${inBackups})`)
  return {
    patterns: [...logFolders.flatMap(logPatterns), 'backups/*.dump*', 'backups/.gitignore'],
    folders: new Set([...logFolders.flatMap(foldersTo), 'backups']),
    has: (path) => all.test(path),
  }
}

function logPatterns(folder: string): readonly string[] {
  const escaped = folder.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)
  return ['containers', 'database', 'poststack*.log', '.gitignore'].map((name) => `${escaped}/${name}`)
}

/** `var`, `var/log` */
function foldersTo(folder: string): readonly string[] {
  const parts = folder.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
