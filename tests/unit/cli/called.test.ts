import { expect, test } from 'vitest'
import { asCalled, programName } from '../../../src/cli/report/called.ts'

test.each([
  ['/usr/local/bin/poststack', {}, 'poststack'],
  ['/home/me/shop/dist/cli.js', {}, 'poststack'],
  ['/home/me/shop/node_modules/.bin/poststack', {}, 'npx poststack'],
  ['/home/me/.npm/_npx/1/node_modules/.bin/poststack', { npm_command: 'exec' }, 'npx poststack'],
  ['/home/me/shop/node_modules/poststack/dist/cli.js', { npm_command: 'run-script' }, 'npx poststack'],
])('%s with %j is called %s', (path, env, name) => {
  expect(programName(path, env)).toBe(name)
})

test('ways out say the command as it can be typed, and nothing else changes', () => {
  const text = [
    'There is no database poststack at 127.0.0.1:5432; poststack up is no way here.',
    '  try: Start it: poststack up db',
    '  try: `poststack down --volumes`, or as role poststack drop schema poststack by hand',
    '       - use another port: poststack up',
    'next: npx poststack up',
    'kept as x; when nobody misses it: poststack db query',
    'try: npm install --save-dev poststack',
  ].join('\n')
  expect(asCalled(text, 'npx poststack').split('\n')).toEqual([
    'There is no database poststack at 127.0.0.1:5432; poststack up is no way here.',
    '  try: Start it: npx poststack up db',
    '  try: `npx poststack down --volumes`, or as role poststack drop schema poststack by hand',
    '       - use another port: npx poststack up',
    'next: npx poststack up',
    'kept as x; when nobody misses it: npx poststack db query',
    'try: npm install --save-dev poststack',
  ])
  expect(asCalled(text, 'poststack')).toBe(text)
})
