/** A service as a script gets it handed over: what leads to it from this machine. Published by `poststack/run`, so it imports nothing. */

export type HandedService = HandedDatabase | HandedContainer

/** A PostgreSQL service as this machine reaches it. */
export interface HandedDatabase {
  readonly kind: 'postgres'
  /** `postgresql://user:password@host:port/database` */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password?: string | undefined
  readonly database: string
  /** Query part of the URL, such as `sslmode=require`. */
  readonly parameters?: string | undefined
}

/** A container as this machine reaches it. */
export interface HandedContainer {
  readonly kind: 'container'
  /** Of its main port: the one that is asked for readiness, else `http`, else the first that is published. */
  readonly url?: string | undefined
  /** Of each published port, by its name. */
  readonly urls: Readonly<Record<string, string>>
}

/** Where it is reached, as `host:port`. */
export function addressesOf(service: HandedService): readonly string[] {
  if (service.kind === 'postgres') return [`${service.host}:${String(service.port)}`]
  return Object.values(service.urls).map((url) => url.replace(/^\w+:\/\//, ''))
}
