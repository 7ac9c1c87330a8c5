/** What is wrong with a config: one record per mistake, and the words for it. Loaded by the config's process, so it imports nothing. */

export type Path = readonly (string | number)[]

export interface ConfigIssue {
  readonly path: Path
  readonly message: string
  /** The value as written, shortened, with secrets masked. Absent where there is none. */
  readonly value?: string
}

/** What a config may look like, indented for a hint. */
export const exampleConfig = `  import { defineConfig, postgres } from 'poststack'
  export default defineConfig({ services: { db: postgres() } })`

/** `services.web.ports.http.host`, `services.web.volumes[0].target`: a path as a person would write it. */
export function formatPath(path: Path): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${String(key)}]`
    else if (!/^[\w$-]+$/.test(key)) text += `[${JSON.stringify(key)}]`
    else text += text === '' ? key : `.${key}`
  }
  return text
}

const secretWord = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|APIKEY)S?$|^PASS$/
const secretPair = /(?:API|PRIVATE|ACCESS|ENCRYPTION|SIGNING)_KEY/

/** Whether a value under this name should be kept out of plans, labels and output. */
export function looksSecret(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
  return words.some((word) => secretWord.test(word)) || secretPair.test(words.join('_'))
}

/**
 * The password of a URL, also with characters in it that should be percent-encoded: it goes up to the last `@` before the next URL of the
 * line. Where that is in a path, too much is hidden rather than too little. Not taken for one: a port, and a reference.
 */
const urlPassword = /(?<=:\/\/[^\s/?#:[]*:)(?!\d{1,5}(?:[/?#\s'"`)]|$)|(?:\$\{[^}]*\}|\0)@)(?:(?:(?!:\/\/).)+|.+)(?=@)/g

export function urlPasswords(text: string): readonly string[] {
  return text.match(urlPassword) ?? []
}

/** A text without the passwords of its URLs. */
export function hideUrlPasswords(text: string, mask: (password: string) => string = () => '***'): string {
  return text.replaceAll(urlPassword, mask)
}

/** A value as it may be shown: one line, at most 60 characters, secrets masked by the name they stand under. */
export function showValue(path: Path, value: unknown): string {
  // The names of services say nothing about what they hold.
  const names = path.slice(path[0] === 'services' ? 2 : 0)
  if (value !== undefined && names.some((key) => typeof key === 'string' && looksSecret(key))) return '"***"'
  const text = value === undefined ? 'undefined' : JSON.stringify(value, (key, part: unknown) => masked(key, part))
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function masked(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (key !== '' && looksSecret(key)) return '***'
  return hideUrlPasswords(value)
}
