/** Where variables come from, and which one counts: as `openStack` reads them, with nothing touched but files. */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Config, PostgresServiceConfig } from '../../src/config/types.ts'
import { isPoststackError, type PoststackError } from '../../src/errors.ts'
import { readNamedFile } from '../../src/config/read-file.ts'
import { openStack } from '../../src/stack.ts'
import { isConfigInput, readInputs } from '../../src/watch/inputs.ts'
import { configProject } from '../support/config-project.ts'

const config = (options: string): string =>
  `import { defineConfig, postgres } from 'poststack'\nexport default defineConfig({ services: { db: postgres(${options}) } })\n`

interface Opened {
  readonly config: Config
  readonly db: Partial<PostgresServiceConfig>
  readonly notices: readonly string[]
  readonly dependencies: readonly string[]
}

async function open(cwd: string, env: Readonly<Record<string, string>> = {}, configFile?: string): Promise<Opened> {
  const notices: string[] = []
  const emit = (event: { readonly type: string; readonly message?: string }): void => {
    if (event.type === 'notice' || event.type === 'warning') notices.push(event.message ?? '')
  }
  const stack = await openStack({ cwd, configFile, env: { PATH: process.env['PATH'], ...env }, emit })
  const [db = {}] = stack.config.services
  await stack.close()
  return { config: stack.config, db, notices, dependencies: stack.inputs.files }
}

async function failure(...words: Parameters<typeof open>): Promise<PoststackError> {
  const result: unknown = await open(...words).catch((error: unknown) => error)
  if (isPoststackError(result)) return result
  throw new Error(`expected an error, found ${String(result)}`)
}

describe('without a config file', () => {
  test('the process wins over .env, and .env over the default', async () => {
    const root = await configProject({
      '.env': 'POSTSTACK_POSTGRES_CONTAINER_NAME=project-a-postgres\nPOSTSTACK_POSTGRES_HOST_PORT=5433\nDB_PORT=1\n',
      'database/001_items.sql': 'SELECT 1;\n',
      'images/web/Dockerfile': 'FROM scratch\n',
    })
    const said = await open(root)
    expect(said.db).toMatchObject({ containerName: 'project-a-postgres', port: 5433, migrations: undefined })
    expect(said.notices).toEqual([expect.stringContaining('on port 5433, from POSTSTACK_POSTGRES_HOST_PORT (.env:2)')])
    expect(said.dependencies).toEqual([join(root, '.env')])
    const env = {
      POSTSTACK_POSTGRES_HOST_PORT: '5434',
      POSTSTACK_MIGRATIONS_PATH: './database',
      POSTSTACK_PROJECT_CONTAINERS_PATH: './images',
      POSTSTACK_CONTAINER_RUNTIME: 'native',
    }
    const more = await open(root, env)
    expect(more.db).toMatchObject({
      containerName: 'project-a-postgres',
      port: 5434,
      migrations: join(root, 'database'),
    })
    expect(more.config).toMatchObject({ runtime: 'native', containers: join(root, 'images') })
    expect(more.config.images.map(({ name }) => name)).toEqual(['web'])
  })

  test('a wrong value stops everything, with its line', async () => {
    const root = await configProject({ '.env': '# ours\nPOSTSTACK_POSTGRES_HOST_PORT=54330000\n' })
    const error = await failure(root)
    expect(error).toMatchObject({ code: 'ENV_INVALID' })
    expect(error.message).toBe(
      'POSTSTACK_POSTGRES_HOST_PORT (.env:2) is "54330000", not a whole number from 1 to 65535, or auto',
    )
    expect(error.details).toMatchObject({
      issues: [{ variable: 'POSTSTACK_POSTGRES_HOST_PORT', file: '.env', line: 2 }],
    })
  })

  test("a line that may be meant for Poststack is an error, another one is somebody else's", async () => {
    const root = await configProject({ '.env': 'what is this\nPOSTSTACK_POSTGRES_HOST_PORT=5433\n' })
    const { db, notices } = await open(root)
    expect(db).toMatchObject({ port: 5433 })
    expect(notices).toContain('.env:1 is not `NAME=value`; the line is passed over')
    const wrong = await configProject({ '.env': 'A=1\nPOSTSTACK_POSTGRES_HOST_PORT: 5433\n' })
    expect(await failure(wrong)).toMatchObject({ code: 'ENV_INVALID', message: '.env:2 is not `NAME=value`' })
  })
})

