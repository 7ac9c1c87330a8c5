import { expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse/parse.ts'
import { foldersTo, isConfigInput, isInput, readInputs } from '../../../src/watch/inputs.ts'

test('what a config reads by itself is watched: files, also missing ones, and whatever a pattern may find', async () => {
  const { config } = await parseConfig({ services: {} }, { root: '/p' })
  const inputs = await readInputs({
    config,
    configFile: '/p/poststack.config.ts',
    inputs: {
      files: ['/p/poststack.config.ts', '/p/VERSION', '/package.json'],
      candidates: ['/p/lib/port.ts', '/p/tsconfig.json', '/tsconfig.json', '/p/node_modules/x', '/p/node_modules/y'],
      packages: ['/p/node_modules/y'],
      globs: [
        { pattern: 'workers/*/worker.json', files: [] },
        { pattern: '*.txt', files: [] },
      ],
      variables: ['PORT'],
      allVariables: false,
    },
  })
  const yes = [
    '/p/VERSION',
    '/package.json',
    '/p/lib/port.ts',
    '/p/tsconfig.json',
    '/p/node_modules/y',
    '/p/workers/a',
    '/p/workers/a/worker.json',
    '/p/new.txt',
  ]
  const no = [
    '/tsconfig.json',
    '/p/node_modules/x',
    '/p/workers/a/other.json',
    '/p/workers/a/b/worker.json',
    '/p/other.md',
    '/p/.hidden.txt',
  ]
  for (const path of yes) expect([path, isInput(inputs, path), isConfigInput(inputs, path)]).toEqual([path, true, true])
  for (const path of no) expect([path, isInput(inputs, path)]).toEqual([path, false])
  expect(foldersTo(inputs).has('/p/workers')).toBe(true)
})
