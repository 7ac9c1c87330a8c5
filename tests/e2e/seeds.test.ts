/**
 * Seeds of a database: in the plan, once for each content, as a whole or not at all.
 */
import { describe, expect, test } from 'vitest'
import { tempProject } from '../support/project.ts'
import { database, itemsMigration } from '../support/services.ts'
import { startWatch } from '../support/watching.ts'

const bodies = 'SELECT body FROM items ORDER BY id'
const seeded = 'SELECT file FROM poststack.seeded_files ORDER BY seeded_at'

describe('seeds', () => {
  test('must be in the plan, run once for each content, and fail as a whole', async () => {
    const project = await tempProject({ runtime: 'native' })
    await project.write({
      ...itemsMigration,
      'package.json': '{}',
      'seeds/010_items.sql': "INSERT INTO items (body) VALUES ('seeded');\n\\ir more.sql\n",
      'seeds/more.sql': 'COPY items (body) FROM stdin;\nincluded\n\\.\n',
      'seeds/names.ts': "export const names = ['from a script']\n",
      'seeds/020_more.ts':
        "import { stack } from 'poststack/run'\nimport { names } from './names'\nfor (const name of names) await stack.sql`INSERT INTO items (body) VALUES (${name})`\nconsole.log('wrote', names.length)\n",
      'seeds/README.md': 'No seed.\n',
    })
    await project.declare({ db: database(project, { fields: "migrations: './migrations', seed: './seeds'" }) })
    const plan = await project.succeed('plan')
    expect(plan.stdout).toContain('seed')
    expect(plan.stdout).toContain('2 new: 010_items.sql, 020_more.ts')

    const up = await project.succeed('up')
    expect(up.stderr + up.stdout).toMatch(/ok +db +seeded .*010_items\.sql, 020_more\.ts/)
    expect(await project.sql(bodies)).toEqual([['first'], ['seeded'], ['included'], ['from a script']])
    expect(await project.sql(seeded)).toEqual([['010_items.sql'], ['020_more.ts']])
    expect((await project.succeed('up')).stdout).toContain('nothing to do')

    // What is included is content, too.
    await project.write({ 'seeds/more.sql': "INSERT INTO items (body) VALUES ('edited');\n" })
    expect((await project.succeed('plan')).stdout).toContain('1 changed: 010_items.sql')
    await project.succeed('up')
    expect((await project.sql(bodies)).slice(4)).toEqual([['seeded'], ['edited']])

    const watch = await startWatch(project)
    await project.write({ 'seeds/025_watched.sql': "INSERT INTO items (body) VALUES ('watched');\n" })
    await watch.run()
    expect((await project.sql(bodies)).slice(6)).toEqual([['watched']])
    expect((await watch.end()).code).toBe(0)

    await project.write({
      'seeds/030_wrong.sql': "INSERT INTO items (body) VALUES ('gone');\nINSERT INTO items (bodi) VALUES ('x');\n",
    })
    const refused = await project.run('up')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('[SEED_FAILED]')
    expect(refused.stderr).toContain('030_wrong.sql, line 2, column 20')
    expect(refused.stderr).toContain('0 of 1 pending seed applied')
    await project.write({ 'seeds/030_wrong.sql': 'VACUUM items;\n' })
    expect((await project.run('up')).stderr).toContain('cannot share a transaction')
    await project.write({
      'seeds/030_wrong.sql': '',
      'seeds/040_wrong.ts': "console.error('the reason')\nprocess.exit(3)\n",
    })
    const failed = await project.run('up')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('[SCRIPT_FAILED]')
    expect(failed.stderr).toContain('the reason')
    expect(await project.sql(bodies)).toHaveLength(7)
    expect(await project.sql(`${seeded} DESC LIMIT 1`)).toEqual([['030_wrong.sql']])
  })

  test('without migrations they must be refused, and so must a folder that is not there', async () => {
    const project = await tempProject({ runtime: 'native' })
    await project.declare({ db: database(project, { fields: "seed: './seeds'" }) })
    const refused = await project.run('plan')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('services.db.seed')
    expect(refused.stderr).toContain('needs `migrations`')
    await project.write(itemsMigration)
    await project.declare({ db: database(project, { fields: "migrations: './migrations', seed: './seeds'" }) })
    const missing = await project.run('plan')
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('[SEED_INVALID]')
  })
})
