/**
 * Keeps what a config gave, under `.poststack/cache`, for as long as everything that it was made from is the same.
 *
 * A result may hold secrets, so what is written is sealed (AES-256-GCM), and the key stands nowhere: it is made anew from the contents of all files, the
 * values of all variables that the config read, and the digest key of the project. Whoever can open an entry has all that, and could as well
 * evaluate the config. In the open stand names of files and of variables.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isRecord } from '../is-record.ts'
import { makeFolder } from '../make-folder.ts'
import { cacheKey, changedSince } from './cache-key.ts'
import { visible } from './guarded.ts'
import { digestKey } from '../secrets.ts'
import { replaceFile, stateFolder } from '../state-folder.ts'
import type { ConfigInputs } from './inputs.ts'
import type { LoadedLayers } from '../layers.ts'
import type { CacheKeyOptions, Origins } from './cache-key.ts'
import type { ConfigOutput } from './run-child.ts'
import type { PlainValue } from '../serialize.ts'

export interface KeptResult {
  readonly plain: PlainValue
  /** It passed every check. */
  readonly passed: boolean
  readonly layers?: LoadedLayers | undefined
  readonly output: ConfigOutput
  readonly notices: readonly string[]
  readonly inputs: ConfigInputs
  /** The project's own code. */
  readonly code: readonly string[]
}

export interface ConfigCache {
  /** What was kept, if all is as it was then. */
  readonly kept: KeptResult | undefined
  /** Keeps a result, and says why it was not. */
  keep(result: KeptResult, origins: Origins): Promise<string | undefined>
}

export type CacheOptions = Omit<CacheKeyOptions, 'projectKey'>

const format = 1
const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
/** Of each config and mode there is one. */
const mostEntries = 20

export async function openCache(options: CacheOptions): Promise<ConfigCache> {
  const startedMs = Date.now()
  const { config } = options
  const file = join(stateFolder(config.root, 'cache'), `config-${nameOf(options)}.json`)
  const withKey = async (): Promise<CacheKeyOptions | undefined> => {
    const projectKey = await digestKey(config.root)
    return projectKey === undefined ? undefined : { ...options, env: visible(options.env), projectKey }
  }
  return {
    kept: await readKept(file, await withKey()),
    async keep(result, origins) {
      const keyOptions = await withKey()
      if (keyOptions === undefined) return 'nothing is kept before the first `up` of this project'
      try {
        const changed = changedSince(origins.files, startedMs)
        if (changed !== undefined) return `${relative(config.root, changed)} was written while it was read`
        await write(file, { origins, sealed: seal(result, cacheKey(origins, keyOptions)) })
        return undefined
      } catch (error) {
        return `it cannot be written: ${error instanceof Error ? error.message : String(error)}`
      }
    },
  }
}

function nameOf({ config, mode, trusted, permissions }: CacheOptions): string {
  const parts = JSON.stringify([config.file, mode, trusted, permissions])
  return createHash('sha256').update(parts).digest('hex').slice(0, 16)
}

/** Whatever is wrong with an entry, it is as if there were none. */
async function readKept(file: string, options: CacheKeyOptions | undefined): Promise<KeptResult | undefined> {
  if (options === undefined) return undefined
  try {
    const entry: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (!isRecord(entry) || entry['version'] !== format) return undefined
    return unseal(String(entry['sealed']), cacheKey(entry['origins'] as Origins, options))
  } catch {
    return undefined
  }
}

async function write(file: string, entry: { readonly origins: Origins; readonly sealed: string }): Promise<void> {
  const folder = join(file, '..')
  makeFolder(folder, 0o700)
  await replaceFile(file, `${JSON.stringify({ version: format, ...entry })}\n`, 0o600)
  const names = (await readdir(folder)).filter((name) => /^config-[\da-f]+\.json$/.test(name))
  if (names.length <= mostEntries) return
  const ages = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })))
  const old = ages.toSorted((a, b) => b.at - a.at).slice(mostEntries)
  await Promise.all(old.map(({ name }) => rm(join(folder, name), { force: true })))
}

function seal(result: KeptResult, key: Buffer): string {
  const nonce = randomBytes(nonceBytes)
  const sealing = createCipheriv(cipher, key, nonce)
  const text = Buffer.concat([sealing.update(JSON.stringify(result), 'utf8'), sealing.final()])
  return Buffer.concat([nonce, sealing.getAuthTag(), text]).toString('base64')
}

/** Throws when the key is another one, or a bit was changed. */
function unseal(sealed: string, key: Buffer): KeptResult {
  const bytes = Buffer.from(sealed, 'base64')
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes))
  opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  const text = Buffer.concat([opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()])
  return JSON.parse(text.toString('utf8')) as KeptResult
}
