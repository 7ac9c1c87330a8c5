/**
 * The URL of a database for the argument list of a program, which other users of the machine can read: no password stands in it.
 */
import { hostInUrl } from './references.ts'

export interface Login {
  /** Or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Query part of a URL. */
  readonly parameters?: string | undefined
}

export function loginUrl({ database, host, parameters = '', port, user }: Login): string {
  const query = parameters.split('&').filter((one) => one !== '' && !/^(?:ssl)?password=/i.test(one))
  const place = host.startsWith('/') ? encodeURIComponent(host) : hostInUrl(host)
  const end = query.length === 0 ? '' : `?${query.join('&')}`
  return `postgresql://${encodeURIComponent(user)}@${place}:${String(port)}/${encodeURIComponent(database)}${end}`
}
