import { expect, test } from 'vitest'
import { asCalled, callingOf, programName, takers, wayAsCalled, waysAsCalled } from '../../../src/cli/report/called.ts'
import { containerCommands } from '../../../src/cli/routes/container.ts'
import { databaseCommands } from '../../../src/cli/routes/database.ts'
import { logsCommands } from '../../../src/cli/routes/logs.ts'
import { stackRoutes } from '../../../src/cli/routes/stack.ts'

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
  expect(asCalled(text, { program: 'npx poststack', given: [] }).split('\n')).toEqual([
    'There is no database poststack at 127.0.0.1:5432; poststack up is no way here.',
    '  try: Start it: npx poststack up db',
    '  try: `npx poststack down --volumes`, or as role poststack drop schema poststack by hand',
    '       - use another port: npx poststack up',
    'next: npx poststack up',
    'kept as x; when nobody misses it: npx poststack db query',
    'try: npm install --save-dev poststack',
  ])
  expect(asCalled(text, { program: 'poststack', given: [] })).toBe(text)
})

const here = { cwd: '/my shop' }
const inShop = callingOf({ config: 'only.yaml', instance: "it's" }, { ...here, isElsewhere: true })
const front = String.raw`poststack -C '/my shop' --config only.yaml --instance 'it'\''s'`

test.each([
  ['Start it: poststack up db', `Start it: ${front} up db`],
  ['Start it: poststack up db. Or poststack down, then up', `Start it: ${front} up db. Or ${front} down, then up`],
  ['Look (poststack container logs web); mend it', `Look (${front} container logs web); mend it`],
  ['stay with it: poststack up --instance x', `stay with it: ${front.replace(/ --instance.*/, '')} up --instance x`],
  ['poststack exec -- go --config x', `${front} exec -- go --config x`],
  ['poststack init', "poststack -C '/my shop' init"],
  ['poststack --version, poststack.config.ts, schema poststack and another poststack', undefined],
  ["give poststack's folder to this user; npx poststack up", undefined],
])('called on another config, "%s" must lead there', (hint, expected = hint) => {
  expect(wayAsCalled(hint, inShop)).toBe(expected)
  // What has its flags gets them no second time.
  expect(wayAsCalled(expected, inShop)).toBe(expected)
})

test('what only some commands take must follow them, without a password', () => {
  const url = 'postgresql://a:secret@h/b?application_name=x'
  const flags = { url, service: 'db', database: 'b', profile: ['a', 'b'], allowRead: ['*'], allowNet: ['h'] }
  const said = (words: string): string => {
    const calling = callingOf(flags, { ...here, command: words })
    return wayAsCalled('poststack db repair --version 2; poststack psql -- -c x; poststack up', calling)
  }
  const stack = 'poststack --profile a,b --allow-read --allow-net=h'
  const shown = "--url 'postgresql://a@h/b?application_name=x' --database b"
  expect(said('database migrate')).toBe(
    `${stack} db repair ${shown} --service db --version 2; ${stack} psql --service db -- -c x; ${stack} up`,
  )
  // Its `--database` is another one.
  expect(said('psql')).toBe(
    `${stack} db repair --service db --version 2; ${stack} psql --service db -- -c x; ${stack} up`,
  )
  const wrong = { url: 'postgresql://a:se/cret@h/b' }
  expect(wayAsCalled('poststack db repair', callingOf(wrong, { ...here, command: 'database migrate' }))).toBe(
    'poststack db repair',
  )
})

const inGroup = (group: string, commands: object): [string, unknown][] =>
  Object.entries(commands).map(([name, command]) => [`${group} ${name}`, command])

test('each command must take the flags that are given to it', () => {
  const all = [
    ...Object.entries(stackRoutes),
    ...inGroup('container', containerCommands),
    ...inGroup('database', databaseCommands),
    ...inGroup('logs', logsCommands),
  ] as readonly [string, { readonly parameters: { readonly flags: object } }][]
  const takenBy = (flag: string): readonly string[] =>
    all.flatMap(([name, { parameters }]) => (Object.hasOwn(parameters.flags, flag) ? [name] : []))
  const named = (by: keyof typeof takers): readonly string[] => all.map(([name]) => name).filter(takers[by])
  for (const flag of ['config', 'mode', 'instance', 'profile', 'runtime', 'allowRead', 'allowAll'])
    expect([flag, takenBy(flag)]).toEqual([flag, named('declared')])
  for (const flag of ['url', 'migrations']) expect([flag, takenBy(flag)]).toEqual([flag, named('database')])
  expect(takenBy('service')).toEqual(named('served'))
})

test('a record has its ways out as a text has them, and nothing else changes', () => {
  const given = { message: 'try: poststack up', hint: 'Start it: poststack up', ways: ['poststack down'] }
  const record = { rows: [{ error: { ...given, details: { problems: [given] } } }], when: new Date(0) }
  const told = { ...given, hint: `Start it: ${front} up`, ways: [`${front} down`] }
  expect(waysAsCalled(record, inShop)).toEqual({
    ...record,
    rows: [{ error: { ...told, details: { problems: [told] } } }],
  })
})
