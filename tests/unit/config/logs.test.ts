import { describe, expect, it } from 'vitest'
import { applyEnvironment } from '../../../src/config/environment/apply.ts'
import type { Variable } from '../../../src/config/environment/environment.ts'
import { mergeLayers } from '../../../src/config/layers.ts'
import { ownFilesOf } from '../../../src/config/own-files.ts'
import { parseConfig } from '../../../src/config/parse/parse.ts'

const root = '/projects/shop'
const build = { context: '.', dockerfile: './Dockerfile' }
const services = { web: { kind: 'container', build } }

async function parsed(logs: object | undefined, context = '.') {
  const web = { ...services.web, build: { ...build, context } }
  const { config } = await parseConfig({ services: { web }, ...(logs !== undefined && { logs }) }, { root })
  const [service] = config.services
  return { logs: config.logs, own: service?.kind === 'container' ? service.build?.logs : 'no build' }
}

const variables = (values: Readonly<Record<string, string>>) => ({
  variables: new Map(Object.entries(values).map(([name, value]): [string, Variable] => [name, { name, value }])),
})

describe('where logs are kept', () => {
  it('has defaults, and an absolute folder', async () => {
    expect(await parsed(undefined)).toEqual({ logs: undefined, own: undefined })
    expect(await parsed({ level: 'debug' })).toEqual({
      logs: { level: 'debug', folder: `${root}/logs` },
      own: undefined,
    })
    expect(await parsed({ folder: './var/log' })).toEqual({
      logs: { level: 'info', folder: `${root}/var/log` },
      own: 'var/log',
    })
  })

  it('counts for a build only in its context', async () => {
    expect((await parsed({ folder: 'var/log' }, './var')).own).toBe('log')
    expect((await parsed({ folder: 'var/log' }, './src')).own).toBe(undefined)
    expect((await parsed({ folder: '/var/log/shop' })).own).toBe(undefined)
  })

  it.each(['.', './', '..', root, '/'])(
    '%s is no folder for logs: all of the project would be in it',
    async (folder) => {
      await expect(parsed({ folder })).rejects.toThrow(/logs\.folder: expected a folder for logs alone/)
    },
  )

  it('is what variables say, over the config', () => {
    const plain = { logs: { level: 'error', folder: './mine' }, services: {} }
    const said = variables({ POSTSTACK_LOG_LEVEL: 'WARN', POSTSTACK_LOG_DIR: './theirs' })
    const applied = applyEnvironment(plain, said)
    expect(applied.plain).toMatchObject({ logs: { level: 'warning', folder: './theirs' } })
    expect([...applied.origins.keys()]).toEqual(['logs.level', 'logs.folder'])
    expect(applyEnvironment(plain, variables({ POSTSTACK_LOG_DIR: 'x' })).plain).toMatchObject({
      logs: { level: 'error', folder: 'x' },
    })
  })

  it('comes together field by field', () => {
    const layers = [{ logs: { level: 'debug', folder: 'a' } }, { logs: { folder: 'b' } }]
    expect(mergeLayers(layers).plain).toEqual({ logs: { level: 'debug', folder: 'b' } })
  })
})

describe('files of ours in a context', () => {
  const own = ownFilesOf({ logs: 'var/my.log[s]' })

  it.each([
    ['logs/poststack.log', true],
    ['logs/containers/web.log', true],
    ['logs/mine.log', false],
    ['backups/shop.dump', true],
    ['backups/shop.dump.d/toc.dat', true],
    ['backups/mine.txt', false],
    ['var/my.log[s]/poststack-20261126T000000-1.log', true],
    ['var/my.log[s]/database', true],
    ['var/my.log[s]/.gitignore', true],
    ['var/my.log[s]/mine.log', false],
    ['var/myXlog[s]/poststack.log', false],
    ['var/poststack.log', false],
    ['src/var/my.log[s]/poststack.log', false],
  ])('%s: %s', (path, isOwn) => {
    expect(own.has(path)).toBe(isOwn)
  })

  it('come with folders of which it says nothing whether they are there', () => {
    expect([...own.folders]).toEqual(['logs', 'var', 'var/my.log[s]', 'backups'])
  })

  it('are left out by patterns that mean these names', () => {
    expect(own.patterns).toContain(String.raw`var/my.log\[s\]/poststack*.log`)
  })
})
