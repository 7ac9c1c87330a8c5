/** The canonical spec of a container: what is wanted of it, and what stands in its label. No secret value stands in it. */
import type { SecretPart } from '../config/types.ts'

/** Text of an environment variable or file once references are resolved; secret parts stay names. */
export type SpecText = string | { readonly parts: readonly (string | SecretPart)[] }

export interface SpecPort {
  readonly container: number
  /** Absent: open to the stack's network only. */
  readonly host?: number
  readonly hostAddress?: string
  readonly protocol: 'tcp' | 'udp'
}

export type SpecMount =
  | {
      readonly kind: 'volume'
      /** Key of a `DesiredVolume`. */ readonly volume: string
      readonly target: string
      readonly readOnly?: boolean
    }
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly readOnly?: boolean
      /** What a file that is mounted read-only holds, by the name of its digest; nothing for folders. */
      readonly content?: SecretPart
    }
  | { readonly kind: 'tmpfs'; readonly bytes: number; readonly target: string }

export interface SpecHealthcheck {
  readonly command: readonly string[]
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
  readonly retries: number
  readonly startSeconds: number
}

/**
 * Everything about a container whose change asks for a new container. It stands, with secrets as digests, in the container's
 * label, so a later run can say which field changed. A field that has its default is left out: that way a later version of
 * Poststack can add fields without making every recorded spec look changed.
 */
export interface ContainerSpec {
  /** Fully qualified (`docker.io/library/nginx:1`), or a local tag for images that are built (`shop/web`). */
  readonly image: string
  readonly platform?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, SpecText>>
  /** Files with a secret, put in place before each start: path inside the container to content. */
  readonly files?: Readonly<Record<string, SpecText>>
  readonly ports?: readonly SpecPort[]
  readonly mounts?: readonly SpecMount[]
  readonly workdir?: string
  readonly user?: string
  readonly restart?: 'no' | 'always' | 'unless-stopped' | 'on-failure'
  readonly stopSignal?: string
  readonly stopGraceSeconds?: number
  readonly shmBytes?: number
  readonly memoryBytes?: number
  readonly cpus?: number
  /** Beside Poststack's own. */
  readonly labels?: Readonly<Record<string, string>>
  /** Host names on the stack's network beside the service's own. */
  readonly aliases?: readonly string[]
  readonly init?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly extraHosts?: Readonly<Record<string, string>>
  /** `false`: the image's is switched off. */
  readonly healthcheck?: SpecHealthcheck | false
  /** A PostgreSQL server, in the terms that the native runtime needs; containers get the same through `env` and `command`. */
  readonly postgres?: PostgresSpec
}

export interface PostgresSpec {
  readonly version: number
  readonly user: string
  readonly database: string
  readonly password: SecretPart
  readonly settings?: Readonly<Record<string, string>>
}

/** A spec as it stands in a label: each secret is `{ secret: <its name>, digest: <keyed digest> }`. */
export type RecordedSpec = Readonly<Record<string, unknown>>
