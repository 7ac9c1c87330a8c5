/**
 * The secret values of a stack: those the config says, and passwords made here. What is made is kept in
 * `.poststack/secrets.json`; losing that file means losing the passwords of existing volumes.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { chmod, link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isCode, PoststackError } from '../errors.ts'
import { isRecord } from './is-record.ts'
import {
  makeStateFolder,
  replaceFile,
  stateFolder,
  sweepBeside,
  temporaryName,
  unreadable,
  writeSynced,
  writing,
} from './state-folder.ts'
import type { Config, SecretPart } from './types.ts'

export interface SecretsOptions {
  readonly root: string
  readonly config: Config
  readonly literals: Readonly<Record<string, string>>
  /** Whether missing values are written down. Without it they live in memory, for a plan that changes nothing. */
  readonly create: boolean
}

export interface Secrets {
  /** The value, encoded as the part asks for. */
  reveal(part: SecretPart): string
  /** A text of others, such as a service's log, with every known secret in it shown as `***`. */
  hide(text: string): string
  /** One keyed digest for each secret: equal digests mean equal values, and nothing else can be learned from them. */
  readonly digests: Readonly<Record<string, string>>
  /** Names of generated passwords that fit no data of before, because the file that keeps them was not there. */
  readonly unkept: readonly string[]
}

/** For plans that take something away, or build what is handed no secret: they work without the file that keeps them. */
export const unneededSecrets: Secrets = {
  digests: {},
  unkept: [],
  hide: (text) => text,
  reveal: ({ name }) => {
    throw new Error(`secret ${name} is needed by a plan that has no use for one`)
  },
}

interface Store {
  readonly version: 1
  /** 32 random bytes in hex: the key of digests and the root of generated passwords. */
  readonly key: string
  readonly passwords: Readonly<Record<string, string>>
}

export async function openSecrets(options: SecretsOptions): Promise<Secrets> {
  const { config, literals, create } = options
  const generated = config.services.flatMap((service) =>
    service.kind === 'postgres' && !Object.hasOwn(literals, service.password.name) ? [service.password.name] : [],
  )
  const { store, found } = await openStore(options.root, generated, create)
  const digests: Record<string, string> = {}
  for (const [name, value] of Object.entries(literals)) digests[name] = literalDigest(store.key, name, value)
  for (const name of generated) digests[name] = generatedDigest(name)
  const values = [...Object.values(literals), ...generated.map((name) => store.passwords[name] ?? '')]
  return {
    digests,
    unkept: found ? [] : generated,
    hide: (text) => hideValues(text, values),
    reveal: ({ name, encoding }) => {
      const value = Object.hasOwn(literals, name) ? literals[name] : store.passwords[name]
      if (value === undefined) throw new TypeError(`there is no secret named ${name}`)
      return encoding === 'uri' ? encodeURIComponent(value) : value
    },
  }
}

/** Shorter ones are words of any text, and hiding them would hide nothing but the text. */
const shortestHidden = 6
/** A line of a longer value: more of them are ordinary words. */
const shortestLine = 8

/** A text with every value that is long enough to be told from its words shown as `***`. */
export function hideValues(text: string, values: readonly string[]): string {
  const forms = values
    .filter((value) => value.length >= shortestHidden)
    .flatMap((value) => [value, encodeURIComponent(value), ...linesOf(value)])
    // A value that holds another one goes first.
    .toSorted((a, b) => b.length - a.length)
  return forms.reduce((hidden, form) => hidden.replaceAll(form, '***'), text)
}

/** A key of several lines comes in logs line by line. */
function linesOf(value: string): readonly string[] {
  return value.includes('\n') ? value.split(/\r?\n/).filter((line) => line.length >= shortestLine) : []
}

function literalDigest(key: string, name: string, value: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`${name}\0${value}`).digest('hex').slice(0, 32)
}

/** Without key and value: a plan made before the first `up` must name the same digest as every later one. */
function generatedDigest(name: string): string {
  return createHash('sha256').update(`poststack generated\0${name}`).digest('hex').slice(0, 32)
}

/**
 * A generated password follows from the key: two runs that add one at the same time add the same, and a service that
 * comes back fits the volume it left behind. What stands in the file wins all the same.
 */
function generatePassword(key: string, name: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`password\0${name}`).digest('base64url').slice(0, 32)
}

async function openStore(
  root: string,
  names: readonly string[],
  create: boolean,
): Promise<{ readonly store: Store; readonly found: boolean }> {
  const file = join(stateFolder(root), 'secrets.json')
  let store = await readStore(file)
  const found = store !== undefined
  if (store === undefined) {
    const key = randomBytes(32).toString('hex')
    store = complete({ version: 1, key, passwords: {} }, names)
    if (create) store = await createStore(root, file, store)
  }
  const full = complete(store, names)
  if (!create) return { store: full, found }
  await writing(file, async () => {
    await tighten(file)
    if (full !== store) await replaceFile(file, format(full), 0o600)
  })
  return { store: full, found }
}

/** The key of the project's digests, in hex; nothing before the first `up`, or where it cannot be read. */
export async function digestKey(root: string): Promise<string | undefined> {
  const store = await readStore(join(stateFolder(root), 'secrets.json')).catch(() => undefined)
  return store?.key
}

/** The same store when nothing is missing. */
function complete(store: Store, names: readonly string[]): Store {
  const missing = names.filter((name) => !Object.hasOwn(store.passwords, name))
  if (missing.length === 0) return store
  const made = missing.map((name) => [name, generatePassword(store.key, name)] as const)
  return { ...store, passwords: { ...store.passwords, ...Object.fromEntries(made) } }
}

async function readStore(file: string): Promise<Store | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw unreadable(file, error)
  }
  const store = parseStore(text)
  if (store === undefined) throw damaged(file)
  return store
}

function parseStore(text: string): Store | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value)) return undefined
  const { version, key, passwords } = value
  if (version !== 1 || typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) return undefined
  if (!isRecord(passwords)) return undefined
  const areTexts = Object.values(passwords).every((password) => typeof password === 'string' && password !== '')
  return areTexts ? { version, key, passwords: passwords as Record<string, string> } : undefined
}

/** Of several processes that create the store at once, one wins, and all return the winner's. */
async function createStore(root: string, file: string, store: Store): Promise<Store> {
  await makeStateFolder(root)
  const temporary = temporaryName(file)
  return writing(file, async () => {
    try {
      await writeSynced(temporary, format(store), 0o600)
      await link(temporary, file).catch(async (error: unknown) => {
        // File systems without hard links: the short window in which the file is incomplete is the price.
        if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP')) throw error
        await writeFile(file, format(store), { mode: 0o600, flag: 'wx' })
      })
      return store
    } catch (error) {
      if (isCode(error, 'EEXIST')) return (await readStore(file)) ?? store
      throw error
    } finally {
      await rm(temporary, { force: true })
      await sweepBeside(file)
    }
  })
}

function format(store: Store): string {
  return `${JSON.stringify(store, undefined, 2)}\n`
}

/** A copy or a restored backup may have lost the mode; nobody else may read the file. */
async function tighten(file: string): Promise<void> {
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) await chmod(file, 0o600)
}

function damaged(file: string): PoststackError {
  return new PoststackError('STATE_UNWRITABLE', `${file} is damaged, which holds the secrets of the stack.`, {
    hint: 'Restore the file. Without it new passwords are made, which do not fit volumes that exist: delete it only together with them.',
    details: { file },
  })
}
