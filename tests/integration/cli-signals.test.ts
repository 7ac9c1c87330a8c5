import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startCli } from '../support/cli.ts'
import { configProject, processesNaming } from '../support/config-project.ts'

test.each([
  // To follow a log is ended by them, which is no failure.
  ['a terminal that is closed asks for a clean end', ['SIGHUP'], [0]],
  ['a second signal ends it at once, also when it is another one', ['SIGINT', 'SIGTERM'], [130, 143]],
] as const)('%s', async (_, signals, codes) => {
  const cwd = await mkdtemp(join(tmpdir(), 'poststack-cli-'))
  onTestFinished(() => rm(cwd, { recursive: true }))
  await mkdir(join(cwd, 'logs'), { recursive: true })
  const entry = { time: '2026-01-01T00:00:00.000Z', level: 'info', run: 'a', category: 'main', event: 'notice' }
  await writeFile(join(cwd, 'logs/poststack.log'), `${JSON.stringify({ ...entry, message: 'it was there' })}\n`)
  const running = startCli(['logs', 'show', '--follow'], { cwd })
  await running.said('it was there')
  for (const signal of signals) running.process.kill(signal)
  const { code, stderr } = await running.ended
  // Nobody says which of two comes first.
  expect(codes).toContain(code)
  expect(stderr).toBe('')
})

test('a config in an endless loop does not outlive a killed Poststack', async () => {
  const cwd = await configProject({
    'package.json': '{ "type": "module" }',
    'poststack.config.ts': 'while (true) {}\nexport default { services: {} }',
  })
  const job = `"file":"${cwd}/poststack.config.ts"`
  const running = startCli(['config-show'], { cwd })
  await expect.poll(() => processesNaming(job), { timeout: 10_000 }).toHaveLength(1)
  running.process.kill('SIGKILL')
  await running.ended
  await expect.poll(() => processesNaming(job), { timeout: 5000 }).toEqual([])
})
