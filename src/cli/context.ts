/**
 * What a command is handed instead of the process.
 */
import type { CommandContext } from '@stricli/core'

/** A stream to write to; `isTTY`, `columns` and `rows` say whether a person looks at it. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface Io {
  /** Absolute; empty where that folder is gone. */
  readonly cwd: string
  /** It was chosen with `-C`. */
  readonly isElsewhere?: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean | undefined
    /** Each key at once, and none of them a signal; terminals have it. */
    setRawMode?(isRaw: boolean): unknown
  }
  /** Takes the result of a command. */
  readonly stdout: Output
  /** Takes everything that is said on the way. */
  readonly stderr: Output
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, with the error to end with as its reason. */
  readonly signal: AbortSignal
  /**
   * From now on signals go to another program, which works in our place, and nothing of ours is aborted by them. The result takes it
   * back.
   */
  readonly handOver: (receiver: (name: NodeJS.Signals) => void) => () => void
  /** Aborted when nobody reads stdout any more. */
  readonly unread: AbortSignal
  /** How a person calls the program here: `npx poststack`. @default `poststack` */
  readonly program?: string
  /** The words of the command, without arguments: `database migrate`. */
  readonly command?: string
}

/** `this` of every command. */
export interface Context extends CommandContext {
  readonly io: Io
  /** The exit code that the command leaves; 0 until it is set. */
  exitCode: number
  /** The words of the line that a shell wants completed. */
  readonly asked?: readonly string[]
}
