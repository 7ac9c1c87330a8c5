/**
 * The examples run as they stand, in a copy: only ports are changed, and the stack's name, which other tests may use too.
 */
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { appliedMigrations, tempProject, type Project } from '../support/project.ts'
import { freePort } from '../support/ports.ts'
import { fetchText } from '../support/services.ts'
import { realRuntimes, type RealRuntime } from '../support/world.ts'

interface Changes {
  readonly name: string
  readonly port: number
}

/** A copy of an example. A change that finds nothing to change is an error: the example is then not the one that this test knows. */
async function copyOf(runtime: RealRuntime, example: string, { name, port }: Changes): Promise<Project> {
  const project = await tempProject({ runtime })
  await cp(fileURLToPath(new URL(`../../examples/${example}`, import.meta.url)), project.root, {
    recursive: true,
    filter: (path) => !path.includes('.poststack'),
  })
  await change(project, [
    [`name: '${name}'`, `name: '${project.stack}'`],
    [`port: ${String(port)}`, `port: ${String(project.port)}`],
  ])
  return project
}

async function change(project: Project, changes: readonly (readonly [string, string])[]): Promise<void> {
  const file = join(project.root, 'poststack.config.ts')
  let text = await readFile(file, 'utf8')
  for (const [from, to] of changes) {
    expect(text).toContain(from)
    text = text.replace(from, to)
  }
  await writeFile(file, text)
}

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(`${runtime}: the quickstart must run as it stands`, async () => {
    const project = await copyOf(runtime, 'quickstart', { name: 'quickstart', port: 5440 })
    await project.succeed('up')
    expect(await project.sql(appliedMigrations)).toEqual([['001_notes applied'], ['002_note_tags applied']])
    await project.sql("INSERT INTO notes (body, tags) VALUES ('hello', '{a}')")
    expect((await project.succeed('up')).stdout).toContain('nothing to do')
    expect(await project.sql('SELECT body, tags FROM notes')).toEqual([['hello', ['a']]])
    await project.succeed('down', '--volumes', '--yes')
  })

  if (runtime === 'native') return

  test.skipIf(missing !== undefined)(
    `${runtime}: the web application must answer with the rows of its migration and its job`,
    // Its image is built from Debian's packages.
    { timeout: 600_000 },
    async () => {
      const project = await copyOf(runtime, 'web-app', { name: 'guestbook', port: 5441 })
      const web = await freePort()
      await change(project, [['host: 8090', `host: ${String(web)}`]])
      await project.succeed('up')
      const page = JSON.parse(await fetchText(web)) as unknown
      const first = [
        { author: 'migration', message: 'inserted by 001_entries.sql' },
        { author: 'seed', message: 'written by the job that ran before the web server started' },
      ]
      expect(page).toEqual({ greeting: 'Hello from the guest book', entries: first })
      const before = await project.world.containers()
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect(await project.world.containers()).toEqual(before)

      // Another greeting recreates the server alone, and the job does not run again.
      await change(project, [['Hello from', 'Welcome to']])
      await project.succeed('up')
      expect(JSON.parse(await fetchText(web))).toEqual({ greeting: 'Welcome to the guest book', entries: first })
      await project.succeed('down', '--volumes', '--yes')
    },
  )
})
