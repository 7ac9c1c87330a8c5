import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import type { BuildOptions, ContainerFields } from '../../src/config/options-container.ts'
import type { ExternalPostgresOptions, ManagedPostgresOptions } from '../../src/config/options.ts'
import type { stack } from '../../src/config/schema/schema.ts'
import type { container, externalPostgres, managedPostgres } from '../../src/config/schema/services.ts'
import type { StackConfig } from '../../src/config/define.ts'

const repository = resolve(import.meta.dirname, '../..')

const web = "container({ image: 'web', ports: { http: { container: 80, host: 8080 } } })"

/** What a user may write: the whole of a config after its import. */
const right: Readonly<Record<string, string>> = {
  'the shortest': 'export default defineConfig({ services: {} })',
  'a database':
    "export default defineConfig({ name: 'shop', runtime: 'podman', services: { db: postgres({ version: 17, settings: { a: 1, b: true } }) } })",
  'an external database':
    'export default defineConfig({ services: { db: postgres({ url: process.env.DATABASE_URL ?? "", migrations: "m" }) } })',
  'an optional password':
    "export default defineConfig({ services: { db: postgres({ password: process.env['PW'] }) } })",
  'references in env':
    "const db = postgres(); export default defineConfig({ services: { db, web: container({ image: 'x', env: { A: db.url, B: `${db.host}:${db.port}`, C: 1, D: true } }) } })",
  'the URL of a port': `const web = ${web}; export default defineConfig({ services: { web, app: container({ image: 'x', env: { A: web.url('http'), B: web.port('http') } }) } })`,
  'a build':
    "export default defineConfig({ services: { web: container({ build: { dockerfile: 'D', args: { A: '1' } } }) } })",
  'a probe of a declared port':
    "export default defineConfig({ services: { web: container({ image: 'x', ports: { http: { container: 80, host: 1 }, dns: { container: 53, protocol: 'udp' } }, ready: { http: 'http', path: '/health', status: 204 } }) } })",
  'probes by command and log':
    "export default defineConfig({ services: { a: container({ image: 'x', ready: { exec: ['true'] } }), b: container({ image: 'x', ready: { log: 'ready' } }) } })",
  volumes:
    "export default defineConfig({ services: { a: container({ image: 'x', volumes: [{ volume: 'v', target: '/v' }, { bind: '.', target: '/b', readOnly: true }] }) } })",
  'ports that Poststack chooses':
    "export default defineConfig({ services: { db: postgres({ port: 'auto' }), a: container({ image: 'x', ports: { http: { container: 80, host: 'auto' } } }) } })",
  'limits, health and hosts':
    "export default defineConfig({ services: { a: container({ build: {}, memory: '64MB', capDrop: ['ALL'], healthcheck: { command: ['true'] }, extraHosts: { up: 'host-gateway' }, envFile: './.env' }), b: container({ image: 'x', healthcheck: false, volumes: [{ tmpfs: '8MB', target: '/t' }] }) } })",
  'dependsOn as a list and as conditions':
    "export default defineConfig({ services: { a: container({ image: 'x', dependsOn: ['b'] }), b: postgres({ dependsOn: { c: 'started' } }), c: container({ image: 'x', job: true }) } })",
  'a function':
    'export default defineConfig(({ env, mode, cwd }) => ({ name: env["NAME"] ?? mode + cwd, services: { db: postgres() } }))',
  'an async function':
    'export default defineConfig(async ({ mode }) => ({ name: await Promise.resolve(mode), services: { db: postgres() } }))',
  'a promise': 'export default defineConfig(Promise.resolve({ services: { db: postgres() } }))',
  'reuse, with the names known':
    'const base = defineConfig({ services: { db: postgres() } }); export const url = base.services.db.url; export default defineConfig({ ...base, name: "two" })',
  hooks:
    "export default defineConfig({ hooks: { beforeUp: hook(['make']), afterMigrate: hook('./a.ts', { once: 'per-content' }), beforeDown: hook('./a.ts') }, services: {} })",
  'remembered hooks':
    "const once = hook('./a.ts', { once: 'per-content' }); export default defineConfig({ hooks: { beforeUp: once, afterReady: once, beforeMigrate: once, afterMigrate: once }, services: {} })",
  'variables, files and patterns':
    "export default defineConfig({ services: Object.fromEntries(glob('w/*.txt').map((file) => [file, container({ image: readText(file).trim(), env: { A: env('A'), B: env('B', 'x') } })])) })",
  'a file beside a preset':
    "export default defineConfig({ name: readText(new URL('./name', import.meta.url)), services: {} })",
  'a preset that is a function':
    "const api = (image: string) => container({ image, ports: { http: { container: 80, host: 'auto' } } }); const one = api('x'); export default defineConfig({ services: { one, two: container({ image: 'y', env: { A: one.url('http') } }) } })",
  'a preset of options':
    "const usual = { memory: '64MB', restart: 'always' } as const; export default defineConfig({ services: { db: postgres(usual), a: container({ ...usual, image: 'x' }) } })",
  'a layer below':
    "const base = defineConfig({ services: { db: postgres() } }); export default defineConfig({ extends: base, services: { db: postgres({ port: 'auto' }) } })",
  'layers of every kind':
    'const a = defineConfig(({ mode }) => ({ name: mode, services: {} })); const b = defineConfig(Promise.resolve({ services: {} })); export default defineConfig(() => ({ extends: [a, b, { services: {} }], services: { db: postgres() } }))',
  'nothing but layers':
    'const base = defineConfig({ services: { db: postgres() } }); export const one = defineConfig({ extends: base }); export const two = defineConfig(({ mode }) => ({ name: mode, extends: [base, one] })); export const three = defineConfig(async () => ({ extends: await Promise.resolve(base) })); export const four = defineConfig(Promise.resolve({ extends: two })); export default defineConfig({ extends: [three, four], name: base.services.db.kind })',
  'layers without defineConfig': 'export default { extends: { services: { db: postgres() } } } satisfies LayeredConfig',
  'a script of a config that is nothing but layers':
    "import { stack } from 'poststack/run'; const config = defineConfig({ extends: { services: { db: postgres() } } }); export const name: string | undefined = stack.services['db']?.kind; export default config",
  seeds: "postgres({ migrations: './migrations', seed: './seeds' })",
  'a script that has registered its config':
    "import { stack } from 'poststack/run'; const config = defineConfig(() => ({ services: { db: postgres(), web: container({ image: 'x' }) } })); declare module 'poststack/run' { interface Register { config: typeof config } } export const all: readonly [string, string | undefined] = [stack.services.db.url, stack.services.web.urls['http']]",
  'without defineConfig': 'export default { services: { db: postgres() } } satisfies StackConfig',
}

