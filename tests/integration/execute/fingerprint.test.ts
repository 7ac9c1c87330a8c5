import { createHash } from 'node:crypto'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BuildConfig } from '../../../src/config/types.ts'
import { readBuild } from '../../../src/execute/fingerprint/fingerprint.ts'

const signal = new AbortController().signal
let context: string

beforeEach(async () => {
  context = await mkdtemp(join(tmpdir(), 'poststack-build-'))
})

afterEach(async () => {
  await rm(context, { recursive: true, force: true })
})

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(context, name)), { recursive: true })
    await writeFile(join(context, name), content)
  }
}

function build(changes: Partial<BuildConfig> = {}): BuildConfig {
  return { context, dockerfile: join(context, 'Dockerfile'), args: {}, target: undefined, ...changes }
}

async function hash(changes: Partial<BuildConfig> = {}, cacheDir?: string): Promise<string> {
  return (await readBuild(build(changes), { signal, cacheDir })).fingerprint
}

/** Whether an act changes the fingerprint. */
async function isChangedBy(act: () => Promise<unknown>): Promise<boolean> {
  const before = await hash()
  await act()
  return (await hash()) !== before
}

const copySrc = { Dockerfile: 'FROM debian\nCOPY src /app/\n', 'src/a.ts': 'a', 'src/deep/b.ts': 'b', 'notes.md': 'n' }

describe('what must change the fingerprint', () => {
  beforeEach(() => write(copySrc))

  test.each<[string, () => Promise<unknown>]>([
    ['content', () => write({ 'src/deep/b.ts': 'B' })],
    ['a new file', () => write({ 'src/deep/c.ts': '' })],
    ['a new empty folder', () => mkdir(join(context, 'src/empty'))],
    ['a file that is gone', () => rm(join(context, 'src/a.ts'))],
    ['the executable bit', () => chmod(join(context, 'src/a.ts'), 0o755)],
    [
      'a link in place of a file',
      () => rm(join(context, 'src/a.ts')).then(() => symlink('deep/b.ts', join(context, 'src/a.ts'))),
    ],
    ['the Dockerfile', () => write({ Dockerfile: 'FROM debian\nCOPY src /app2/\n' })],
    ['what is ignored', () => write({ '.dockerignore': 'src/deep\n' })],
  ])('%s', async (_what, act) => {
    expect(await isChangedBy(act)).toBe(true)
  })

  test('arguments and target, but not the order of arguments', async () => {
    const all = [hash(), hash({ args: { A: '1', B: '2' } }), hash({ args: { A: '2', B: '1' } }), hash({ target: 'x' })]
    expect(new Set(await Promise.all([...all, hash({ platform: 'linux/arm64' })])).size).toBe(5)
    expect(await hash({ args: { B: '2', A: '1' } })).toBe(await hash({ args: { A: '1', B: '2' } }))
  })

  test('the target of a link', async () => {
    await symlink('a.ts', join(context, 'src/link'))
    const act = () => rm(join(context, 'src/link')).then(() => symlink('deep/b.ts', join(context, 'src/link')))
    expect(await isChangedBy(act)).toBe(true)
  })

  test('content behind a link that is named itself', async () => {
    await write({ Dockerfile: 'FROM debian\nCOPY current /app/\n' })
    await symlink('src', join(context, 'current'))
    expect(await isChangedBy(() => write({ 'src/a.ts': 'A' }))).toBe(true)
  })
})

describe('what must not change it', () => {
  beforeEach(() => write(copySrc))

  test.each<[string, () => Promise<unknown>]>([
    ['files that nothing copies', () => write({ 'notes.md': 'changed' })],
    ['times', () => utimes(join(context, 'src/a.ts'), 1, 1)],
    ['who may write', () => chmod(join(context, 'src/a.ts'), 0o600)],
    ['git', () => write({ 'src/.git/HEAD': 'x', '.git/HEAD': 'x' })],
    ['the state of Poststack', () => write({ '.poststack/locks/x': 'x', 'src/.poststack/x': 'x' })],
  ])('%s', async (_what, act) => {
    expect(await isChangedBy(act)).toBe(false)
  })

  test('another place of the same files, made in another order', async () => {
    const before = await hash()
    const other = await mkdtemp(join(tmpdir(), 'poststack-build-'))
    try {
      for (const name of Object.keys(copySrc).toReversed()) {
        await mkdir(dirname(join(other, name)), { recursive: true })
        await copyFile(join(context, name), join(other, name))
      }
      expect(await hash({ context: other, dockerfile: join(other, 'Dockerfile') })).toBe(before)
    } finally {
      await rm(other, { recursive: true })
    }
  })
})

