// The database of an application whose tests get a database each: see vitest.config.ts.
import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  name: 'bank',
  services: {
    db: postgres({ port: 5449, migrations: './migrations', seed: './seeds' }),
  },
})
