// Apache with PHP and its database: templates that the container renders at its start, settings in `.env`, the pages in `public/`.
import { container, defineConfig, postgres } from 'poststack'

const db = postgres({ port: 5442, database: 'visits', migrations: './migrations' })

const apache = container({
  // containers/apache/Dockerfile, with the whole project as its context.
  build: {},
  envFile: './.env',
  // Using the database makes the server wait until the migrations are applied.
  env: { DB_HOST: db.host, DB_PORT: db.port, DB_NAME: db.database, DB_USER: db.user, DB_PASS: db.password },
  ports: { http: { container: 80, host: 8091 } },
  // A page that is changed here is changed there.
  volumes: [{ bind: './public', target: '/var/www/html', readOnly: true }],
  ready: { http: 'http', status: 200, body: 'visitors' },
  // Apache finishes what it is answering.
  stopSignal: 'SIGWINCH',
})

export default defineConfig({ name: 'apache-php', services: { db, apache } })
