/**
 * What a program owes a shell: it leaves no traces where it was only asked, ends quietly when nobody reads on, tells what it could not write,
 * and shows what is longer than the screen in the pager of whoever sits there.
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test, type TestContext } from 'vitest'
import { cleanEnvironment, cliFile, runCli } from '../support/cli.ts'
import { configProject } from '../support/config-project.ts'
import { tempProject, type Project } from '../support/project.ts'
import { openScreen, tmuxMissing } from '../support/tmux.ts'

test('whoever only asks for help, the version or completion must find nothing new on the disk', async () => {
  const root = await configProject({})
  const home = join(root, 'home')
  const cwd = join(root, 'project')
  for (const folder of [home, cwd]) await mkdir(folder)
  const asked = [
    ['version'],
    ['--version'],
    ['version', '--json'],
    ['--help'],
    [],
    ['up', '--help'],
    ['database', 'migrate', '--help'],
    ['logs', 'clean', '--help'],
    ['completion', 'bash'],
    ['completion', 'zsh'],
    ['completion', 'fish'],
  ]
  await Promise.all(
    asked.map(async (words) => {
      const ended = await runCli(words, { cwd, env: { HOME: home, XDG_CACHE_HOME: undefined } })
      expect([words, ended.code, ended.stderr]).toEqual([words, 0, ''])
    }),
  )
  expect([await readdir(cwd), await readdir(home)]).toEqual([[], []])
})

const line = JSON.stringify({
  time: '2026-01-01T00:00:00.000Z',
  level: 'info',
  run: 'a',
  command: 'up',
  category: 'main',
})

test.each(['--help', 'completion bash', 'logs show --tail 100000', 'logs show --tail 100000 --json'])(
  '`poststack %s | head -n 1` must end quietly',
  async (words) => {
    // Much more than a pipe holds.
    const cwd = await configProject({ 'logs/poststack.log': `${line}\n`.repeat(10_000) })
    const command = `'${process.execPath}' '${cliFile}' ${words} | head -n 1; exit "\${PIPESTATUS[0]}"`
    const { stderr, stdout } = await promisify(execFile)('bash', ['-c', command], { cwd, env: cleanEnvironment() })
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toHaveLength(2)
  },
)

test('what cannot be written must not stop the work, be told once, and be an error where it is the answer', async () => {
  const project = await tempProject({ runtime: 'native' })
  await project.declare({ db: `postgres({ port: ${String(project.port)} })` })
  const run = async (command: string): Promise<{ readonly code?: number; readonly stderr: string }> => {
    const words = `'${process.execPath}' '${cliFile}' ${command}`
    const options = { cwd: project.root, env: cleanEnvironment() }
    return await promisify(execFile)('bash', ['-c', words], options).catch((error: unknown) => error as never)
  }
  const unwritten = { code: 1, stderr: 'error  the output could not be written: no space left on device\n' }
  expect(await run('version > /dev/full')).toMatchObject(unwritten)
  expect(await run('plan --runtime native > /dev/full')).toMatchObject(unwritten)
  expect(await run('up --runtime native > /dev/full 2>&1')).toMatchObject({ code: 1 })
  expect(await project.world.only('db')).toMatchObject({ running: true })
  const again = await project.succeed('plan')
  expect(again.stdout).toContain('everything is as declared')
  expect(await run('down --runtime native 2> /dev/full')).not.toHaveProperty('code')
  expect(await project.world.containers()).toEqual([])
})

/** A project whose `config-show` fills three screens. */
async function longProject(context: TestContext): Promise<Project> {
  const missing = await tmuxMissing()
  if (missing !== undefined) context.skip(missing)
  const project = await tempProject({ runtime: 'native' })
  const names = Array.from({ length: 12 }, (_, index) => [
    `db${String(10 + index)}`,
    `postgres({ port: ${String(5500 + index)} })`,
  ])
  await project.declare(Object.fromEntries(names) as Readonly<Record<string, string>>)
  return project
}

test('what is longer than the screen must come in a pager, and the exit code be that of the command', async (context) => {
  const screen = await openScreen(await longProject(context), ['config-show'])
  const first = await screen.shows('services.db10.port')
  expect(first.join('\n')).not.toMatch(/services\.db21|ended with/)
  await screen.press('G')
  await screen.shows('services.db21.restart')
  // Ctrl-C is the pager's key.
  await screen.press('C-c')
  // It throws away what is typed until it has heeded that one.
  for (let times = 0; times < 3; times++) {
    // oxlint-disable-next-line no-await-in-loop
    await screen.press('q')
    // oxlint-disable-next-line no-await-in-loop
    await sleep(300)
  }
  await screen.shows('ended with 0')
})

test('a pager must be one that is wanted and there', async (context) => {
  const choices = [
    [['--no-pager'], {}, / services\.db21\.restart/],
    [[], { PAGER: '' }, / services\.db21\.restart/],
    [[], { POSTSTACK_PAGER: 'no-such-pager --really' }, / services\.db21\.restart/],
    [[], { POSTSTACK_PAGER: 'cat -n', PAGER: 'no-such-pager' }, /\d+\s+services\.db21\.restart/],
    [[], { PAGER: 'cat -n' }, /\d+\s+services\.db21\.restart/],
  ] as const
  for (const [words, variables, seen] of choices) {
    const screen = await openScreen(await longProject(context), ['config-show', ...words], variables)
    expect((await screen.shows('ended with 0')).join('\n')).toMatch(seen)
  }
})

test('what fits the screen must be printed', async (context) => {
  const project = await longProject(context)
  await project.declare({ db: 'postgres()' })
  const screen = await openScreen(project, ['config-show'])
  expect((await screen.shows('ended with 0')).join('\n')).toContain('services.db.port')
})