/** What must be red in an editor, and words that the message must hold. */
const wrong: Readonly<Record<string, readonly [source: string, words: string]>> = {
  'an unknown key of the stack': ["export default defineConfig({ runtim: 'podman', services: {} })", "'runtim'"],
  'no services': ["export default defineConfig({ name: 'x' })", "'services'"],
  'an unknown runtime': ["export default defineConfig({ runtime: 'dokcer', services: {} })", '"dokcer"'],
  'a service that is none': ['export default defineConfig({ services: { db: { version: 17 } } })', 'version'],
  'a mistyped key of postgres': ['postgres({ prot: 5433 })', "'prot'"],
  'a remembered hook of down': [
    "export default defineConfig({ hooks: { beforeDown: { script: './a.ts', once: 'per-content' } }, services: {} })",
    "'undefined'",
  ],
  'a remembered hook of down, made by hook()': [
    "export default defineConfig({ hooks: { beforeDown: hook('./a.ts', { once: 'per-content' }) }, services: {} })",
    "'once'",
  ],
  'a remembered command': ["hook(['make'], { once: 'per-content' })", 'string'],
  'seeds of an external database': ["postgres({ url: 'postgres://a@b/c', seed: './seeds' })", "'seed'"],
  'a service that the registered config does not have': [
    "import { stack } from 'poststack/run'; export const url = stack.services.wbe",
    "'wbe'",
  ],
  'a port as text': ["postgres({ port: '5433' })", '"5433"'],
  'a mistyped auto port': ["container({ image: 'x', ports: { http: { container: 80, host: 'atuo' } } })", '"atuo"'],
  'a port beside url': ["postgres({ url: 'postgres://u@h', port: 5433 })", "'port'"],
  'an unknown condition': ["postgres({ dependsOn: { a: 'redy' } })", '"redy"'],
  'a restart policy': ["postgres({ restart: 'allways' })", '"allways"'],
  'a setting that is no scalar': ["postgres({ settings: { a: ['x'] } })", "'string[]'"],
  'neither image nor build': ['container({})', 'build'],
  'both image and build': ["container({ image: 'x', build: { dockerfile: 'D' } })", 'build'],
  'a mistyped key of container': ["container({ image: 'x', environment: {} })", "'environment'"],
  'a mistyped key of build': ["container({ build: { dockerFile: 'D' } })", "'dockerFile'"],
  'an undefined variable': ["container({ image: 'x', env: { A: process.env.NOPE } })", 'undefined'],
  'a date in env': ["container({ image: 'x', env: { A: new Date() } })", "'Date'"],
  'a list in env': ["container({ image: 'x', env: { A: [1] } })", "'number[]'"],
  'a service in env': ["container({ image: 'x', env: { A: postgres() } })", "'PostgresService'"],
  'a reference that was not asked for its port': [`container({ image: 'x', env: { A: ${web}.url } })`, 'EnvValue'],
  'a port without a number': ["container({ image: 'x', ports: { http: { host: 80 } } })", "'container'"],
  'a probe of an undeclared port': [
    "container({ image: 'x', ports: { http: { container: 80, host: 1 } }, ready: { http: 'htp' } })",
    '"htp"',
  ],
  'a tcp probe without ports': ["container({ image: 'x', ready: { tcp: 'http' } })", "'never'"],
  'the URL of an undeclared port': [`const web = ${web}; web.url('htp')`, '"htp"'],
  'an unknown property of a database': ['postgres().uri', "'uri'"],
  'a reference as an image': [
    'container({ image: postgres().host })',
    "'Reference' is not assignable to type 'string'",
  ],
  'a volume with both sources': [
    "container({ image: 'x', volumes: [{ volume: 'a', bind: 'b', path: '/x' }] })",
    "'path'",
  ],
  'a command as text': ["container({ image: 'x', command: 'npm start' })", "'string' is not assignable"],
  'an unknown service in a reused config': [
    'const base = defineConfig({ services: { db: postgres() } }); base.services.dbb',
    "'dbb'",
  ],
  'a version as text': ["postgres({ version: '17' })", "'string' is not assignable to type 'number'"],
  'a folder as a list': ["postgres({ migrations: ['m'] })", "'string[]'"],
  'a database by reference': ['postgres({ url: postgres().url })', "'Reference' is not assignable"],
  'a name that is a number': ['defineConfig({ name: 5, services: {} })', "'number' is not assignable"],
  'a volume without a target': ["container({ image: 'x', volumes: [{ volume: 'v' }] })", "'target'"],
  'a probe by a command as text': ["container({ image: 'x', ready: { exec: 'true' } })", "'string'"],
  'a job that is not said by true or false': ["container({ image: 'x', job: 'yes' })", "'string' is not assignable"],
  'an unknown protocol': ["container({ image: 'x', ports: { http: { container: 80, protocol: 'http' } } })", '"http"'],
  'a label that is a number': ["container({ image: 'x', labels: { a: 1 } })", "'number' is not assignable"],
  'a size as a number': ["container({ image: 'x', memory: 64 })", "'number' is not assignable"],
  'a health check without a command': ["container({ image: 'x', healthcheck: {} })", 'command'],
  'a service to wait for, by itself': ['postgres({ dependsOn: [postgres()] })', "'PostgresService'"],
  'a variable by number': ['env(5)', "'number' is not assignable"],
  'a fallback that is a number': ["env('PORT', 5432)", "'number' is not assignable"],
  'a list of patterns': ["glob(['a'])", "'string[]'"],
  'a layer that is a path': ["export default defineConfig({ extends: './base', services: {} })", "'string'"],
  'a layer that is a service': [
    'export default defineConfig({ extends: [postgres()], services: {} })',
    "'PostgresService'",
  ],
  'layers with a mistyped key beside them': [
    'export default defineConfig({ extends: { services: {} }, sevices: {} })',
    "'sevices'",
  ],
  'no layer in extends, and no services': ['export default defineConfig({ extends: undefined })', "'services'"],
  'a function that returns neither services nor layers': [
    "export default defineConfig(() => ({ name: 'x' }))",
    'StackConfig',
  ],
  'a layer with a mistake': ['export default defineConfig({ extends: [{ servces: {} }], services: {} })', "'servces'"],
  'a function that returns no stack': ['export default defineConfig(() => 5)', 'number'],
}

