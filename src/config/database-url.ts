/** The URL that a command is given for a database of its own: `--url`. */
import { isPoststackError, PoststackError } from '../errors.ts'
import { parsePostgresUrl, type PostgresUrl } from './postgres-url.ts'

export interface DatabaseUrlOptions {
  /** Taken where the URL has none, such as what the command line found in PGPASSWORD. */
  readonly password?: string | undefined
}

/**
 * Reads `postgresql://user:password@host:port/database?parameters`, and both ways to write the folder of a socket:
 * `postgresql://user@/database?host=/folder` and `postgresql://user@%2Ffolder/database`; `host` of the result is the folder then.
 * Port 5432 and a database named like the user are the defaults. Fails with `USAGE`, which never shows the URL.
 */
export function parseDatabaseUrl(text: string, options: DatabaseUrlOptions = {}): PostgresUrl {
  const socket = socketOf(text)
  const parsed = parsePostgresUrl(socket?.url ?? text)
  if (typeof parsed === 'string') {
    const wrong = parsed.replace(/^expected /, 'is not of the form ')
    const message = hasNoHost(text) && socket === undefined ? 'names no host' : wrong
    throw new PoststackError('USAGE', `The database URL ${message}.`, {
      hint: 'Write it as postgresql://user:password@host:5432/database, with ?sslmode=require and the like behind it where it is needed.',
    })
  }
  const { host, password, ...rest } = parsed
  return { ...rest, host: socket?.folder ?? host, password: password ?? options.password }
}

/** What is wrong with the value of a variable that should be one; finishes the sentence that its name begins, and never shows the URL. */
export function wrongDatabaseUrl(text: string): string | undefined {
  try {
    parseDatabaseUrl(text)
    return undefined
  } catch (error) {
    if (!isPoststackError(error)) throw error
    return error.message.replace(/^The database URL (.*)\.$/s, '$1')
  }
}

/** A URL that `parseDatabaseUrl` took, as it may be shown: the same, without the password that it may hold. */
export function urlWithoutPassword(url: string): string {
  const [place = '', query = ''] = url.split(/\?(.*)/s)
  const parameters = query.split('&').filter((one) => one !== '' && !/^(ssl)?password=/i.test(one))
  const shown = place.replace(/^(\w+:\/\/[^/:]*):[^/]*@/, '$1@')
  return parameters.length === 0 ? shown : `${shown}?${parameters.join('&')}`
}

interface UrlParts {
  readonly scheme: string
  /** With its `@`, or empty. */
  readonly credentials: string
  readonly host: string
  /** With its `:`, or empty. */
  readonly port: string
  readonly path: string
  readonly parameters: readonly string[]
}

// A password may hold an unencoded `@`; the last one counts, as it does for URL.
const shape =
  /^(?<scheme>postgres(?:ql)?:\/\/)(?<credentials>[^/?#]*@)?(?<host>[^/?#@:]*)(?<port>:\d*)?(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/i

function partsOf(text: string): UrlParts | undefined {
  const groups = shape.exec(text)?.groups
  if (groups === undefined) return undefined
  const { scheme = '', credentials = '', host = '', port = '', path = '', query = '' } = groups
  return { scheme, credentials, host, port, path, parameters: query.split('&').filter((one) => one !== '') }
}

function hasNoHost(text: string): boolean {
  return partsOf(text)?.host === ''
}

/** The folder of a socket, and the URL with a host in its place that URL can read. */
function socketOf(text: string): { readonly folder: string; readonly url: string } | undefined {
  const parts = partsOf(text)
  if (parts === undefined) return undefined
  const { scheme, credentials, path, parameters } = parts
  const folder = parts.host === '' ? valueOf(parameters, 'host') : decode(parts.host)
  if (folder === undefined || !folder.startsWith('/')) return undefined
  const named = valueOf(parameters, 'port')
  const port = parts.port === '' && named !== undefined ? `:${named}` : parts.port
  // With a host before it, a second one behind it is a mistake that the reader must see.
  const rest = parts.host === '' ? parameters.filter((one) => !/^(host|port)=/i.test(one)) : parameters
  return { folder, url: `${scheme}${credentials}socket${port}${path}${rest.length === 0 ? '' : `?${rest.join('&')}`}` }
}

function valueOf(parameters: readonly string[], key: string): string | undefined {
  const found = parameters.find((one) => one.toLowerCase().startsWith(`${key}=`))
  return found === undefined ? undefined : decode(found.slice(key.length + 1))
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