describe('with a config file', () => {
  test('variables win over it, and what they decide is told with them', async () => {
    const root = await configProject({
      'poststack.config.ts': config("{ port: 5432, containerName: 'one' }"),
      'deeper/.env': 'POSTSTACK_POSTGRES_HOST_PORT=1\n',
      '.env': 'POSTSTACK_DB_HOST_PORT=5433\n',
    })
    const { db, notices, dependencies } = await open(join(root, 'deeper'))
    expect(db).toMatchObject({ port: 5433, containerName: 'one' })
    expect(notices).toEqual([])
    expect(dependencies).toEqual([join(root, '.env'), join(root, 'poststack.config.ts')])
  })

  test('.env counts where it would be read, also before it is there', async () => {
    const root = await configProject({ 'poststack.config.ts': config('{}'), 'deeper/notes.md': '' })
    const [above, here] = [join(root, '.env'), join(root, 'deeper/.env')]
    const inputsOf = async () => (await openStack({ cwd: join(root, 'deeper'), env: {} })).inputs
    expect((await inputsOf()).candidates).toEqual(expect.arrayContaining([above, here]))
    await writeFile(here, 'A=1\n')
    const { candidates, files } = await inputsOf()
    expect(files).toContain(here)
    expect(candidates).toContain(above)
    expect(candidates).not.toContain(here)
  })

  test('the config sees .env as a file only, and services do not see it at all', async () => {
    const root = await configProject({
      'poststack.config.ts': config("{ user: process.env['SHOP_USER'] ?? 'nobody' }"),
      '.env': 'SHOP_USER=shop\n',
    })
    expect((await open(root)).db).toMatchObject({ user: 'nobody' })
  })

  test('.env is watched, also where there is none yet', async () => {
    for (const files of [{}, { '.env': 'POSTSTACK_POSTGRES_HOST_PORT=5433\n' }]) {
      const root = await configProject({ 'poststack.config.ts': config('{}'), ...files })
      const stack = await openStack({ cwd: root, env: {} })
      expect(isConfigInput(await readInputs(stack), join(root, '.env'))).toBe(true)
      await stack.close()
    }
  })

  test('a mistake that only the whole config shows names the variable', async () => {
    const root = await configProject({
      'poststack.config.ts': `import { container, defineConfig, postgres } from 'poststack'
        const web = container({ image: 'web', ports: { http: { container: 80, host: 8080 } } })
        export default defineConfig({ services: { zdb: postgres({ port: 5432 }), web } })\n`,
      '.env': 'POSTSTACK_POSTGRES_HOST_PORT=8080\n',
    })
    const error = await failure(root)
    expect(error.message).toContain(
      'taken by `services.web.ports.http.host`, found 8080, from POSTSTACK_POSTGRES_HOST_PORT (.env:1)',
    )
  })

  test('POSTSTACK_CONFIG names it: the flag wins, then the process, then .env', async () => {
    const root = await configProject({
      'one/a.config.ts': config('{ port: 1 }'),
      'two/b.config.ts': config('{ port: 2 }'),
      'c.config.ts': config('{ port: 3 }'),
      '.env': 'POSTSTACK_CONFIG=./one/a.config.ts\nPOSTSTACK_POSTGRES_CONTAINER_NAME=named\n',
      'two/.env': 'POSTSTACK_POSTGRES_CONTAINER_NAME=two\n',
    })
    expect((await open(root)).db).toMatchObject({ port: 1, containerName: 'named' })
    const env = { POSTSTACK_CONFIG: 'two/b.config.ts' }
    expect((await open(root, env)).db).toMatchObject({ port: 2, containerName: 'two' })
    expect((await open(root, env, 'c.config.ts')).db).toMatchObject({ port: 3, containerName: 'named' })
    const error = await failure(root, { POSTSTACK_CONFIG: 'three/x.ts' })
    expect(error).toMatchObject({ code: 'CONFIG_NOT_FOUND', message: 'there is no config file three/x.ts' })
    expect(error.hint).toContain('POSTSTACK_CONFIG (environment)')
  })
})

async function pipe(files: Readonly<Record<string, string>> = {}): Promise<{ readonly root: string; file: string }> {
  const root = await configProject(files)
  const file = join(root, '.env')
  execFileSync('sh', ['-c', 'mkfifo "$1"', '_', file])
  return { root, file }
}

describe('a named pipe', () => {
  test('is read whole once somebody writes, also by two at once', async () => {
    const { file } = await pipe()
    const long = `A=1\n#${'x'.repeat(200_000)}\n`
    const reads = [readNamedFile(file), readNamedFile(file)]
    await writeFile(file, long)
    for (const read of reads) expect((await read).toString()).toBe(long)
  })

  test('that nobody writes into is an error that says so, and ends at once when told to stop', async () => {
    const { root } = await pipe({ 'poststack.config.ts': config('{}') })
    const stopped = openStack({ cwd: root, env: {}, signal: AbortSignal.timeout(50) })
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const failed = failure(root)
    const hurry = setInterval(() => vi.advanceTimersByTime(1000), 1)
    onTestFinished(() => clearInterval(hurry))
    expect(await failed).toMatchObject({
      code: 'ENV_INVALID',
      message: '.env is a named pipe, and nothing has come out of it within 5 seconds',
      hint: expect.stringContaining('put a file in its place') as string,
    })
  })
})

test('a folder called .env is told as what it is', async () => {
  const root = await configProject({ 'poststack.config.ts': config('{}') })
  await mkdir(join(root, '.env'))
  expect(await failure(root)).toMatchObject({ code: 'ENV_INVALID', message: '.env is a folder, not a file' })
})
