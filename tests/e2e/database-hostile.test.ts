/**
 * Every database command on a database where somebody put operators and types of his own before those of PostgreSQL: what Poststack asks must
 * not run a line of his.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostile } from '../support/hostile.ts'
import { ledgerOf } from '../support/migrations.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { urlProject } from '../support/url-project.ts'

let server: TestServer

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(async () => {
  await server.stop()
})

describe('a search_path with operators and types of its own before those of PostgreSQL', () => {
  test('must not be asked by any command', { timeout: 180_000 }, async () => {
    const project = await urlProject(server)
    const { database } = project
    await database.rows(hostile)
    const [made] = await database.rows(
      "SELECT count(*)::int AS n FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace",
    )
    expect(made?.['n']).toBeGreaterThan(250)
    await database.rows(`ALTER DATABASE ${database.target.database} SET search_path = public, evil, pg_catalog`)
    await project.write({
      'migrations/001_a.sql': 'CREATE TABLE a (id int PRIMARY KEY);\n',
      'migrations/001_a.rollback.sql': 'DROP TABLE a;\n',
      'migrations/002_b.sql':
        'CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY b_id ON b (id);\nCREATE INDEX CONCURRENTLY IF NOT EXISTS b_id ON b (id);\n',
      'migrations/002_b.rollback.sql': 'DROP INDEX CONCURRENTLY b_id;\nDROP TABLE b;\n',
    })
    await project.succeed('create-schema')
    await project.succeed('migrate', '--dry-run')
    await project.succeed('migrate')
    expect(await ledgerOf(database)).toEqual(['001 applied', '002 applied'])
    const half = 'CREATE TABLE c (id int);\nCREATE INDEX CONCURRENTLY c_id ON c (id);\nSELECT missing();\n'
    await project.write({ 'migrations/003_c.sql': half })
    expect((await project.run('migrate')).stderr).toContain('function missing() does not exist')
    const cases = await project.run('repair')
    expect(cases.stderr).toBe('')
    expect(cases.stdout).toContain('table c is there')
    await project.succeed('repair', '--version', '3', '--choose', 'mark-rolled-back')
    await project.write({ 'migrations/003_c.sql': 'CREATE TABLE c (id int);\n' })
    await project.succeed('baseline', '--version', '3', '--yes')
    expect((await project.succeed('show-schema')).stdout).toMatch(/^ *public\.b\b/m)
    await project.succeed('show-schema', '--schema', 'public')
    await project.succeed('migration-status', '--check')
    await project.succeed('test-connection')
    await project.succeed('unlock-migrations', '--yes')
    const verified = await project.succeed('verify-migrations', '--rollbacks', '--drift')
    expect(verified.stderr.match(/exact: rolled back/g)).toHaveLength(2)
    await project.write({ 'migrations/003_c.rollback.sql': 'DROP TABLE c;\n' })
    await project.succeed('rollback', '--steps', '3', '--use-file', '--yes')
    expect(await ledgerOf(database)).toEqual([])
    expect((await project.run('query', 'SELECT 1 = 1')).stderr).toContain('hostile operator =')
    await project.succeed('drop-schema', '--yes')
    expect(await database.rows("SELECT pg_catalog.to_regnamespace('poststack') IS NULL AS gone")).toEqual([
      { gone: true },
    ])
  })
})
