/** The text of a first config, made of what stands in the project. Pure. */
import type { ComposePostgres } from './compose.ts'
import { namePattern } from '../names.ts'

export interface StarterFacts {
  /** The stack's name: the folder's, made fit. */
  readonly name: string
  /** The folder as the config writes it, `./migrations`; absent where there is none. */
  readonly migrations?: string
  readonly images: readonly StarterImage[]
  readonly compose?: ComposePostgres
  /** What `.env` says, and wins over the config with. */
  readonly variables: { readonly port?: string; readonly containerName?: string }
  /** The project has run without a config: what conventions have named keeps its name, and with it its data. */
  readonly isConventional: boolean
}

/** A folder under `containers/` with a Dockerfile. */
export interface StarterImage {
  readonly folder: string
  /** The first one that it exposes. */
  readonly port?: number
}

/** What a person may say otherwise. */
export interface StarterChoices {
  readonly name: string
  readonly version: number
  readonly port: number | 'auto'
}

const conventionalPort = 5432

export function usualChoices({ name, compose, isConventional, variables }: StarterFacts): StarterChoices {
  const named = Number(variables.port)
  const usual = isConventional ? conventionalPort : 'auto'
  return { name, version: compose?.version ?? 17, port: named >= 1 ? named : (compose?.port ?? usual) }
}

/** The name that the PostgreSQL service gets. */
export function starterService({ compose, isConventional }: StarterFacts): string {
  if (isConventional) return 'postgres'
  return compose !== undefined && namePattern.test(compose.service) ? compose.service : 'db'
}

export function starterText(facts: StarterFacts, choices: StarterChoices): string {
  const service = starterService(facts)
  return [
    "import { defineConfig, postgres } from 'poststack'",
    '',
    '// The stack: `poststack up` makes it so, `poststack plan` shows what it would do.',
    'export default defineConfig({',
    '  // Prefix of the containers, volumes and network.',
    `  name: ${quoted(choices.name)},`,
    '  services: {',
    `    ${keyOf(service)}: postgres({`,
    ...postgresLines(facts, choices).map((line) => `      ${line}`),
    '    }),',
    ...imageLines(facts.images).map((line) => `    ${line}`),
    '  },',
    '})',
    '',
  ].join('\n')
}

function postgresLines(facts: StarterFacts, { version, port }: StarterChoices): readonly string[] {
  const { compose, isConventional, migrations, variables } = facts
  const containerName = variables.containerName ?? (isConventional ? 'poststack-postgres' : undefined)
  return [
    ...(compose === undefined ? [] : [`// As service ${compose.service} of ${compose.file} has it.`]),
    `version: ${String(version)},`,
    ...(compose?.image === undefined ? [] : [`image: ${quoted(compose.image)},`]),
    ...(variables.port === undefined ? [] : ['// POSTSTACK_POSTGRES_HOST_PORT in .env wins over it.']),
    ...(port === 'auto'
      ? ['// A free port, which stays the same; or a number.', "port: 'auto',"]
      : [`port: ${String(port)},`]),
    ...(containerName === undefined ? [] : [`containerName: ${quoted(containerName)},`]),
    ...(compose?.user === undefined ? [] : [`user: ${quoted(compose.user)},`]),
    ...(compose?.database === undefined ? [] : [`database: ${quoted(compose.database)},`]),
    ...(compose?.hasPassword === true
      ? [
          '// Without one it is generated, and kept out of every file that is shared.',
          "// password: process.env['POSTGRES_PASSWORD'],",
        ]
      : []),
    ...(migrations === undefined
      ? ['// Made by: poststack database new "create users"', "// migrations: './migrations',"]
      : [`migrations: ${quoted(migrations)},`]),
  ]
}

function imageLines(images: readonly StarterImage[]): readonly string[] {
  if (images.length === 0) return []
  const services = images.map(({ folder, port }) => {
    const ports = port === undefined ? '' : `, ports: { http: { container: ${String(port)}, host: 'auto' } }`
    return `// ${keyOf(folder)}: container({ build: {}${ports} }),`
  })
  return [
    '// `poststack container build-project` builds these. To run one as well, import `container`, too:',
    ...services,
  ]
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)
}

function quoted(text: string): string {
  return `'${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(String.raw`\"`, '"')
    .replaceAll("'", String.raw`\'`)}'`
}