describe('wildcards and ignore files', () => {
  test('the logs of builds must not count, also where everything is copied', async () => {
    await write({ Dockerfile: 'FROM debian\nCOPY . /app\n', keep: '' })
    expect(await isChangedBy(() => write({ 'logs/containers/web.log': '' }))).toBe(false)
    await write({ 'logs/other.log': '' })
    expect(await isChangedBy(() => write({ 'logs/containers/web.log': 'x' }))).toBe(false)
    const ours = { 'logs/poststack.log': 'x', 'backups/db-shop-1.dump': 'x', 'backups/db-shop-1.dump.json': 'x' }
    expect(await isChangedBy(() => write(ours))).toBe(false)
    expect(await isChangedBy(() => write({ 'backups/mine.txt': 'x' }))).toBe(true)
    expect(await isChangedBy(() => write({ 'logs/other.log': 'x' }))).toBe(true)
  })

  test('a folder for logs that is elsewhere in the context must not count either, but what else is in it', async () => {
    await write({ Dockerfile: 'FROM debian\nCOPY . /app\n', keep: '' })
    const logs = 'var/log'
    const before = await hash({ logs })
    await write({ 'var/log/poststack.log': 'x', 'var/log/containers/web.log': 'x', 'var/log/.gitignore': 'x' })
    await write({ 'logs/poststack.log': 'x' })
    expect(await hash({ logs })).toBe(before)
    expect(await hash()).not.toBe(before)
    await write({ 'var/log/other.log': 'x' })
    expect(await hash({ logs })).not.toBe(before)
  })

  test('what only one of the engines leaves out must count', async () => {
    await write({ Dockerfile: 'FROM debian\nCOPY . /app\n', both: '', docker: '', podman: '' })
    await write({ '.dockerignore': 'both\ndocker\n', '.containerignore': 'both\npodman\n' })
    expect(await isChangedBy(() => write({ both: 'x' }))).toBe(false)
    expect(await isChangedBy(() => write({ docker: 'x' }))).toBe(true)
    expect(await isChangedBy(() => write({ podman: 'x' }))).toBe(true)
  })

  test('a wildcard must take what it matches, with all that is in it', async () => {
    await write({
      Dockerfile: 'FROM debian\nCOPY packages/*/package.json lib? /app/\n',
      'packages/a/package.json': '{}',
    })
    await write({ 'packages/a/index.ts': '', 'lib1/x': '', 'library/x': '' })
    expect(await isChangedBy(() => write({ 'packages/a/index.ts': 'x', 'library/x': 'x' }))).toBe(false)
    expect(await isChangedBy(() => write({ 'packages/b/package.json': '{}' }))).toBe(true)
    expect(await isChangedBy(() => write({ 'lib1/x': 'x' }))).toBe(true)
  })

  test('ignored files must not count, exceptions must, and letters that mean something elsewhere are letters', async () => {
    await write({ Dockerfile: 'FROM debian\nCOPY . /app\n', 'a/x.log': '', 'a/keep.log': '', 'c++ (old)/x': '' })
    await write({
      '.dockerignore': '# logs\n**/*.log\n!a/keep.log\nc++ (old)\nnode_modules\nDockerfile\n.dockerignore\n',
    })
    await write({ 'node_modules/x/index.js': '' })
    const ignored = { 'a/x.log': 'x', 'c++ (old)/x': 'x', 'node_modules/x/index.js': 'x' }
    expect(await isChangedBy(() => write(ignored))).toBe(false)
    expect(await isChangedBy(() => write({ 'a/keep.log': 'x' }))).toBe(true)
  })

  test('the ignore file of a Dockerfile must win over the common one', async () => {
    await write({ Containerfile: 'FROM debian\nCOPY . /app\n', '.dockerignore': 'b\n', a: '', b: '' })
    await write({ 'Containerfile.dockerignore': 'a\n' })
    const dockerfile = join(context, 'Containerfile')
    const before = await hash({ dockerfile })
    await write({ a: 'x' })
    expect(await hash({ dockerfile })).toBe(before)
    await write({ b: 'x' })
    expect(await hash({ dockerfile })).not.toBe(before)
  })
})

