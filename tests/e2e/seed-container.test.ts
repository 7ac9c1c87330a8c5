/**
 * The container commands as the description of the original has them, in one walk through a project, with what they leave in the engine.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { engineList } from '../support/engine-lists.ts'
import { freePort } from '../support/ports.ts'
import { tempProject } from '../support/project.ts'
import { database, debianImage } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const runtimes = await realRuntimes()
const engines = runtimes.filter(({ name }) => name !== 'native')

describe.each(engines)('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(
    `${runtime}: every command line of the original must do what it says`,
    async () => {
      const project = await tempProject({ runtime })
      const { root, stack, world } = project
      const name = `${stack}-my-postgres`
      await project.write({
        'containers/apache/Dockerfile': `FROM ${debianImage}\nCOPY containers/apache/page /page\n`,
      })
      await project.write({ 'containers/apache/page': 'one', 'containers/worker/Dockerfile': `FROM ${debianImage}\n` })
      await project.declare({ db: database(project, { fields: `containerName: '${name}'` }) })
      const container = (...words: readonly string[]) => project.succeed('container', ...words)
      const images = async (repository: string): Promise<readonly string[]> => {
        const lines = await engineList(runtime, [
          'images',
          '--no-trunc',
          '--format',
          '{{.Repository}}:{{.Tag}} {{.ID}}',
        ])
        return lines.filter((line) => line.replace(/^localhost\//, '').startsWith(`${repository}:`))
      }

      // Images
      await container('build')
      await container('build', '--image', 'postgres')
      await container('build', '--image', 'base-debian')
      await container('build', '--image', 'all')
      expect(await images('poststack/postgres')).not.toEqual([])
      expect(await images('poststack/base-debian')).not.toEqual([])
      await container('build-project', '--container', 'apache')
      expect(await images(`${stack}/worker`)).toEqual([])
      await container('build-project')
      const built = await images(`${stack}/apache`)
      expect(built).toHaveLength(2)
      expect(await images(`${stack}/worker`)).toHaveLength(2)
      expect((await container('build-project')).stdout).toContain('nothing to do')
      await container('build-project', '--container', 'apache', '--no-cache')
      const unknown = await project.run('container', 'build-project', '--container', 'apahce')
      expect(unknown.code).toBe(2)
      expect(unknown.stderr).toContain('there is no project container apahce')
      expect(unknown.stderr).toContain('did you mean apache?')
      expect((await container('list')).stdout).toMatch(new RegExp(`${stack}/apache:[0-9a-f]{12}  built\n`))

      // Lifecycle
      const port = await freePort()
      await container('start', '--postgres-port', String(port))
      expect(await world.only('db')).toMatchObject({ name, running: true })
      expect(await project.sql('SELECT 1', { port })).toEqual([[1]])
      expect((await container('status')).stdout).toMatch(new RegExp(`${name} +ready +postgresql://.*:${String(port)}/`))
      await container('health')
      await container('start')
      expect(await project.sql('SELECT 1')).toEqual([[1]])
      expect(await project.sql("SELECT count(*)::int FROM pg_namespace WHERE nspname = 'poststack'")).toEqual([[0]])
      const first = await world.only('db')
      await mkdir(join(root, 'deeper'))
      const again = await project.runWith(['container', 'start'], { cwd: join(root, 'deeper') })
      expect(again.stdout).toContain('nothing to do')
      expect(await world.only('db')).toEqual(first)
      expect((await container('status')).stdout).toContain(`${name}  ready`)
      expect((await container('health')).stdout).toContain('all services are well')
      expect((await container('list')).stdout).toMatch(new RegExp(`${name} +db +running .*127.0.0.1:${project.port}`))

      await container('stop', name)
      expect(await world.only('db')).toMatchObject({ id: first.id, running: false })
      expect((await container('stop', name)).stdout).toContain('nothing to do')
      const mistyped = await project.run('container', 'stop', name.replace('my', 'ym'))
      expect(mistyped.code).toBe(2)
      expect(mistyped.stderr).toContain(`did you mean ${name}?`)
      expect(mistyped.stderr).toContain(`db (container ${name})`)
      await container('stop', '--all')
      await container('remove', name)
      expect(await world.containers()).toEqual([])
      expect(await world.volumes()).toHaveLength(1)
      await container('start')
      const refused = await project.run('container', 'remove', name)
      expect(refused.code).toBe(2)
      expect(await world.only('db')).toMatchObject({ running: true })
      await container('remove', '--force', name)
      expect(await world.containers()).toEqual([])

      // What is left over: the network, and the image of a file that has changed.
      await project.write({ 'containers/apache/page': 'two' })
      await container('build-project')
      expect(await images(`${stack}/apache`)).toHaveLength(3)
      const plan = await container('clean', '--dry-run')
      expect(plan.stdout).toMatch(new RegExp(`network:${stack} +remove-network`))
      expect(plan.stdout).toMatch(
        new RegExp(`image:${stack}/apache:[0-9a-f]{12} +remove-image +built from older files`),
      )
      expect(await images(`${stack}/apache`)).toHaveLength(3)
      await container('clean')
      expect(await images(`${stack}/apache`)).toHaveLength(2)
      expect(await world.inspectAll()).not.toContain('"Driver": "bridge"')
      expect(await world.volumes()).toHaveLength(1)
      const kept = await project.run('container', 'clean', '--volumes')
      expect(kept.code).toBe(2)
      expect(kept.stderr).toContain(`volume:${stack}-db-data`)
      await container('clean', '--volumes', '--yes')
      expect(await world.volumes()).toEqual([])

      await rm(join(root, 'containers'), { recursive: true })
      const none = await project.run('container', 'build-project')
      expect(none.code).toBe(2)
      expect(none.stderr).toContain(`Looked for ${root}/containers/*/Dockerfile`)
    },
  )
})

describe.each(runtimes)('$title', ({ name: runtime, missing }) => {
  test.skipIf(missing !== undefined)(
    `${runtime}: two projects with nothing but a .env each must run beside each other`,
    async () => {
      const unique = randomBytes(4).toString('hex')
      const projects = await Promise.all(
        ['a', 'b'].map(async (letter) => {
          const project = await tempProject({ runtime })
          const name = `project-${letter}-${unique}-postgres`
          const lines = [`POSTSTACK_POSTGRES_CONTAINER_NAME=${name}`, `POSTSTACK_POSTGRES_HOST_PORT=${project.port}`]
          await project.write({ '.env': `${lines.join('\n')}\n` })
          const run = (...words: readonly string[]) =>
            project.runWith(words, { bare: true, env: { POSTSTACK_CONTAINER_RUNTIME: runtime } })
          return { ...project, name, run }
        }),
      )
      for (const project of projects) {
        const { name, run, world } = project
        const started = await run('container', 'start')
        expect([started.code, started.stderr]).toEqual([
          0,
          expect.stringContaining('POSTSTACK_POSTGRES_HOST_PORT (.env:2)'),
        ])
        expect(await world.only('postgres')).toMatchObject({ name, running: true })
        expect(await project.sql('SELECT 1', { service: 'postgres' })).toEqual([[1]])
        expect((await run('container', 'status')).stdout).toContain(name)
      }
      const [a, b] = projects
      if (a === undefined || b === undefined) throw new Error('two projects were made')
      const before = await b.world.only('postgres')

      // A wrong variable changes nothing of what runs; a flag wins over it.
      await a.write({ '.env': `POSTSTACK_POSTGRES_CONTAINER_NAME=${a.name}\nPOSTSTACK_POSTGRES_HOST_PORT=none\n` })
      const wrong = await a.run('container', 'start')
      expect([wrong.code, wrong.stdout]).toEqual([2, ''])
      expect(wrong.stderr).toContain('POSTSTACK_POSTGRES_HOST_PORT (.env:2) is "none"')
      expect(await a.sql('SELECT 1', { service: 'postgres' })).toEqual([[1]])
      await a.write({ '.env': `POSTSTACK_POSTGRES_CONTAINER_NAME=${a.name}\nPOSTSTACK_POSTGRES_HOST_PORT=${a.port}\n` })
      expect((await a.run('down', '--volumes', '--yes')).code).toBe(0)
      expect([await a.world.containers(), await a.world.volumes()]).toEqual([[], []])
      expect(await b.world.only('postgres')).toEqual(before)
      expect((await b.run('down', '--volumes', '--yes')).code).toBe(0)
    },
  )
})
