/**
 * Known reasons why a service does not start, by what it said last and how it ended: each with its cause and the way out.
 */

export interface Symptoms {
  /** The system has killed it for the memory that it used, as far as the engine says so. */
  readonly outOfMemory?: boolean | undefined
  readonly exitCode: number | undefined
  /** The last lines of its output. */
  readonly logs: readonly string[]
}

/** The first entry that fits, the log before the exit code: what a program says is more exact than how it ended. */
export function hintFor({ exitCode, logs, outOfMemory }: Symptoms): string | undefined {
  if (outOfMemory === true)
    return 'It used more memory than it may. Raise `memory` of the service, or let the program use less.'
  // The last complaint is the one that ended it.
  for (const line of logs.toReversed()) {
    const known = logHints.find(({ pattern }) => pattern.test(line.slice(0, longestLine)))
    if (known !== undefined) return known.hint
  }
  return exitCode === undefined ? undefined : exitHints[exitCode]
}

/** Where the password of a server that was set up before does not fit: waiting does not mend it. */
export const passwordHint =
  'A data volume keeps the password of its first start, or the one that Poststack has set last, and its roles. ' +
  'Put what was declared back (in the config, or in .poststack/secrets.json where it was generated), or change it in the database ' +
  '(ALTER ROLE … PASSWORD …), or, if the data may go, delete it: poststack down --volumes.'

export const databaseHint =
  'The image makes its database and role only at the first start of a data volume. ' +
  'Create the missing one in the server (CREATE DATABASE, CREATE ROLE), put the old name back in the config, or, if the data may go, delete it: poststack down --volumes.'

/** The same for a database that somebody else runs: there is no volume of ours to speak of. */
export const externalPasswordHint = 'Check user and password in the `url` of the service against those of the server.'

export const externalDatabaseHint =
  'Poststack makes nothing on a server that it does not run: create the database and the role there (CREATE DATABASE, CREATE ROLE), or mend the `url` of the service.'

const longestLine = 2000

const moveHint =
  'To move them: with the old image, run poststack up, poststack database backup and poststack down --volumes; then, with the new one, poststack up and poststack database restore.'

