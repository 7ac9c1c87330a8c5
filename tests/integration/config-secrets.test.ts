import { chmod, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse/parse.ts'
import { hideValues, openSecrets } from '../../src/config/secrets.ts'
import { isPoststackError } from '../../src/errors.ts'
import { configProject } from '../support/config-project.ts'
import type { SecretPart } from '../../src/config/types.ts'

const part = (name: string, encoding: SecretPart['encoding'] = 'plain'): SecretPart => ({
  kind: 'secret',
  name,
  encoding,
})

async function open(root: string, create: boolean, services: Record<string, unknown> = { db: { kind: 'postgres' } }) {
  return await openSecrets({ root, create, ...(await parseConfig({ services }, { root })) })
}

const withPassword = (password: string) => ({ db: { kind: 'postgres', password } })
const withAnother = (index: number) => ({
  db: { kind: 'postgres' },
  [`db${String(index)}`]: { kind: 'postgres', port: 6000 },
})
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

describe('secrets of a stack', () => {
  it('are made without what a run that was killed had begun of them', async () => {
    const left = '.poststack/secrets.json.0123456789ab'
    const root = await configProject({ [left]: '' })
    const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000)
    await utimes(join(root, left), longAgo, longAgo)
    await open(root, true)
    expect((await readdir(join(root, '.poststack'))).toSorted()).toEqual(['.gitignore', 'secrets.json'])
  })

  it('are hidden in what a service has written, alone and inside a URL, and short words are not', async () => {
    const root = await configProject({})
    const generated = await open(root, true)
    const password = generated.reveal(part('db.password'))
    expect(generated.hide(`url postgresql://poststack:${password}@db:5432/x ${password}`)).toBe(
      'url postgresql://poststack:***@db:5432/x ***',
    )
    const declared = await open(root, true, withPassword('p@ss word/1'))
    expect(declared.hide('p@ss word/1 and p%40ss%20word%2F1')).toBe('*** and ***')
    expect((await open(root, true, withPassword('a'))).hide('a banana')).toBe('a banana')
    const key = ['-----BEGIN KEY-----\r\nbGluZSBvbmU=\nend\n']
    expect(['read bGluZSBvbmU=', 'the end'].map((line) => hideValues(line, key))).toEqual(['read ***', 'the end'])
  })

  it('are made once, kept with mode 0600 in a folder that git ignores, and found again', async () => {
    const root = await configProject({})
    const first = await open(root, true)
    const password = first.reveal(part('db.password'))
    expect(password).toMatch(/^[\w-]{24,}$/)
    expect((await open(root, true)).reveal(part('db.password'))).toBe(password)
    expect((await open(root, false)).reveal(part('db.password'))).toBe(password)
    const folder = join(root, '.poststack')
    expect((await readdir(folder)).toSorted()).toEqual(['.gitignore', 'secrets.json'])
    expect(await readFile(join(folder, '.gitignore'), 'utf8')).toBe('*\n')
    expect([await mode(folder), await mode(join(folder, 'secrets.json'))]).toEqual(['700', '600'])
  })

  it('an unchanged second open writes nothing', async () => {
    const root = await configProject({})
    await open(root, true)
    const before = await stat(join(root, '.poststack/secrets.json'))
    await open(root, true)
    const after = await stat(join(root, '.poststack/secrets.json'))
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs])
  })

  it('without create nothing is written', async () => {
    const root = await configProject({})
    const secrets = await open(root, false)
    expect(secrets.reveal(part('db.password'))).toMatch(/^[\w-]{24,}$/)
    expect(await readdir(root)).toEqual([])
  })

  it('digests of a first plan and of every later run agree', async () => {
    const root = await configProject({})
    const planned = await open(root, false)
    const made = await open(root, true)
    expect(made.digests).toEqual(planned.digests)
    expect((await open(root, false)).digests).toEqual(planned.digests)
    expect(Object.keys(made.digests)).toEqual(['db.password'])
  })

  it('digests of declared secrets tell a change, and differ between projects', async () => {
    const [one, two] = [await configProject({}), await configProject({})]
    const digest = async (root: string, password: string) =>
      (await open(root, true, withPassword(password))).digests['db.password']
    const first = await digest(one, 'a')
    expect(first).toMatch(/^[0-9a-f]{32}$/)
    expect(await digest(one, 'a')).toBe(first)
    expect(await digest(one, 'b')).not.toBe(first)
    expect(await digest(two, 'a')).not.toBe(first)
    expect((await open(one, true)).digests['db.password']).not.toBe(first)
  })

  it('declared ones are revealed as they are or percent-encoded, and stand in no file', async () => {
    const root = await configProject({})
    const secrets = await open(root, true, { db: { kind: 'postgres', password: 'p@ss/word' } })
    expect(secrets.reveal(part('db.password'))).toBe('p@ss/word')
    expect(secrets.reveal(part('db.password', 'uri'))).toBe('p%40ss%2Fword')
    expect(await readFile(join(root, '.poststack/secrets.json'), 'utf8')).not.toContain('p@ss')
    expect(() => secrets.reveal(part('web.password'))).toThrow('there is no secret named web.password')
  })

  it('eight processes at once end with one store', async () => {
    const root = await configProject({})
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => open(root, true, withAnother(index))))
    const passwords = new Set(all.map((secrets) => secrets.reveal(part('db.password'))))
    expect(passwords.size).toBe(1)
    for (const [index, secrets] of all.entries()) {
      const name = part(`db${String(index)}.password`)
      expect((await open(root, true, withAnother(index))).reveal(name)).toBe(secrets.reveal(name))
    }
    expect((await readdir(join(root, '.poststack'))).toSorted()).toEqual(['.gitignore', 'secrets.json'])
  })

  it('a password that was put into the file by hand wins', async () => {
    const root = await configProject({})
    await open(root, true)
    const file = join(root, '.poststack/secrets.json')
    const store = JSON.parse(await readFile(file, 'utf8')) as { passwords: Record<string, string> }
    store.passwords['db.password'] = 'mine'
    await writeFile(file, JSON.stringify(store))
    expect((await open(root, true)).reveal(part('db.password'))).toBe('mine')
  })

  it('a mode that lets others read is tightened', async () => {
    const root = await configProject({})
    await open(root, true)
    await chmod(join(root, '.poststack/secrets.json'), 0o644)
    await open(root, true)
    expect(await mode(join(root, '.poststack/secrets.json'))).toBe('600')
  })

  it.each([
    ['empty', ''],
    ['cut off', '{ "version": 1, "key": "ab'],
    ['of another form', '{ "version": 1, "key": "ab", "passwords": {} }'],
  ])('a file that is %s is an error and is left alone', async (_, content) => {
    const root = await configProject({ '.poststack/secrets.json': content })
    const error: unknown = await open(root, true).catch((thrown: unknown) => thrown)
    expect(isPoststackError(error) && error.code).toBe('STATE_UNWRITABLE')
    expect(String(error)).toContain('secrets.json is damaged')
    expect(await readFile(join(root, '.poststack/secrets.json'), 'utf8')).toBe(content)
  })

  it('a folder that cannot be made is an error', async () => {
    const root = await configProject({ '.poststack': 'a file' })
    const error: unknown = await open(root, true).catch((thrown: unknown) => thrown)
    expect(isPoststackError(error) && error.code).toBe('STATE_UNWRITABLE')
  })
})
