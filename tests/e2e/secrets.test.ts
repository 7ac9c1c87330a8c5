/**
 * A password stands in one file of mode 0600 and in the database; nowhere else, whatever is done and asked.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { secretsOf, tempProject, type Project } from '../support/project.ts'
import { freePort } from '../support/ports.ts'
import { database, echo, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)
/** What quotes and backslashes do to whoever puts it into a statement. */
const another = String.raw`it's \a "Pass_w0rd`
const declared = 'declared-Pass_w0rd/41%'

/** Files of the project that hold one of the texts. The servers' own data keep no password in the clear, so they are read too. */
async function filesWith(project: Project, texts: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(project.root, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(path).catch(() => Buffer.alloc(0))
      return texts.some((text) => bytes.includes(text))
    }),
  )
  return paths.filter((_, index) => found[index] === true).map((path) => path.slice(project.root.length + 1))
}

/** Argument lists of every process, looked at again and again until the work has ended. */
async function watchArguments(work: Promise<unknown>): Promise<string> {
  const seen = new Set<string>()
  const state = { over: false }
  const watched = work.finally(() => {
    state.over = true
  })
  while (!state.over) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    for (const line of await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))))
      seen.add(line)
    await sleep(5)
  }
  await watched
  return [...seen].join('\n')
}

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(
    `${runtime}: passwords must stand in no label, plan, document, argument list or other file`,
    async () => {
      const project = await tempProject({ runtime })
      await project.write({ ...itemsMigration, '.gitignore': 'node_modules\n' })
      const port = await freePort()
      const other = `postgres({ port: ${String(port)}, password: process.env.OTHER_PASSWORD })`
      const app = echo(await freePort(), { word: 'hello' }).replace(
        'env: {',
        'env: { URL: db.url, OTHER: other.password,',
      )
      await project.declare({ db: database(project), other, ...(runtime === 'native' ? {} : { app }) })
      const env = { OTHER_PASSWORD: declared }
      const outputs: string[] = []
      const run = async (...words: readonly string[]): Promise<void> => {
        const { code, stdout, stderr } = await project.runWith(words, { env })
        expect([words, code, stderr]).toEqual([words, 0, expect.anything()])
        outputs.push(stdout, stderr)
      }
      await run('plan')
      await run('plan', '--json')
      const commandLines = await watchArguments(run('up', '--json', '--verbose'))
      for (const words of [['up', '--json'], ['status', '--json'], ['plan', '--json'], ['status']]) await run(...words)

      const generated = (await secretsOf(project.root)).passwords['db.password'] ?? ''
      expect(generated).toHaveLength(32)
      expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
      expect(await project.sql('SELECT 1', { port, password: declared })).toEqual([[1]])
      await expect(project.sql('SELECT 1', { port, password: 'wrong' })).rejects.toThrow(
        'password authentication failed',
      )

      const secrets = [generated, declared, encodeURIComponent(declared), (await secretsOf(project.root)).key]
      const labels = [...(await project.world.inspectAll()).matchAll(/"dev\.poststack\.[^\n]*/g)].join('\n')
      expect(labels).toContain('dev.poststack.spec')
      for (const secret of secrets) {
        expect(labels).not.toContain(secret)
        expect(commandLines).not.toContain(secret)
        expect(outputs.join('\n')).not.toContain(secret)
      }
      expect(await filesWith(project, secrets)).toEqual(['.poststack/secrets.json'])
      expect(((await stat(join(project.root, '.poststack/secrets.json'))).mode & 0o777).toString(8)).toBe('600')

      // A changed password must be told as a change, without either value.
      const plan = await project.runWith(['plan'], { env: { OTHER_PASSWORD: another } })
      expect(plan.stdout).not.toMatch(/Pass_w0rd/)

      // And then it is the role's, although the data keep the password of their first start.
      expect(plan.stdout).toMatch(/service:other +set-password +the declared password changed/)
      const changed = { env: { OTHER_PASSWORD: another } }
      const up = await project.runWith(['up', '--verbose'], changed)
      expect([up.code, up.stderr]).toEqual([0, expect.not.stringContaining(another)])
      expect(await project.sql('SELECT 1', { port, password: another })).toEqual([[1]])
      await expect(project.sql('SELECT 1', { port, password: declared })).rejects.toThrow(
        'password authentication failed',
      )
      if (runtime !== 'native') {
        const { stdout, stderr } = await execute(runtime, ['logs', `${project.stack}-other`])
        expect(stdout + stderr).toContain('ready to accept connections')
        expect(stdout + stderr).not.toContain(another)
      }
      expect(await filesWith(project, [another])).toEqual([])
      expect((await project.runWith(['plan', '--check'], changed)).code).toBe(0)

      // Nor does it matter that no container is left to tell which password the data have.
      const third = { env: { OTHER_PASSWORD: `${another} again` } }
      await run('down')
      const again = await project.runWith(['up', '--verbose'], third)
      expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining(another)])
      expect(await project.sql('SELECT 1', { port, password: third.env.OTHER_PASSWORD })).toEqual([[1]])
      expect((await project.runWith(['plan', '--check'], third)).code).toBe(0)
    },
  )
})
