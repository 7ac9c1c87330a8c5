/**
 * The commands of group `container` on one stack a runtime, with what they leave behind them. Build, remove and clean are in
 * `seed-container.test.ts`.
 */
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wordsOf } from '../support/cli.ts'
import { freePort } from '../support/ports.ts'
import { tempProject, type Project } from '../support/project.ts'
import { database, echo, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const patient = { timeout: 20_000 }

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  let project: Project
  const hasContainers = runtime !== 'native'

  beforeAll(async () => {
    if (missing !== undefined) return
    project = await tempProject({ runtime, shared: true })
    await project.write(itemsMigration)
    const web = echo(await freePort(), { word: 'hello', fields: 'dependsOn: { db: "migrated" }' })
    await project.declare({ db: database(project), ...(hasContainers ? { web } : {}) })
    await project.succeed('container', 'start')
  })

  afterAll(async () => {
    if (missing === undefined) await project.destroy()
  })

  const obligation = (text: string, on: 'all' | 'engines', body: () => Promise<void>): void => {
    // What a runtime does not have it does not owe.
    if (on === 'engines' && !hasContainers) return
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }

  const names = hasContainers ? ['db', 'web'] : ['db']
  const running = async () =>
    (await project.world.containers()).filter((one) => one.running).map(({ service }) => service)
  const documentOf = async (...words: readonly string[]): Promise<unknown> =>
    JSON.parse((await project.run(...words, '--json')).stdout)

  obligation(
    'what start has started must be told alike by status, list and health, and nothing is migrated',
    'all',
    async () => {
      expect((await running()).toSorted()).toEqual(names)
      expect(await project.sql("SELECT count(*)::int FROM pg_tables WHERE tablename = 'items'")).toEqual([[0]])
      expect(await documentOf('container', 'status')).toMatchObject({
        version: 1,
        type: 'container-status',
        services: names.map((service) => ({ service, container: `${project.stack}-${service}`, state: 'ready' })),
      })
      expect(await documentOf('container', 'list')).toMatchObject({
        type: 'container-list',
        containers: names.map((service) => ({ service, state: 'running', declared: true })),
      })
      expect(await documentOf('container', 'health')).toMatchObject({ type: 'container-health', healthy: true })
    },
  )

  obligation('logs must show each service, its last lines only, and go on until nobody listens', 'all', async () => {
    const all = await project.succeed('container', 'logs')
    expect(all.stdout).toMatch(/^db {1,2}\| .*ready to accept connections$/m)
    const { stdout } = await project.succeed('container', 'logs', 'db', '--tail', '1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ type: 'log', service: 'db', container: `${project.stack}-db` })
    const follow = project.start(['container', 'logs', 'db', '--follow', '--tail', '0'])
    const word = `said-${String(Date.now())}`
    const speak = async () => {
      await project.sql(`SELECT ${word.replace('-', '_')}`).catch(() => undefined)
    }
    const heard = follow.said(word.replace('-', '_'))
    const speaking = setInterval(() => void speak(), 1000)
    await heard
    clearInterval(speaking)
    follow.process.kill('SIGINT')
    expect(await follow.ended).toMatchObject({ code: 130, stderr: '' })
    const unread = project.start(['container', 'logs', '--follow', '--since', '1h'])
    await unread.said('ready to accept connections')
    unread.process.stdout?.destroy()
    const going = setInterval(() => void speak(), 500)
    expect((await unread.ended).code).toBe(0)
    clearInterval(going)
  })

  obligation('exec and shell must run in the container, and give its exit code', 'engines', async () => {
    const run = (...words: readonly string[]) =>
      project.runWith(['--runtime', runtime, 'container', ...words], { bare: true })
    expect(await run('exec', 'web', '--', 'printenv', 'WORD')).toMatchObject({ code: 0, stdout: 'hello\n' })
    expect((await run('exec', 'web', '--', 'sh', '-c', 'exit 9')).code).toBe(9)
    const typed = await project.runWith(['container', 'shell', 'web', '--runtime', runtime], {
      bare: true,
      typed: [
        ['# ', 'echo word-$WORD; exit 3\n'],
        ['word-hello', ''],
      ],
    })
    expect(typed.stdout).toContain('word-hello')
    expect(typed.code).toBe(3)
    const unknown = await run('exec', 'wbe', '--', 'true')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('did you mean web?')
  })

  obligation('restart must keep containers and start them anew, and leave others alone', 'all', async () => {
    const before = await project.world.containers()
    const one = hasContainers ? 'web' : 'db'
    await project.succeed('container', 'restart', one)
    for (const { id, name, service, started } of before) {
      const now = await project.world.only(service)
      expect(now).toMatchObject({ name, running: true })
      if (hasContainers) expect(now.id).toBe(id)
      expect(now.started === started).toBe(service !== one)
    }
    expect((await project.run('container', 'restart', 'nobody')).code).toBe(2)
  })

  obligation('what is followed must be followed through a restart, and end with the service', 'all', async () => {
    const follow = project.start(['container', 'logs', 'db', '--follow', '--tail', '1'])
    await follow.said('db')
    await project.succeed('container', 'restart', 'db')
    await follow.said('database system is shut down')
    await follow.said('ready to accept connections')
    await project.succeed('container', 'stop', 'db')
    const { code, stdout } = await follow.ended
    expect(code).toBe(0)
    expect(stdout.match(/database system is shut down/g)).toHaveLength(2)
    await project.succeed('container', 'start', 'db')
  })

  obligation('stop must stop what is named, health must say why not, and start must bring it back', 'all', async () => {
    await project.succeed('container', 'stop', 'db')
    expect(await running()).toEqual(hasContainers ? ['web'] : [])
    expect((await project.succeed('container', 'stop', 'db')).stdout).toContain('nothing to do')
    // From elsewhere, where there is no config.
    const there = { bare: true, cwd: dirname(project.root) }
    const named = ['-C', 'project', '-c', 'poststack.config.ts', '--runtime', runtime]
    const health = await project.runWith([...named, 'container', 'health', 'db'], there)
    expect(health.code).toBe(1)
    expect(health.stdout).toContain(`${project.stack}: 1 of 1 services is not well`)
    expect(health.stdout).toContain('database system is shut down')
    const unknown = await project.run('container', 'stop', 'bd')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain(`one of the declared services: ${names.join(', ')}`)
    expect((await project.run('container', 'stop', '--all', 'db')).code).toBe(2)
    const told = /try: It does not run\. Start it: (poststack .*)$/m.exec(health.stdout)?.[1] ?? ''
    expect(await project.runWith(wordsOf(told), there)).toMatchObject({ code: 0 })
    expect((await running()).toSorted()).toEqual(names)
    await project.succeed('container', 'stop')
    expect(await running()).toEqual([])
  })

  obligation('an up that follows must migrate, and find containers as they are', 'all', async () => {
    await project.succeed('up')
    expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
    await expect.poll(() => running().then((all) => all.toSorted()), patient).toEqual(names)
  })

  obligation('where there are no containers, exec must say how to run it here', 'all', async () => {
    if (hasContainers) return
    const refused = await project.runWith(['--runtime', runtime, 'container', 'exec', 'db', '--', 'ls'], { bare: true })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`poststack --runtime ${runtime} exec -- <command>`)
    const build = await project.run('container', 'build')
    expect(build.code).toBe(4)
    expect(build.stderr).toContain('the native runtime builds no images')
  })
})
