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
  readonly existing?: ExistingDatabase
  /** What was found and the config lacks. */
  readonly left: readonly string[]
  /** What `.env` says, and wins over the config with. */
  readonly variables: { readonly port?: string; readonly containerName?: string }
  /** The project has run without a config: what conventions have named keeps its name, and with it its data. */
  readonly isConventional: boolean
  /** Absolute path of the config that has counted in this folder until now. */
  readonly above?: string
}

/** One that runs already, as a variable of `.env` names it. */
export interface ExistingDatabase {
  /** The variable's name. */
  readonly variable: string
  readonly database: string
  readonly host: string
  readonly port: number
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
  /** The database that `.env` names is meant, in place of a server of the stack's own. */
  readonly usesExisting: boolean
}

const conventionalPort = 5432

export function usualChoices({ name, compose, isConventional, variables }: StarterFacts): StarterChoices {
  const named = Number(variables.port)
  const usual = isConventional ? conventionalPort : 'auto'
  const port = named >= 1 ? named : (compose?.port ?? usual)
  // Nobody's data are migrated because a file happens to name them.
  return { name, version: compose?.version ?? 17, port, usesExisting: false }
}

/** As people should see it. */
export function existingText({ database, host, port }: ExistingDatabase): string {
  return `database ${database} at ${host}:${String(port)}`
}

/** The name that the PostgreSQL service gets. */
export function starterService({ compose, isConventional }: StarterFacts): string {
  if (isConventional) return 'postgres'
  return compose !== undefined && namePattern.test(compose.service) ? compose.service : 'db'
}

export function starterText(facts: StarterFacts, choices: StarterChoices): string {
  const { existing } = facts
  const service = starterService(facts)
  const isExternal = choices.usesExisting && existing !== undefined
  const inside = isExternal ? [...externalLines(existing), ...migrationsLines(facts)] : postgresLines(facts, choices)
  const imports = isExternal ? ['defineConfig', 'env', 'postgres', 'readText'] : ['defineConfig', 'postgres']
  return [
    ...(isExternal ? ["import { parseEnv } from 'node:util'"] : []),
    `import { ${imports.join(', ')} } from 'poststack'`,
    '',
    '// The stack: `poststack up` makes it so, `poststack plan` shows what it would do.',
    'export default defineConfig({',
    '  // Prefix of the containers, volumes and network.',
    `  name: ${quoted(choices.name)},`,
    '  services: {',
    ...(existing === undefined || isExternal ? [] : otherwiseLines(existing, service).map((line) => `    ${line}`)),
    `    ${keyOf(service)}: postgres({`,
    ...inside.map((line) => `      ${line}`),
    '    }),',
    ...imageLines(facts.images).map((line) => `    ${line}`),
    '  },',
    '})',
    '',
  ].join('\n')
}

/** The variable as the process has it, or `.env`, which nothing of reaches a config by itself. */
function urlLine({ variable }: ExistingDatabase): string {
  return `url: env(${quoted(variable)}, parseEnv(readText('.env'))[${quoted(variable)}]),`
}

function externalLines(existing: ExistingDatabase): readonly string[] {
  return [
    `// ${withoutSteering(existingText(existing))}: it is migrated, and never created, stopped or deleted.`,
    urlLine(existing),
  ]
}

function otherwiseLines(existing: ExistingDatabase, service: string): readonly string[] {
  return [
    `// ${existing.variable} in .env names ${withoutSteering(existingText(existing))}. For that one instead of a server of the stack's own:`,
    "// import `env` and `readText`, too, and `parseEnv` from 'node:util', and write",
    `// ${keyOf(service)}: postgres({ ${urlLine(existing).slice(0, -1)}, migrations: './migrations' }),`,
  ]
}

/** What a name of somebody else's may hold ends no comment. */
function withoutSteering(text: string): string {
  return text.replaceAll(/[\p{C}\u2028\u2029]/gu, '?')
}

function postgresLines(facts: StarterFacts, { version, port }: StarterChoices): readonly string[] {
  const { compose, isConventional, variables } = facts
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
    ...migrationsLines(facts),
  ]
}

function migrationsLines({ migrations }: StarterFacts): readonly string[] {
  return migrations === undefined
    ? ['// Made by: poststack database new "create users"', "// migrations: './migrations',"]
    : [`migrations: ${quoted(migrations)},`]
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
