/**
 * Two of everything: two runs at once, two checkouts of one project, and neighbours that Poststack did not make.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appliedMigrations, tempProject } from '../support/project.ts'
import { database, debianImage, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)

describe.each(await realRuntimes())('$title', ({ name: runtime, missing }) => {
  const obligation = (text: string, body: () => Promise<void>): void => {
    test.skipIf(missing !== undefined)(`${runtime}: ${text}`, body)
  }

  obligation('of two ups at once one must work, and the other must wait, name it, and find all done', async () => {
    const project = await tempProject({ runtime })
    await project.write({ ...itemsMigration, 'migrations/002_slow.sql': 'SELECT pg_sleep(2);\n' })
    await project.declare({ db: database(project) })
    const runs = [project.start(['up']), project.start(['up'])]
    const ended = await Promise.all(runs.map((run) => run.ended))
    expect((await project.world.containers()).map(({ name, running }) => [name, running])).toEqual([
      [`${project.stack}-db`, true],
    ])
    expect(await project.sql(appliedMigrations)).toEqual([['001_items applied'], ['002_slow applied']])
    expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
    const waiting = ended.findIndex(({ stderr }) => stderr.includes('waiting for'))
    expect(waiting).not.toBe(-1)
    const worker = runs[1 - waiting]?.process.pid
    expect(ended[waiting]?.stderr).toContain(`waiting for poststack up (pid ${String(worker)}`)
    expect(ended[waiting]?.stdout).toContain('nothing to do')
    expect(ended[1 - waiting]?.stderr).not.toContain('waiting for')
  })

  obligation('two checkouts with other ports must run side by side, and survive each other', async () => {
    const stack = `e2e-${randomBytes(4).toString('hex')}`
    const [one, two] = [await tempProject({ runtime, stack }), await tempProject({ runtime, stack })]
    for (const project of [one, two]) {
      await project.write(itemsMigration)
      await project.declare({ db: database(project) })
      await project.succeed('up')
    }
    await one.sql("INSERT INTO items (body) VALUES ('one')")
    await two.sql("INSERT INTO items (body) VALUES ('two')")
    const [first, second] = [await one.world.only('db'), await two.world.only('db')]
    expect(second.id).not.toBe(first.id)
    for (const project of [one, two]) await project.succeed('plan', '--check')

    await one.succeed('down', '--volumes', '--yes')
    expect(await one.world.volumes()).toEqual([])
    expect(await two.world.only('db')).toEqual(second)
    expect(await two.sql('SELECT body FROM items ORDER BY id')).toEqual([['first'], ['two']])

    await one.succeed('up')
    await two.succeed('down', '--volumes', '--yes')
    expect(await two.world.containers()).toEqual([])
    expect(await one.sql('SELECT body FROM items')).toEqual([['first']])
  })

  obligation('two checkouts with other names and ports must not know of each other', async () => {
    const [one, two] = [await tempProject({ runtime }), await tempProject({ runtime })]
    for (const project of [one, two]) {
      await project.write(itemsMigration)
      await project.declare({ db: database(project) })
      await project.succeed('up')
      expect((await project.world.only('db')).name).toBe(`${project.stack}-db`)
    }
    await one.succeed('down', '--volumes', '--yes')
    expect(await two.sql('SELECT body FROM items')).toEqual([['first']])
  })

  if (runtime === 'native') return

  obligation('two checkouts that come up for the first time at the same moment must both be up', async () => {
    const stack = `e2e-${randomBytes(4).toString('hex')}`
    const checkouts = [await tempProject({ runtime, stack }), await tempProject({ runtime, stack })]
    const app = `container({ image: '${debianImage}', command: ['sleep', '600'], stopGraceSeconds: 0 })`
    for (const project of checkouts) await project.declare({ web: app, worker: app })
    const ended = await Promise.all(checkouts.map((project) => project.run('up')))
    expect(ended.map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
      [0, ''],
      [0, ''],
    ])
    for (const project of checkouts) {
      await project.succeed('plan', '--check')
      const containers = await project.world.containers()
      expect(containers.map(({ running }) => running)).toEqual([true, true])
    }
    for (const project of checkouts) await project.succeed('down', '--volumes', '--yes')
  })

  obligation('a container that somebody else made must be left alone, and the plan must say how to go on', async () => {
    const project = await tempProject({ runtime })
    const name = `${project.stack}-db`
    await execute(runtime, ['run', '-d', '--pull=never', '--name', name, debianImage, 'sleep', '1000'])
    onTestFinished(async () => {
      await execute(runtime, ['rm', '-f', name])
    })
    const look = async (): Promise<string> =>
      (await execute(runtime, ['inspect', '--format', '{{.Id}} {{.State.StartedAt}} {{.State.Running}}', name])).stdout
    const before = await look()
    await project.write(itemsMigration)
    await project.declare({ db: database(project) })

    const plan = await project.run('plan')
    const up = await project.run('up')
    const down = await project.run('down', '--volumes', '--yes')
    expect(await look()).toBe(before)
    expect(await project.world.containers()).toEqual([])
    expect(await project.world.volumes()).toEqual([])
    expect(plan.code).toBe(1)
    expect(plan.stdout).toContain('1 blocked: nothing will be done until that is mended')
    expect(project.mask(plan.stdout)).toMatchInlineSnapshot(`
      "STACK on RUNTIME: 1 step, 1 blocked: nothing will be done until that is mended

        #1 service:db  blocked  the name STACK-db is taken by something that Poststack did not make
             - remove or rename the container STACK-db if nothing needs it
             - set another \`containerName\` of db, or \`name\` of the stack, in the config
      "
    `)
    expect(up.code).toBe(1)
    expect(project.mask(up.stderr)).toMatchInlineSnapshot(`
      "error  nothing was done. db: the name STACK-db is taken by something that Poststack did not make  [NAME_TAKEN]

             try: remove or rename the container STACK-db if nothing needs it
             try: set another \`containerName\` of db, or \`name\` of the stack, in the config
      "
    `)
    expect(down.code).toBe(0)

    // One of the ways that it names.
    await project.declare({
      db: database(project, { fields: `migrations: './migrations', containerName: '${project.stack}-mine'` }),
    })
    await project.succeed('up')
    expect(await project.sql('SELECT body FROM items')).toEqual([['first']])
    expect(await look()).toBe(before)
  })
})
