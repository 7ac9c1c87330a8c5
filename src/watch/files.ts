/**
 * The door to chokidar: says of which paths something was reported, as soon as it is. It says too much rather than too little; what has
 * really changed is found by contents.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'

import { FSWatcher } from 'chokidar'

import { throwIfAborted } from '../abort.ts'
import { isCode } from '../errors.ts'
import { foldersTo, isInput, type Inputs } from './inputs.ts'

export interface FileWatch {
  /** The inputs that were there when it began. */
  readonly found: readonly string[]
  close(): Promise<void>
}

export interface FileWatchOptions {
  readonly inputs: Inputs
  readonly onReport: (path: string) => void
  /** The system can watch no more files, so they are looked at again and again from now on. */
  readonly onPolling: (reason: string) => void
  readonly onError: (error: unknown) => void
  readonly signal: AbortSignal
}

const pollMs = 300

/** Begins to watch, and returns when every change from then on is reported. */
export async function watchFiles(options: FileWatchOptions): Promise<FileWatch> {
  const { signal, onPolling, onReport, onError } = options
  throwIfAborted(signal)
  let isClosed = false
  let polling: Promise<FileWatch> | undefined
  const poll = async (reason: string): Promise<FileWatch> => {
    await first.close()
    throwIfAborted(signal)
    onPolling(reason)
    return await begin({ ...options, usePolling: true, onExhausted: () => undefined })
  }
  // What was watched until then is looked at whole: contents tell what has changed while nobody looked.
  const pollFromNowOn = async (reason: string): Promise<FileWatch> => {
    const files = await poll(reason)
    if (!isClosed) for (const path of files.found) onReport(path)
    return files
  }
  const first = await begin({
    ...options,
    usePolling: false,
    onExhausted: (reason) => {
      if (isClosed || polling !== undefined) return
      polling = pollFromNowOn(reason)
      polling.catch((error: unknown) => {
        if (!signal.aborted) onError(error)
      })
    },
  })
  if (first.exhausted !== undefined) return await poll(first.exhausted)
  return {
    found: first.found,
    close: async () => {
      isClosed = true
      await first.close()
      await (await polling?.catch(() => undefined))?.close()
    },
  }
}

type Begun = FileWatch & { readonly exhausted: string | undefined }

interface BeginOptions extends FileWatchOptions {
  readonly usePolling: boolean
  /** The system can watch no more; called once it is watched. */
  readonly onExhausted: (reason: string) => void
}

function begin({ inputs, usePolling, onError, onExhausted, onReport }: BeginOptions): Promise<Begun> {
  const leading = foldersTo(inputs)
  const matters = (path: string): boolean => isInput(inputs, path)
  const found = new Set<string>()
  let isReady = false
  const report = (path: string): void => {
    if (!matters(path)) return
    if (isReady) onReport(path)
    else found.add(path)
  }
  const watcher = new FSWatcher({
    usePolling,
    interval: pollMs,
    binaryInterval: pollMs,
    // Both are ours, and better informed: contents decide, after a pause that is as short as it can be.
    atomic: false,
    awaitWriteFinish: false,
    ignorePermissionErrors: true,
    ignored: (path) => !leading.has(path) && !matters(path),
  })
  watcher.on('all', (event, path) => {
    report(path)
    // Between looking into a new folder and watching it, chokidar is blind.
    if (event === 'addDir' && isReady) void reportAll(path, { report, onError })
  })
  // What the system says, unfiltered: chokidar drops what comes in quick succession, and so may miss that a file was put back.
  watcher.on('raw', (_, path, details: unknown) => {
    const { watchedPath } = details as { readonly watchedPath?: string }
    if (watchedPath === undefined || !isReady) return
    report(watchedPath)
    if (path !== '' && typeof path === 'string') report(join(watchedPath, path))
  })
  return new Promise((resolve) => {
    const end = (exhausted: string | undefined): void => {
      // Whoever takes its place reports from then on.
      isReady = exhausted === undefined
      resolve({ found: [...found].toSorted(), exhausted, close: () => watcher.close() })
    }
    watcher.on('ready', () => {
      end(undefined)
    })
    watcher.on('error', (error) => {
      const reason = usePolling ? undefined : exhaustion(error)
      if (reason === undefined) onError(error)
      else if (isReady) onExhausted(reason)
      else end(reason)
    })
    watcher.add([...topsOf(inputs)])
  })
}

/** The folders to begin at: the project, and for what lies elsewhere the nearest folder that exists. None lies in another. */
function topsOf({ root, configFiles, files, folders }: Inputs): readonly string[] {
  const wanted = [root, ...folders.map(({ path }) => path), ...[...configFiles, ...files].map((file) => dirname(file))]
  const tops = new Set(wanted.filter((path) => !isWithin(path, root) || path === root).map(nearestFolder))
  return [...tops].filter((top) => ![...tops].some((other) => other !== top && isWithin(top, other)))
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === sep ? sep : folder + sep)
}

function nearestFolder(path: string): string {
  let folder = path
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

interface Reporting {
  readonly report: (path: string) => void
  readonly onError: (error: unknown) => void
}

async function reportAll(folder: string, { report, onError }: Reporting): Promise<void> {
  try {
    for (const name of await readdir(folder)) report(join(folder, name))
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) onError(error)
  }
}

/** Why the system can watch no more; nothing for any other error. */
function exhaustion(error: unknown): string | undefined {
  if (isCode(error, 'ENOSPC')) return 'the limit of fs.inotify.max_user_watches is reached'
  if (isCode(error, 'EMFILE', 'ENFILE')) return 'the limit of open files or of fs.inotify.max_user_instances is reached'
  return undefined
}
