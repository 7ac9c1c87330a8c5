// The smallest useful stack: a PostgreSQL server and its migrations.
import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: 'quickstart',
  services: {
    db: postgres({ port: 5440, migrations: './migrations' }),
  },
})
