// The shop: the preset's database, with migrations of its own and a port that other programs know.
import { base } from '@example/stack-preset'
import { defineConfig, postgres } from 'poststack'

export default defineConfig({
  extends: base,
  name: 'shop',
  services: { db: postgres({ port: 5443, migrations: './migrations', settings: { work_mem: '16MB' } }) },
})
