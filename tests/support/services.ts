/**
 * Services as the TypeScript of a config: what the end-to-end tests declare.
 */
import type { Project } from './project.ts'

export interface DatabaseOptions {
  readonly port?: number
  readonly fields?: string
}

/** A PostgreSQL service on the project's port; `fields` are further ones as they would be typed. */
export function database(
  project: Pick<Project, 'port'>,
  { port = project.port, fields = "migrations: './migrations'" }: DatabaseOptions = {},
): string {
  return `postgres({ port: ${String(port)}, ${fields} })`
}

export interface EchoOptions {
  /** What it answers to everybody who connects. */
  readonly word: string
  /** It ends as soon as it starts. */
  readonly crashes?: boolean
  readonly fields?: string
}

export const debianImage = 'docker.io/library/debian:trixie-slim'

const program = [
  '$SIG{TERM} = sub { exit 0 };',
  'die "told to crash\\n" if $ENV{CRASH};',
  'my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die;',
  'while (my $c = $s->accept) { my $line = <$c>; print $c "HTTP/1.0 200 OK\\r\\n\\r\\n$ENV{WORD}"; close $c }',
].join(' ')

/** A container that answers one word over HTTP, out of its environment. */
export function echo(port: number, { word, crashes = false, fields = '' }: EchoOptions): string {
  const env = `{ WORD: '${word}'${crashes ? ", CRASH: 'yes'" : ''} }`
  const command = JSON.stringify(['perl', '-MIO::Socket::INET', '-e', program])
  return (
    `container({ image: '${debianImage}', command: ${command}, env: ${env}, ` +
    `ports: { http: { container: 8000, host: ${String(port)} } }, ready: { http: 'http' }, readyTimeoutSeconds: 20, ${fields} })`
  )
}

/** What a port of this machine answers over HTTP. */
export async function fetchText(port: number, path = '/'): Promise<string> {
  return (await fetch(`http://127.0.0.1:${String(port)}${path}`, { signal: AbortSignal.timeout(5000) })).text()
}

/** A first migration with a row in it. */
export const itemsMigration = {
  'migrations/001_items.sql':
    "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);\nINSERT INTO items (body) VALUES ('first');\n",
} as const
