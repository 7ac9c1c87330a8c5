import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineName, Login } from '../support/image-lab.ts'
import { ask, connect, imageLab, missingEngine, passwordFile } from '../support/image-lab.ts'

const engines: readonly EngineName[] = ['podman', 'docker']
const missing = new Map<EngineName, string | undefined>()
for (const engine of engines) missing.set(engine, await missingEngine(engine))

const marker = '/var/lib/postgresql/data/poststack-first-start-unfinished'
const who = `
  SELECT current_user::text AS "user", current_database()::text AS "database", rolsuper AS "super", rolpassword LIKE 'SCRAM-SHA-256$%' AS "scram",
    (SELECT datdba = a.oid FROM pg_database WHERE datname = current_database()) AS "owner", a.oid::int AS "oid",
    (SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname !~ '^pg_') AS "roles",
    current_setting('data_checksums') AS "checksums", (SELECT system_identifier::text FROM pg_control_system()) AS "identity",
    (SELECT datcollate || ' ' || datlocprovider::text FROM pg_database WHERE datname = current_database()) AS "locale"
  FROM pg_authid a WHERE rolname = current_user`

for (const engine of engines) {
  const reason = missing.get(engine)
  describe.skipIf(reason !== undefined)(
    `the images on ${engine}${reason === undefined ? '' : ` (skipped: ${reason})`}`,
    () => {
      const lab = imageLab(engine)
      beforeAll(() => lab.build(), 600_000)
      afterAll(() => lab.cleanUp())

      const secret = 'correct horse'
      const shop = { POSTGRES_USER: 'shop', POSTGRES_DB: 'store', POSTGRES_PASSWORD_FILE: passwordFile }
      const files = { [passwordFile]: `${secret}\n` }

      async function login(name: string, change: Partial<Login> = {}): Promise<Login> {
        return { port: await lab.port(name), user: 'shop', database: 'store', password: secret, ...change }
      }

      it('the first start makes the role and the database, for the password in the file only', async () => {
        const name = await lab.create({ env: shop, files })
        const began = performance.now()
        await lab.start(name)
        const row = await ask(await login(name), who)
        console.info(`${engine}: start to first login ${Math.round(performance.now() - began)} ms`)
        expect(row).toMatchObject({
          user: 'shop',
          database: 'store',
          super: true,
          scram: true,
          owner: true,
          oid: 10,
          roles: 'shop',
        })
        expect(row).toMatchObject({ checksums: 'on', locale: 'C.UTF-8 b' })
        await expect(connect(await login(name, { password: 'wrong' }))).rejects.toMatchObject({ code: '28P01' })
        expect(await lab.logs(name)).not.toContain(secret)
        expect(await lab.engine('exec', name, 'bash', '-c', 'tr "\\0" "\\n" </proc/1/cmdline')).toBe('postgres')
        const environment = await lab.engine(
          'exec',
          '-u',
          'postgres',
          name,
          'bash',
          '-c',
          'tr "\\0" "\\n" </proc/1/environ',
        )
        expect(environment).not.toContain(secret)
      })

      it('each cluster has its own identity', async () => {
        const names = [await lab.create({ env: shop, files }), await lab.create({ env: shop, files })]
        const identities = []
        for (const name of names) {
          await lab.start(name)
          identities.push((await ask(await login(name), who))['identity'])
        }
        expect(new Set(identities).size).toBe(2)
      })

      it('a new container on the same volume keeps the data and needs no password file', async () => {
        const volume = lab.volumeName()
        const first = await lab.create({ env: shop, files, volume })
        await lab.start(first)
        await ask(await login(first), 'CREATE TABLE kept AS SELECT 42 AS answer')
        await lab.engine('rm', '-f', first)
        const second = await lab.create({ env: shop, volume })
        await lab.start(second)
        expect(await ask(await login(second), 'SELECT answer FROM kept')).toEqual({ answer: 42 })
      })

      it('init scripts run at the first start only, as the user, in the database', async () => {
        const scripts = {
          '/docker-entrypoint-initdb.d/1.sql': 'CREATE TABLE runs (by text, db text);',
          '/docker-entrypoint-initdb.d/2.sh': 'psql -c "INSERT INTO runs SELECT current_user, current_database()"',
        }
        const name = await lab.create({ env: shop, files: { ...files, ...scripts } })
        for (const time of ['first', 'second']) {
          await lab.start(name)
          const row = await ask(await login(name), 'SELECT count(*)::int AS n, min(by) AS by, min(db) AS db FROM runs')
          expect({ time, ...row }).toEqual({ time, n: 1, by: 'shop', db: 'store' })
          await lab.engine('stop', name)
        }
      })

      it('a failing init script fails the start; the next start begins again from nothing', async () => {
        const script = 'CREATE TABLE once (x int); SELECT 1 / 0;'
        const path = '/docker-entrypoint-initdb.d/1.sql'
        const volume = lab.volumeName()
        const bad = await lab.create({ env: shop, volume, files: { ...files, [path]: script } })
        await lab.start(bad)
        expect(await lab.exitCode(bad)).not.toBe(0)
        expect(await lab.logs(bad)).toMatch(/1\.sql:1: ERROR: {2}division by zero/)
        const good = await lab.create({
          env: shop,
          volume,
          files: { ...files, [path]: script.replace('1 / 0', '1 / 1') },
        })
        await lab.start(good)
        expect(await ask(await login(good), 'SELECT count(*)::int AS n FROM once')).toEqual({ n: 0 })
      })

      it.each([
        ['postgres', 'postgres', 'plain'],
        ['postgres', 'app', 'plain'],
        ['poststack', 'template1', 'plain'],
        [`O'Neil "the $HOME" & \\co`, 'bücher; DROP', `it's "quoted" \\ $HOME $(id) & ü€ '; --`],
        ['-x', '$$', '-p $1 \\1'],
      ])('the user %j, the database %j and the password %j are taken literally', async (user, database, password) => {
        const env = { POSTGRES_USER: user, POSTGRES_DB: database, POSTGRES_PASSWORD_FILE: passwordFile }
        const name = await lab.create({ env, files: { [passwordFile]: password } })
        await lab.start(name)
        expect(await ask(await login(name, { user, database, password }), who)).toMatchObject({
          user,
          database,
          roles: user,
          owner: true,
          oid: 10,
        })
        expect(await lab.logs(name)).not.toContain(password === 'plain' ? 'PASSWORD' : password)
      })

      it('POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD reach initdb', async () => {
        const env = {
          ...shop,
          POSTGRES_INITDB_ARGS: "--wal-segsize=1 --set='application_name=two words'",
          POSTGRES_HOST_AUTH_METHOD: 'password',
        }
        const name = await lab.create({ env, files })
        await lab.start(name)
        const sql = `SELECT current_setting('wal_segment_size') AS wal, reset_val AS set,
        (SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules WHERE type = 'host') AS auth FROM pg_settings WHERE name = 'application_name'`
        expect(await ask(await login(name), sql)).toMatchObject({ wal: '1MB', auth: 'password' })
        expect(await ask(await login(name), who)).toMatchObject({ user: 'shop', super: true, owner: true, oid: 10 })
        expect(
          await lab.engine(
            'exec',
            name,
            'grep',
            '-c',
            "^application_name = 'two words'",
            '/var/lib/postgresql/data/postgresql.conf',
          ),
        ).toBe('1')
      })

      it('POSTGRES_HOST_AUTH_METHOD=trust needs no password', async () => {
        const name = await lab.create({
          env: { POSTGRES_USER: 'shop', POSTGRES_DB: 'store', POSTGRES_HOST_AUTH_METHOD: 'trust' },
        })
        await lab.start(name)
        expect(await ask(await login(name, { password: 'any' }), who)).toMatchObject({
          user: 'shop',
          database: 'store',
          scram: null,
        })
      })

      it.each([
        [{}, /no password for its superuser: set POSTGRES_PASSWORD/],
        [{ POSTGRES_PASSWORD: 'a\nb' }, /the password contains a line break/],
        [
          { POSTGRES_PASSWORD: 'a', POSTGRES_USER: 'u'.repeat(64) },
          /POSTGRES_USER is longer than PostgreSQL's 63 bytes/,
        ],
        [
          { POSTGRES_PASSWORD: 'a', POSTGRES_PASSWORD_FILE: '/b' },
          /POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set/,
        ],
        [{ POSTGRES_PASSWORD_FILE: '/b' }, /POSTGRES_PASSWORD_FILE names \/b, which user 0 cannot read/],
        [{ POSTGRES_PASSWORD: 'a', POSTGRES_USER: 'pg_me' }, /role name "pg_me" is reserved/],
      ])('the start is refused with a clear message for %j', async (env, message) => {
        const name = await lab.create({ env })
        await lab.start(name)
        expect(await lab.exitCode(name)).toBe(1)
        expect(await lab.logs(name)).toMatch(message)
      })

      it('a directory that holds something else is not touched', async () => {
        const volume = lab.volumeName()
        const foreign = '/var/lib/postgresql/data/letters.txt'
        const name = await lab.create({ env: shop, volume, files: { ...files, [foreign]: 'dear' } })
        await lab.start(name)
        expect(await lab.exitCode(name)).toBe(1)
        expect(await lab.logs(name)).toMatch(/is not empty and holds no database; nothing was touched/)
        expect(
          await lab.engine(
            'run',
            '--rm',
            '-v',
            `${volume}:/v`,
            '--entrypoint',
            'cat',
            engine === 'podman' ? 'localhost/poststack/postgres:17' : 'poststack/postgres:17',
            '/v/data/letters.txt',
          ),
        ).toBe('dear')
      })

      it.each(['/var/lib/postgresql', '/var/lib/postgresql/17/docker'])(
        'no database is made beside that of another image in %s',
        async (folder) => {
          const volume = lab.volumeName()
          const found = { [`${folder}/PG_VERSION`]: '17\n' }
          const name = await lab.create({ env: shop, volume, files: { ...files, ...found } })
          await lab.start(name)
          expect(await lab.exitCode(name)).toBe(1)
          expect(await lab.logs(name)).toContain(
            `poststack: ${folder} holds the database of another image, of PostgreSQL 17, and this one keeps its own in /var/lib/postgresql/data`,
          )
          const look = await lab.create({ volume, command: ['ls', '/var/lib/postgresql'] })
          await lab.start(look)
          expect(await lab.exitCode(look)).toBe(0)
          expect(await lab.logs(look)).not.toContain('data')
        },
      )

      it('the server runs without root, with arguments for the server', async () => {
        const env = { POSTGRES_USER: 'shop', POSTGRES_DB: 'store', POSTGRES_PASSWORD: secret }
        const name = await lab.create({ env, options: ['--user', 'postgres'], command: ['-c', 'work_mem=7MB'] })
        await lab.start(name)
        expect(await ask(await login(name), 'SHOW work_mem')).toEqual({ work_mem: '7MB' })
      })

      it('other commands are run as they are', async () => {
        const name = await lab.create({ command: ['sh', '-c', 'id -u; postgres --version'] })
        await lab.start(name)
        expect(await lab.exitCode(name)).toBe(0)
        expect(await lab.logs(name)).toMatch(/^0\npostgres \(PostgreSQL\) 17/)
      })

      it('stop is a fast shutdown, also with a client connected', async () => {
        const name = await lab.create({ env: shop, files })
        await lab.start(name)
        await ask(await login(name), 'SELECT 1')
        const client = await connect(await login(name))
        const began = performance.now()
        await lab.engine('stop', name)
        expect(performance.now() - began).toBeLessThan(2000)
        await client.end().catch(() => undefined)
        expect(await lab.exitCode(name)).toBe(0)
        expect(await lab.logs(name)).toMatch(/received fast shutdown request[^]*database system is shut down/)
      })

      it('a second server on the same directory is refused', async () => {
        const volume = lab.volumeName()
        const [first, second] = [
          await lab.create({ env: shop, files, volume }),
          await lab.create({ env: shop, files, volume }),
        ]
        await lab.start(first)
        await ask(await login(first), 'SELECT 1')
        await lab.start(second)
        expect(await lab.exitCode(second)).toBe(1)
        expect(await lab.logs(second)).toContain('another server uses /var/lib/postgresql/data')
        expect(await ask(await login(first), 'SELECT 1 AS alive')).toEqual({ alive: 1 })
      })

      it('killed at any moment of the first start, the next start completes it', async () => {
        const script = {
          '/docker-entrypoint-initdb.d/1.sql': 'CREATE TABLE once AS SELECT 1 AS x; SELECT pg_sleep(0.2);',
        }
        let cutShort = 0
        // The program that is killed is the image's own, the same on both engines: each has half of the moments.
        for (let round = engines.indexOf(engine); round < 8; round += 2) {
          const name = await lab.create({ env: shop, files: { ...files, ...script } })
          await lab.start(name)
          const delay = Math.round(round * 100 + Math.random() * 100)
          await sleep(delay)
          await lab.engine('kill', '-s', 'KILL', name)
          await lab.exitCode(name)
          await lab.start(name)
          const row = await ask(await login(name), who).catch(async (error: unknown) => {
            const state = await lab.engine('container', 'inspect', '--format', '{{json .State}}', name)
            const ports = await lab.engine('port', name)
            throw new Error(`killed after ${String(delay)} ms: ${ports}\n${state}\n${await lab.logs(name)}`, {
              cause: error,
            })
          })
          expect({ delay, ...row }).toMatchObject({
            delay,
            user: 'shop',
            database: 'store',
            owner: true,
            scram: true,
            roles: 'shop',
          })
          expect(await ask(await login(name), 'SELECT count(*)::int AS n FROM once')).toEqual({ n: 1 })
          await expect(lab.engine('exec', name, 'test', '-e', marker)).rejects.toThrow()
          if ((await lab.logs(name)).includes('the last first start did not finish')) cutShort += 1
          await lab.engine('rm', '-f', '-v', name)
        }
        // Not one cut in the middle would mean that this test tests nothing.
        expect(cutShort).toBeGreaterThan(0)
      })

      it('a killed first start whose server had the process id that another process has now is made again', async () => {
        const before = [
          'sleep 1000 &',
          'printf "%s\\n%s\\n" $! "$PGDATA" >/var/run/postgresql/.s.PGSQL.5432.lock',
          'mkdir -p "$PGDATA" && touch "$PGDATA/poststack-first-start-unfinished"',
          'exec docker-entrypoint.sh postgres',
        ]
        const name = await lab.create({
          env: { POSTGRES_USER: 'shop', POSTGRES_DB: 'store', POSTGRES_PASSWORD: secret },
          files: { '/docker-entrypoint-initdb.d/1.sql': 'CREATE TABLE once AS SELECT 1 AS x;' },
          options: ['--entrypoint', 'bash', '--user', 'postgres'],
          command: ['-c', before.join('\n')],
        })
        await lab.start(name)
        expect(await ask(await login(name), 'SELECT count(*)::int AS n FROM once')).toEqual({ n: 1 })
        expect(await lab.logs(name)).toContain('the last first start did not finish')
      })

      it('the image says how it wants to be checked, stopped and stored', async () => {
        const tag = engine === 'podman' ? 'localhost/poststack/postgres:17' : 'poststack/postgres:17'
        const [image] = JSON.parse(await lab.engine('image', 'inspect', tag)) as [
          Record<string, Record<string, unknown>>,
        ]
        const config = { ...image['Config'], Healthcheck: image['Healthcheck'] ?? image['Config']?.['Healthcheck'] }
        expect(JSON.stringify(config)).toContain('pg_isready -q -h 127.0.0.1')
        expect(config).toMatchObject({
          StopSignal: 'SIGINT',
          Volumes: { '/var/lib/postgresql': {} },
          ExposedPorts: { '5432/tcp': {} },
        })
        expect(config).toMatchObject({
          Labels: { 'dev.poststack.image': 'postgres', 'org.opencontainers.image.licenses': 'MIT' },
        })
      })
    },
  )
}
