/** What the result of a config was made from. Names and paths only: what stands in them is nobody's to keep. */

/** A pattern that the config asked for, and the files that it found, relative to the project. */
export interface GlobRead {
  readonly pattern: string
  readonly files: readonly string[]
}

/** What a config read while it ran, as its own process noted it. */
export interface ConfigReads {
  /** Names of environment variables, also of those that were not set; sorted. */
  readonly variables: readonly string[]
  /** It listed all variables: then each of them counts. */
  readonly allVariables: boolean
  /** Absolute paths of files that it read by `readText()`, also of those that were not there. */
  readonly files: readonly string[]
  readonly globs: readonly GlobRead[]
  /** Whether it asked for the directory the command was started in. */
  readonly cwd: boolean
  /** What else its result depends on, such as the clock: the first such thing. Then it is made anew each time. */
  readonly untracked?: Untracked | undefined
}

export interface Untracked {
  /** As in `it reads the clock (Date.now)`. */
  readonly what: string
  /** Where, as the stack of an error. */
  readonly stack: string
}

export interface ConfigInputs {
  /** Every file that it was made from: absolute, sorted. */
  readonly files: readonly string[]
  /** Paths at which a file would be one of them, once it is there: absolute, sorted. */
  readonly candidates: readonly string[]
  /** Those of them where a package would be that is imported and not installed. */
  readonly packages: readonly string[]
  readonly globs: readonly GlobRead[]
  /** Names, sorted. */
  readonly variables: readonly string[]
  readonly allVariables: boolean
}
