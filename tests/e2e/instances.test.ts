/**
 * Two instances of one config beside each other, with ports that Poststack chooses: each has its own of everything, and keeps it.
 */
import { createServer, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { tempProject, type Project } from '../support/project.ts'
import { itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const db = "postgres({ port: 'auto', migrations: './migrations' })"
const app =
  "container({ image: 'docker.io/library/debian:trixie-slim', command: ['sleep', '600'], stopGraceSeconds: 0, " +
  "volumes: [{ volume: 'files', target: '/files' }] })"

async function portOf(project: Project, ...flags: readonly string[]): Promise<number> {
  const { stdout } = await project.succeed('status', ...flags)
  return Number(/127\.0\.0\.1:(\d+)\/poststack/.exec(stdout)?.[1])
}

async function occupy(port: number): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve())
  })
  onTestFinished(() => void server.close())
  return server
}

for (const { name: runtime, missing } of await realRuntimes()) {
  test.skipIf(missing !== undefined)(
    `${runtime}: two instances must run side by side, keep their ports, and leave each other alone`,
    { timeout: 120_000 },
    async () => {
      const project = await tempProject({ runtime })
      await project.write(itemsMigration)
      await project.declare(runtime === 'native' ? { db } : { db, app })
      await project.succeed('up')
      await project.succeed('up', '--instance', 'two')
      const [one, two] = [await portOf(project), await portOf(project, '--instance', 'two')]
      expect(one).not.toBe(two)
      await project.sql("INSERT INTO items (body) VALUES ('only in two')", { port: two })
      const count = 'SELECT count(*)::integer FROM items'
      expect([await project.sql(count, { port: one }), await project.sql(count, { port: two })]).toEqual([[[1]], [[2]]])
      expect((await project.succeed('up')).stdout).toContain('nothing to do')

      // The other one is left as it is, and the port is the same afterwards.
      const other = (await project.world.containers()).filter(({ name }) => name.startsWith(`${project.stack}-two-`))
      await project.succeed('down')
      expect(await project.world.containers()).toEqual(other)
      await project.succeed('up')
      expect(await portOf(project)).toBe(one)
      expect((await project.succeed('db', 'migration-status', '--instance', 'two')).stdout).toContain(
        `127.0.0.1:${String(two)} `,
      )

      if (runtime !== 'native') {
        // A service that the config no longer has goes, and its volume stays.
        await project.declare({ db })
        expect((await project.succeed('plan')).stdout).toMatch(/service:app +remove +no longer declared/)
        await project.succeed('up')
        expect((await project.world.containers()).map(({ name }) => name)).not.toContain(`${project.stack}-app`)
        expect(await project.world.volumes()).toContain(`${project.stack}-files`)
      }

      // Only what cannot be had moves.
      await project.succeed('down')
      await occupy(one)
      await project.succeed('up')
      const moved = await portOf(project)
      expect(moved).not.toBe(one)
      expect(await project.sql(count, { port: moved })).toEqual([[1]])
      await project.succeed('plan', '--check')
      await project.succeed('down', '--volumes', '--yes')
      await project.succeed('down', '--volumes', '--yes', '--instance', 'two')
    },
  )
}
