/**
 * What does not run by itself, and images that are pulled otherwise than when they are missing: one stack an engine.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { tempProject, type Project } from '../support/project.ts'
import { startRegistry } from '../support/registry.ts'
import { debianImage } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)
const sleeper = (fields = '', image = debianImage): string =>
  `container({ image: '${image}', command: ['sleep', '600'], stopGraceSeconds: 0, ${fields} })`

describe.each((await realRuntimes()).filter(({ name }) => name !== 'native'))(
  '$title',
  ({ name: runtime, missing }) => {
    let project: Project

    beforeAll(async () => {
      if (missing === undefined) project = await tempProject({ runtime, shared: true })
    })
    afterAll(async () => {
      if (missing === undefined) await project.destroy()
    })
    const obligation = (text: string, body: () => Promise<void>): void => {
      test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
    }
    const running = async (): Promise<readonly string[]> =>
      (await project.world.containers()).flatMap((one) => (one.running ? [one.service] : [])).toSorted()

    obligation('profiles decide what runs, and nothing that runs is taken away for them', async () => {
      await project.declare({
        web: sleeper(),
        store: sleeper("profiles: ['data']"),
        admin: sleeper("profiles: ['debug'], dependsOn: ['store']"),
        broken: "container({ build: { dockerfile: './missing/Dockerfile' }, profiles: ['never'] })",
      })
      await project.succeed('up')
      expect(await running()).toEqual(['web'])
      expect((await project.succeed('status', '--check')).stdout).toMatch(
        /admin: not asked for; with --profile debug, or by its name, it runs\n/,
      )
      expect((await project.succeed('container', 'health')).code).toBe(0)

      expect((await project.runWith(['up'], { env: { POSTSTACK_PROFILES: 'debug' } })).code).toBe(0)
      expect(await running()).toEqual(['admin', 'store', 'web'])
      const seen = await project.world.containers()
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect((await project.succeed('up', 'admin')).stdout).toContain('nothing to do')
      expect(await project.world.containers()).toEqual(seen)
      expect((await project.succeed('up', '--profile', 'debug')).stdout).toContain('nothing to do')
      await project.succeed('container', 'stop')
      expect(await running()).toEqual([])
      await project.succeed('container', 'start', 'store')
      expect(await running()).toEqual(['store'])

      const mistyped = await project.run('up', '--profile=dbug')
      expect(mistyped.code).toBe(2)
      expect(mistyped.stderr).toContain('did you mean `debug`?')
      await project.succeed('down')
      expect(await project.world.containers()).toEqual([])
    })

    obligation(
      'an image that must not be pulled is asked nobody for, and one for another platform is none',
      async () => {
        const absent = '127.0.0.1:9/absent:1'
        await project.declare({ web: sleeper("pull: 'never'", absent) })
        const ended = await project.run('up')
        expect(await project.world.containers()).toEqual([])
        expect(ended.code).toBe(4)
        expect(project.mask(ended.stderr)).toMatchInlineSnapshot(`
        "error  nothing was done. image:127.0.0.1:9/absent:1: not found, and \`pull: 'never'\` forbids pulling it  [IMAGE_MISSING]

               try: bring it here: RUNTIME pull 127.0.0.1:9/absent:1, or RUNTIME load -i FILE
               try: or leave \`pull\` out of the config, and it is pulled
        "
      `)

        await project.declare({ web: sleeper("platform: 'linux/s390x', pull: 'never'") })
        expect((await project.run('up')).stderr).toMatch(/it is there for linux\/\w+, and wanted for linux\/s390x/)
        await project.declare({ web: sleeper("pull: 'never'") })
        await project.succeed('up')
        expect(await running()).toEqual(['web'])

        // Without a registry behind its name there is no newer one, and that is a failure: it was asked for.
        const local = '127.0.0.1:9/local:1'
        await execute(runtime, ['tag', debianImage, local])
        onTestFinished(async () => void (await execute(runtime, ['rmi', local])))
        await project.declare({ web: sleeper("pull: 'always'", local) })
        const refused = await project.run('up')
        expect(refused.code).toBe(1)
        expect(refused.stderr).toContain('[PULL_FAILED]')
        expect(await running()).toEqual(['web'])
        expect((await project.succeed('plan')).stdout).toContain('`up` asks the registry for a newer one first')
        await project.succeed('down')
      },
    )

    // Podman wants a registry without TLS to be named in a file of the machine.
    if (runtime === 'podman') return
    obligation('up asks the registry for a newer image, and recreates what runs an older one', async () => {
      const registry = await startRegistry()
      const pushed: string[] = []
      onTestFinished(async () => {
        await project.run('down')
        await execute(runtime, ['rmi', '-f', ...pushed]).catch(() => undefined)
        await registry.close()
      })
      const imageOf = async (): Promise<string> => {
        const { stdout } = await execute(runtime, ['inspect', '--format', '{{.Image}}', `${project.stack}-web`])
        return stdout.trim()
      }
      const first = await registry.push('first')
      pushed.push(first)
      await project.declare({ web: `container({ image: '${registry.image}', pull: 'always', stopGraceSeconds: 0 })` })
      const began = await project.succeed('up', '--verbose')
      expect(await imageOf()).toBe(first)
      expect(began.stderr).toContain(`pulling ${registry.image}: `)
      const before = await project.world.containers()
      expect((await project.succeed('up')).stdout).toContain('is as declared')
      expect(await project.world.containers()).toEqual(before)

      const second = await registry.push('second')
      pushed.push(second)
      await project.succeed('container', 'start')
      expect(await imageOf()).toBe(first)
      await project.succeed('up')
      expect(await imageOf()).toBe(second)
      await project.declare({
        web: `container({ image: '${registry.image}', platform: 'linux/arm64', stopGraceSeconds: 0 })`,
      })
      const other = await project.run('up')
      expect(other.code).toBe(1)
      expect(other.stderr).toContain('try: Leave `platform` out, or name an image that is made for it.')
    })
  },
)