describe('what is wrong with a build', () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['no Dockerfile', {}, 'There is no Dockerfile at CONTEXT/Dockerfile.'],
    [
      'a source that is not there',
      { Dockerfile: 'FROM debian\n\nCOPY package.json /app/\n' },
      'CONTEXT/Dockerfile:3 copies package.json, but there is no such file in CONTEXT.',
    ],
    [
      'a source that is ignored',
      { Dockerfile: 'FROM debian\nCOPY a /\n', a: '', '.dockerignore': 'a\n' },
      'CONTEXT/Dockerfile:2 copies a, but CONTEXT/.dockerignore leaves it out.',
    ],
    [
      'a source outside',
      { Dockerfile: 'FROM debian\nCOPY ../a /\n' },
      'CONTEXT/Dockerfile:2 copies ../a, which lies outside of the build context CONTEXT.',
    ],
  ])('%s must be said with its line', async (_what, files, message) => {
    await write(files)
    await expect(hash()).rejects.toMatchObject({
      code: 'BUILD_CONTEXT_INVALID',
      message: message.replaceAll('CONTEXT', context),
      hint: expect.any(String),
    })
  })

  test('a context that is not there must be said', async () => {
    await write({ Dockerfile: 'FROM debian\n' })
    const message = `The build context ${context}/nowhere is not a folder.`
    await expect(hash({ context: join(context, 'nowhere') })).rejects.toMatchObject({ message })
  })

  test('a file that cannot be read must be named', async () => {
    await write(copySrc)
    await chmod(context, 0o755)
    await chmod(join(context, 'src/a.ts'), 0o000)
    if (process.geteuid?.() === 0) process.seteuid?.(65_534)
    try {
      await expect(hash()).rejects.toMatchObject({
        code: 'BUILD_CONTEXT_INVALID',
        message: `Cannot read ${context}/src/a.ts of the build context: permission denied.`,
      })
    } finally {
      if (process.getuid?.() === 0) process.seteuid?.(0)
    }
  })

  test('a stop must end it', async () => {
    await write(copySrc)
    const stopped = readBuild(build(), { signal: AbortSignal.abort() })
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('the cache', () => {
  const old = new Date(Date.now() - 60_000)
  let cache: string

  beforeEach(async () => {
    cache = join(context, '.poststack/cache')
    await write(copySrc)
  })

  async function settle(): Promise<void> {
    // ctime cannot be set: it has to grow old.
    await utimes(join(context, 'src/a.ts'), old, old)
    await new Promise((resolve) => setTimeout(resolve, 2200))
  }

  async function cacheFile(): Promise<string> {
    const [name = 'none'] = await readdir(cache)
    return join(cache, name)
  }

  test('must give what reading gives, must see a change of equal size and time, and keep no young file', async () => {
    const plain = await hash()
    expect(await hash({}, cache)).toBe(plain)
    await expect(readdir(cache)).rejects.toThrow('ENOENT')
    await settle()
    expect(await hash({}, cache)).toBe(plain)
    expect(await readFile(await cacheFile(), 'utf8')).toContain('"src/a.ts"')
    expect(await hash({}, cache)).toBe(plain)
    await write({ 'src/a.ts': 'A' })
    await utimes(join(context, 'src/a.ts'), old, old)
    expect(await hash({}, cache)).toBe(await hash())
    expect(await hash()).not.toBe(plain)
  })

  test('must be used, and must not be believed when it is damaged', async () => {
    await settle()
    const plain = await hash({}, cache)
    const file = await cacheFile()
    const good = await readFile(file, 'utf8')
    for (const damaged of ['', '\n', good.slice(0, -10), good.replace(/[0-9a-f]"/, 'x"'), `${good}x`, '\0\0\0']) {
      await writeFile(file, damaged)
      expect(await hash({}, cache)).toBe(plain)
    }
    // Only with a sum that fits is an entry believed, which shows that it is read at all.
    const body = good.slice(good.indexOf('\n') + 1).replace(/[0-9a-f]{64}/, '0'.repeat(64))
    await writeFile(file, `${createHash('sha256').update(body).digest('hex')}\n${body}`)
    expect(await hash({}, cache)).not.toBe(plain)
    // A folder in its place cannot be written: that must not be an error either.
    await rm(file)
    await mkdir(join(file, 'x'), { recursive: true })
    expect(await hash({}, cache)).toBe(plain)
    expect(await readdir(cache)).toHaveLength(1)
  })
})

test('the images that a build starts from come from its file', async () => {
  await write({ Dockerfile: 'ARG BASE=poststack/base-debian\nFROM ${BASE}:latest\n' })
  expect((await readBuild(build(), { signal })).baseImages).toEqual(['poststack/base-debian:latest'])
})

const bulk = async () => (await readBuild(build(), { signal })).bulk

test('a context must be called large where all of it is copied and no ignore file leaves anything out', async () => {
  await write({ Dockerfile: 'FROM debian\nCOPY . /app\n', 'src/a.ts': 'a', 'node_modules/big/index.js': '' })
  expect(await bulk()).toBeUndefined()
  const bytes = 100 * 1024 * 1024
  await truncate(join(context, 'node_modules/big/index.js'), bytes)
  const dockerfile = await stat(join(context, 'Dockerfile'))
  expect(await bulk()).toEqual({ files: 3, bytes: bytes + dockerfile.size + 1, most: 'node_modules' })
  await write({ '.dockerignore': '# nothing\n' })
  expect(await bulk()).toBeUndefined()
  await rm(join(context, '.dockerignore'))
  await write({ Dockerfile: 'FROM debian\nCOPY node_modules /app\n' })
  expect(await bulk()).toBeUndefined()
})
