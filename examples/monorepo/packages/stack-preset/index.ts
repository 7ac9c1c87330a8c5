// What the stacks of both projects have in common: a layer to extend, and options to spread.
import { defineConfig, postgres } from 'poststack'

/** The lowest layer of each project: the database that all of them have. */
export const base = defineConfig({
  services: {
    db: postgres({
      version: 17,
      port: 'auto',
      settings: { log_statement: 'ddl', log_min_duration_statement: '250ms' },
    }),
  },
})

/** For databases that are thrown away: faster, and nothing survives a power cut. */
export const fast = { fsync: false, synchronous_commit: false, full_page_writes: false }