const head =
  "import { container, defineConfig, env, glob, hook, postgres, readText, type LayeredConfig, type StackConfig } from 'poststack'\nvoid [container, defineConfig, env, glob, hook, postgres, readText]; export type Used = StackConfig | LayeredConfig\n"

describe('what an editor says about a config', () => {
  /** Messages by file name. */
  const messages = new Map<string, string>()

  beforeAll(async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'poststack-types-')))
    try {
      const sources = [
        ...Object.entries(right).map(([name, source]) => [fileOf('right', name), source] as const),
        ...Object.entries(wrong).map(([name, [source]]) => [fileOf('wrong', name), source] as const),
      ]
      await Promise.all(sources.map(([name, source]) => writeFile(join(folder, name), `${head}${source}\n`)))
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        module: 'nodenext',
        target: 'es2023',
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        types: ['node'],
        typeRoots: [join(repository, 'node_modules/@types')],
        paths: { poststack: [join(repository, 'src/index.ts')], 'poststack/run': [join(repository, 'src/run.ts')] },
      }
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
      collect(await tsc(folder), messages)
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)

  it.each(Object.keys(right))('right: %s', (name) => {
    expect(messages.get(fileOf('right', name))).toBeUndefined()
  })

  it.each(Object.entries(wrong))('wrong: %s', (name, [, words]) => {
    expect(messages.get(fileOf('wrong', name)) ?? 'no error').toContain(words)
  })
})

