/**
 * Hooks: programs of the project at their moments, in the environment of the stack.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { appliedMigrations, tempProject, type Project } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'
import { startWatch } from '../support/watching.ts'

const noting = (name: string): string =>
  `import { stack } from 'poststack/run'
// Two hooks at once may both find none; the INSERT tells whether there is one.
await stack.sql\`CREATE TABLE IF NOT EXISTS moments (id bigint GENERATED ALWAYS AS IDENTITY, name text)\`.catch(() => undefined)
await stack.sql\`INSERT INTO moments (name) VALUES (\${${JSON.stringify(name)}})\`
`

async function declare(project: Project, afterMigrate: string): Promise<void> {
  await project.write({
    'poststack.config.ts': `import { defineConfig, hook, postgres } from 'poststack'
export default defineConfig({
  name: '${project.stack}',
  hooks: {
    beforeUp: hook(['sh', '-c', 'echo "up $PGDATABASE" >> commands.txt']),
    afterReady: hook('./hooks/ready.ts'),
    beforeMigrate: hook('./hooks/before.ts'),
    afterMigrate: ${afterMigrate},
    beforeDown: hook(['sh', '-c', 'echo down >> commands.txt']),
  },
  services: { db: postgres({ port: ${String(project.port)}, migrations: './migrations' }) },
})
`,
  })
}

test('must be run at their moments, each with its cause in the plan, and stop what comes after them', async () => {
  const project = await tempProject({ runtime: 'native' })
  const moments = async (): Promise<readonly unknown[]> =>
    (await project.sql('SELECT name FROM moments ORDER BY id')).flat()
  const commands = (): Promise<string> => readFile(join(project.root, 'commands.txt'), 'utf8')
  await project.write({
    ...itemsMigration,
    'hooks/ready.ts': noting('ready'),
    'hooks/before.ts': noting('before'),
    'hooks/after.ts': noting('after'),
    'hooks/once.ts': noting('once'),
  })
  await declare(project, "hook('./hooks/after.ts')")
  const plan = await project.succeed('plan')
  expect(plan.stdout).toContain('afterMigrate runs hooks/after.ts: migrations are applied')
  await project.succeed('up')
  // Migrations do not wait for what is run when all is ready.
  expect(new Set(await moments())).toEqual(new Set(['after', 'before', 'ready']))
  expect(await commands()).toBe('up poststack\n')
  expect((await project.succeed('up')).stdout).toContain('nothing to do')
  expect(await moments()).toHaveLength(3)
  expect(await commands()).toBe('up poststack\n')

  // Nothing becomes ready that was ready before.
  await project.write({ 'migrations/002_more.sql': 'CREATE TABLE more ();\n' })
  await project.succeed('up')
  expect((await moments()).slice(3)).toEqual(['before', 'after'])

  // What is remembered for its content needs no migration, and runs once.
  await declare(project, "hook('./hooks/once.ts', { once: 'per-content' })")
  expect((await project.succeed('plan')).stdout).toContain('1 new: hooks/once.ts')
  await project.succeed('up')
  expect((await project.succeed('up')).stdout).toContain('nothing to do')
  expect((await moments()).slice(5)).toEqual(['once'])

  await project.write({
    'hooks/before.ts': "throw new Error('not today')\n",
    'migrations/003_never.sql': 'CREATE TABLE never ();\n',
  })
  const failed = await project.run('up')
  expect(failed.code).toBe(1)
  expect(failed.stderr).toContain('[SCRIPT_FAILED]')
  expect(failed.stderr).toContain('not today')
  expect(await project.sql("SELECT to_regclass('never')")).toEqual([[null]])
  await project.succeed('down', '--volumes', '--yes')
  expect((await commands()).split('\n').slice(-2)).toEqual(['down', ''])
})

test('one that was killed or failed must be run by the next up, until it has ended well', async () => {
  const project = await tempProject({ runtime: 'native' })
  const memories = async (): Promise<readonly string[]> =>
    (await readdir(join(project.root, '.poststack/native/volumes'))).filter((name) => name.includes('-owed-'))
  await project.write({
    ...itemsMigration,
    'poststack.config.ts': `import { defineConfig, hook, postgres } from 'poststack'
export default defineConfig({
  name: '${project.stack}',
  hooks: { afterMigrate: hook(['sh', './hook.sh']) },
  services: { db: postgres({ port: ${String(project.port)}, migrations: './migrations' }) },
})
`,
    'hook.sh': 'kill -9 $PPID\n',
  })
  expect((await project.run('up')).code).not.toBe(0)
  expect(await project.sql(appliedMigrations)).toEqual([['001_items applied']])
  expect(await memories()).toHaveLength(1)

  await project.write({ 'hook.sh': 'exit 3\n' })
  expect((await project.run('plan', '--check')).stdout).toContain('it did not end well in an earlier run')
  const failed = await project.run('up')
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('[SCRIPT_FAILED]')])

  await project.write({ 'hook.sh': 'echo ran >> ran.txt\n' })
  await project.succeed('up')
  expect((await project.succeed('up')).stdout).toContain('nothing to do')
  expect(await readFile(join(project.root, 'ran.txt'), 'utf8')).toBe('ran\n')
  expect(await memories()).toEqual([])

  // With the data goes what is owed for them.
  await project.write({ 'hook.sh': 'exit 3\n', 'migrations/002_more.sql': 'CREATE TABLE more ();\n' })
  await project.run('up')
  expect(await memories()).toHaveLength(1)
  expect((await project.succeed('down', '--volumes', '--yes')).stdout).toContain('its data is deleted')
  expect(await memories()).toEqual([])
})

test('a wrong one must be refused with its place', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.write({
    'poststack.config.ts': `import { defineConfig } from 'poststack'
export default defineConfig({
  hooks: { beforeUp: { script: './a.ts', command: ['b'] }, afterMigrate: { command: ['c'], once: 'per-content' }, beforeDown: { script: './d.ts', once: 'per-content' } },
  services: {},
} as never)
`,
  })
  const refused = await project.run('plan')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('hooks.beforeUp')
  expect(refused.stderr).toContain('hooks.afterMigrate.once')
  expect(refused.stderr).toContain('hooks.beforeDown.once: does not go with `beforeDown`')
})

const noteOf = (event: string): string => `import { appendFileSync } from 'node:fs'
import { text } from '../lib/${event}.ts'
appendFileSync('ran.txt', text + '\\n')
`
const textOf = (event: string, content: string): Record<string, string> => ({
  [`lib/${event}.ts`]: `export const text = '${event} ${content}'\n`,
})

test('once for their content must run for a new content of what they import, at each moment, and be forgotten with the data', async () => {
  const project = await tempProject({ runtime: 'native' })
  const events = ['beforeUp', 'afterReady', 'beforeMigrate', 'afterMigrate'] as const
  const ran = async (): Promise<readonly string[]> => {
    const text = await readFile(join(project.root, 'ran.txt'), 'utf8')
    await project.write({ 'ran.txt': '' })
    return text.split('\n').filter((line) => line !== '')
  }
  await project.write({
    ...itemsMigration,
    'package.json': '{ "type": "module" }',
    'poststack.config.ts': `import { defineConfig, hook, postgres } from 'poststack'
export default defineConfig({
  name: '${project.stack}',
  hooks: { ${events.map((event) => `${event}: hook('./hooks/${event}.ts', { once: 'per-content' })`).join(', ')} },
  services: { db: postgres({ port: ${String(project.port)}, migrations: './migrations' }) },
})
`,
    ...Object.fromEntries(events.map((event) => [`hooks/${event}.ts`, noteOf(event)])),
    ...Object.assign({}, ...events.map((event) => textOf(event, 'a'))),
  })
  await project.succeed('up', '--allow-all')
  expect((await ran()).toSorted()).toEqual(events.map((event) => `${event} a`).toSorted())
  await project.write(Object.assign({}, ...events.map((event) => textOf(event, 'b'))) as Record<string, string>)
  await project.succeed('up', '--allow-all')
  expect((await ran()).toSorted()).toEqual(events.map((event) => `${event} b`).toSorted())
  // One that is watched is run when what it imports is saved, and alone.
  const watch = await startWatch(project, '--allow-all')
  await project.write(textOf('afterReady', 'c'))
  await watch.run()
  expect(await ran()).toEqual(['afterReady c'])
  await project.write(textOf('beforeMigrate', 'c'))
  await watch.run()
  expect(await ran()).toEqual(['beforeMigrate c'])
  expect((await watch.end()).code).toBe(0)
  await project.succeed('down', '--allow-all')
  await project.succeed('up', '--allow-all')
  expect(await ran()).toEqual([])
  await project.succeed('down', '--allow-all', '--volumes', '--yes')
  await project.succeed('up', '--allow-all')
  expect(await ran()).toHaveLength(4)
})
