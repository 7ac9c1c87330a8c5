/** Reads `postgres://user:password@host:port/database?parameters`. */

export interface PostgresUrl {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  /** The query as given, without the `?`. */
  readonly parameters: string
}

/** Parameters that say what stands before the `?` already; with both, a reader could not tell which one counts. */
const ownParameters = new Set(['host', 'hostaddr', 'port', 'user', 'password', 'dbname', 'database', 'passfile'])

/** What libpq takes for `sslmode`. */
const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

const severalHosts = 'names several hosts; give the one that accepts writes'

/** The parts of the URL, or a sentence that says what is wrong with it. The sentence never holds the password. */
export function parsePostgresUrl(text: string): PostgresUrl | string {
  if (!/^postgres(?:ql)?:\/\//i.test(text)) return 'expected `postgres://user:password@host:port/database`'
  let url: URL
  try {
    url = new URL(text)
  } catch {
    if (/^\w+:\/\/(?:[^/?#]*@)?[^/?#@]*,/.test(text)) return severalHosts
    return 'is not a valid URL; in user and password write `@ : / ? # %` percent-encoded (`@` is `%40`)'
  }
  if (url.hash !== '') return 'contains a `#`; in a password write it as `%23`'
  const user = decode(url.username)
  const password = decode(url.password)
  const path = decode(url.pathname.replace(/^\//, ''))
  const host = decode(url.hostname.replaceAll(/^\[|\]$/g, ''))
  if (user === undefined || password === undefined || path === undefined || host === undefined) {
    return 'has a `%` that begins no percent-encoded character; write it as `%25`'
  }
  if (host === '') return 'names no host'
  if (host.includes(',')) return severalHosts
  if (host.startsWith('/')) return 'names a socket folder; give a host name or address'
  if (user === '') return 'names no user'
  if (url.port === '0') return 'has port 0; expected 1 to 65535'
  const own = [...url.searchParams.keys()].find((key) => ownParameters.has(key.toLowerCase()))
  if (own !== undefined) return `says \`${own}\` after the \`?\`; it belongs before it`
  const tls = wrongTls(url.searchParams)
  if (tls !== undefined) return tls
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: url.password === '' ? undefined : password,
    database: path === '' ? user : path,
    parameters: url.search.replace(/^\?/, ''),
  }
}

function wrongTls(parameters: URLSearchParams): string | undefined {
  const mode = parameters.get('sslmode')
  if (mode === null) return undefined
  if (!sslModes.includes(mode))
    return `has \`sslmode=${mode}\`, which there is not; expected \`${sslModes.join('`, `')}\``
  // Else whoever has a certificate of any authority would pass.
  if (mode !== 'verify-ca' || parameters.has('sslrootcert')) return undefined
  return 'has `sslmode=verify-ca` and does not say against which certificate; add `sslrootcert=/path/of/root.crt`, or use `sslmode=verify-full`'
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
