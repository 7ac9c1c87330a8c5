// A web application, its database, and a job that fills the database once.
import { container, defineConfig, postgres } from 'poststack'

const db = postgres({ port: 5441, database: 'guestbook', migrations: './migrations' })

// Both containers run the same image. Using `db.url` makes each of them wait until the migrations are applied.
const build = { dockerfile: './containers/web/Dockerfile' }

const seed = container({
  build,
  command: ['python3', '/app/seed.py'],
  env: { DATABASE_URL: db.url },
  job: true,
})

const web = container({
  build,
  env: { DATABASE_URL: db.url, GREETING: 'Hello from the guest book' },
  ports: { http: { container: 8000, host: 8090 } },
  ready: { http: 'http', path: '/health' },
  dependsOn: { seed: 'completed' },
})

export default defineConfig({ name: 'guestbook', services: { db, seed, web } })
