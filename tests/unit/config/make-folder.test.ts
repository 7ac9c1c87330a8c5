import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolder } from '../../../src/config/make-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'poststack-folder-'))
afterAll(() => {
  rmSync(root, { recursive: true })
})

test('a folder must be made with those above it, each with its mode, and once', () => {
  const folder = join(root, 'a/b/c')
  expect(makeFolder(folder, 0o700)).toBe(true)
  expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o700)
  expect(makeFolder(folder)).toBe(false)
  symlinkSync(folder, join(root, 'link'))
  expect(makeFolder(join(root, 'link'))).toBe(false)
  expect(makeFolder(join(root, 'link/d'))).toBe(true)
  expect(existsSync(join(folder, 'd'))).toBe(true)
})

test('what cannot be made must be told with the reason of the system', () => {
  writeFileSync(join(root, 'file'), '')
  symlinkSync(join(root, 'nowhere'), join(root, 'dangling'))
  mkdirSync(join(root, 'there'))
  expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST')
  expect(() => makeFolder(join(root, 'file/below'))).toThrow('ENOTDIR')
  expect(() => makeFolder(join(root, 'dangling'))).toThrow('EEXIST')
})

test.runIf(process.platform === 'linux')(
  'where a folder is there and takes no new one, that must be an error and no endless loop',
  () => {
    expect(() => makeFolder('/proc/poststack')).toThrow('ENOENT')
    expect(() => makeFolder('/proc/poststack/logs')).toThrow('ENOENT')
  },
)
