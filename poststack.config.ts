// The repository's own stack: one PostgreSQL server and the migrations of a small shop.
// `poststack up` in this folder starts it, on podman, docker, or as plain processes where there is no engine.
import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: 'poststack',
  services: {
    postgres: postgres({ version: 17, port: 5433, migrations: './migrations' }),
  },
})