// Each pattern is one phrase or two with a bounded gap: none can take long on a hostile line.
const logHints: readonly { readonly pattern: RegExp; readonly hint: string }[] = [
  {
    pattern: /database files are incompatible with server/i,
    hint: 'The data volume was made by another major version of PostgreSQL. Set `version` back to that one, or dump the data with it and load it into a new volume.',
  },
  {
    pattern: /in 18\+, these Docker images are configured to store database data/i,
    hint: 'Images of PostgreSQL 18 and later want the volume at /var/lib/postgresql, not at /var/lib/postgresql/data: change the target of the mount if it is that one. If `image` of the service was changed, put it back: the data are still there, in the layout of that image.',
  },
  {
    pattern: /holds the database of another image/i,
    hint: `The volume has data of another image, which keeps them in another folder; a new database beside them would hide them, so nothing was touched. Put \`image\` of the service back, and the data are there again. ${moveHint}`,
  },
  {
    pattern: /superuser password is not specified/i,
    hint: 'The postgres image needs a password for its first start: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, or declare the service with `postgres()`, which does.',
  },
  {
    pattern: /data directory "[^"]{1,500}" has (wrong ownership|invalid permissions)/i,
    hint: 'The data directory belongs to another user or is open to others. It must belong to the user that the server runs as, with mode 0700 or 0750; a named volume instead of a host folder takes care of that.',
  },
  {
    pattern: /initdb: error: directory "[^"]{1,500}" exists but is not empty/i,
    hint: `The data directory holds files but no complete database. Another image may have written them in its own layout: Poststack's own keeps all data in a folder data/ of the volume, with a file PG_VERSION in it. If \`image\` of the service was changed, put it back, and the data are there again. ${moveHint} Only if nothing in the volume is needed, as after a first start that was cut off, remove it.`,
  },
  {
    pattern: /lock file "postmaster\.pid" already exists|is another postmaster/i,
    hint: 'Another server uses this data directory, or one was killed and left its lock file. Stop the other server; two must never share a volume.',
  },
  {
    pattern: /could not locate a valid checkpoint record|invalid primary checkpoint record/i,
    hint: 'The data directory is damaged, as after a power cut or a copy of a running server. Restore it from a backup.',
  },
  {
    pattern:
      /unrecognized configuration parameter|invalid value for parameter|invalid line \d+ in file|syntax error in file "[^"]{1,500}"/i,
    hint: 'PostgreSQL does not know or accept this setting. Check `settings` of the service: names and values differ between major versions.',
  },
  {
    pattern: /could not access file "[^"]{1,500}": No such file/i,
    hint: 'A library of `shared_preload_libraries` is not in the image. Use an image that has it, or take it out of `settings`.',
  },
  {
    pattern:
      /no space left on device.{0,200}shared memory|could not (resize|map) shared memory|could not create shared memory|\/dev\/shm/i,
    hint: 'The shared memory of the container is used up or too small. Lower `shared_buffers` or the parallel workers, or give the container a larger /dev/shm.',
  },
  {
    pattern: /no space left on device|ENOSPC/i,
    hint: 'The disk that it writes to is full: that of the container engine, where unused images and volumes often hold most of it, or a `tmpfs` volume that is too small. Make room, then run the command again.',
  },
  {
    pattern: /could not bind|address already in use|EADDRINUSE/i,
    hint: 'The port it wants inside the container, or on this machine, is taken by another process. Stop that one or choose another port.',
  },
  {
    pattern: /exec format error/i,
    hint: "The program is built for another processor architecture, or is a script without a `#!` line. Use an image of this machine's architecture.",
  },
  { pattern: /role "[^"]{1,200}" does not exist|database "[^"]{1,200}" does not exist/i, hint: databaseHint },
  { pattern: /password authentication failed/i, hint: passwordHint },
  {
    pattern:
      /executable file not found|command not found|sh: \d+: .{1,200}: not found|no such file or directory.{0,80}(exec|command)|cannot find module/i,
    hint: 'What it was told to run is not in the image. Check `command` and `entrypoint`, and that the build copies the file.',
  },
  {
    pattern: /too many open files|EMFILE/i,
    hint: 'It ran out of file handles. Raise the limit of the container engine (`ulimit -n`).',
  },
  {
    pattern: /out of memory|cannot allocate memory|heap limit|OOMKilled/i,
    hint: 'It ran out of memory. Give the container engine more memory, or the program a smaller share of it.',
  },
  {
    pattern: /ECONNREFUSED|connection refused|ENOTFOUND|could not translate host name|no such host/i,
    hint: 'It could not reach another service. Name that one in `dependsOn`, and reach it by its service name: inside a container `localhost` is the container itself.',
  },
  {
    pattern: /permission denied|EACCES/i,
    hint: 'It may not read, write or run a file. Check the owner and mode of mounted folders and of the files that the image copies, and the `user` of the service.',
  },
]

const exitHints: Readonly<Record<number, string>> = {
  125: 'Engines use this code where they could not run the command themselves. Where the program does not end with it of its own, the log of the engine says why.',
  126: 'The command exists but cannot be executed: it is not marked executable, is a folder, or has a broken `#!` line.',
  127: 'The command does not exist in the image: check `command` and `entrypoint` for spelling, and the PATH of the image.',
  132: 'It stopped on an illegal instruction: the program is built for another processor than this one.',
  134: 'It aborted itself, usually after a failed assertion or when it ran out of memory; its output says which.',
  137: 'It was killed from outside: by the system when memory ran out, by the engine after its grace time, or by hand. If nobody stopped it, raise `memory` of the service where it is declared, or give the container engine more.',
  139: 'It crashed with a memory error (segmentation fault): a bug in the program, or an image of another processor architecture under emulation.',
  143: 'It was asked to stop (SIGTERM) by somebody else, for example another terminal or the end of a session.',
}