function fileOf(kind: string, name: string): string {
  return `${kind}-${name.replaceAll(/\W+/g, '-')}.ts`
}

async function tsc(folder: string): Promise<string> {
  const program = join(repository, 'node_modules/typescript/bin/tsc')
  return await new Promise((done) => {
    execFile(process.execPath, [program, '--pretty', 'false', '-p', folder], { cwd: folder }, (_, stdout) =>
      done(stdout),
    )
  })
}

/** Lines that begin with a space belong to the message before. */
function collect(output: string, messages: Map<string, string>): void {
  let current = ''
  for (const line of output.split('\n')) {
    const name = /^(?:.*\/)?([\w-]+\.ts)\(/.exec(line)?.[1]
    if (name !== undefined) current = name
    if (current !== '' && line !== '') messages.set(current, `${messages.get(current) ?? ''}${line}\n`)
  }
}

/** Without `readonly`, at any depth: both sides are only read. */
type Bare<T> = T extends readonly (infer Item)[]
  ? Bare<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Bare<T[Key]> }
    : T

describe('the schema accepts what the types accept', () => {
  it('for every option', () => {
    type Container = z.input<typeof container>
    expectTypeOf<Bare<Omit<z.input<typeof managedPostgres>, 'kind'>>>().toEqualTypeOf<
      Bare<Omit<ManagedPostgresOptions, 'url'>>
    >()
    expectTypeOf<Bare<Omit<z.input<typeof externalPostgres>, 'kind'>>>().toEqualTypeOf<Bare<ExternalPostgresOptions>>()
    expectTypeOf<Bare<Omit<Container, 'kind' | 'image' | 'pull' | 'build' | 'env'>>>().toEqualTypeOf<
      Bare<Omit<ContainerFields, 'env'>>
    >()
    expectTypeOf<Bare<NonNullable<Container['build']>>>().toEqualTypeOf<Bare<BuildOptions>>()
    expectTypeOf<Bare<Omit<z.input<typeof stack>, 'services'>>>().toEqualTypeOf<
      Bare<Omit<StackConfig, 'services' | 'extends'>>
    >()
    expectTypeOf<string | number | boolean>().toExtend<NonNullable<Container['env']>[string]>()
  })
})
