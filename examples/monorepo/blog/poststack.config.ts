// The blog: the same database from the preset, and in tests a fast one.
import { base, fast } from '@example/stack-preset'
import { defineConfig, postgres } from 'poststack'

export default defineConfig(({ mode }) => ({
  extends: [base, ...(mode === 'test' ? [{ services: { db: postgres({ settings: fast }) } }] : [])],
  name: 'blog',
  services: { db: postgres({ migrations: './migrations' }) },
}))
