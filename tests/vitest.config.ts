import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import CountReporter from './support/count-reporter.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const built = './tests/support/global-setup.ts'

export default defineConfig({
  root,
  test: {
    // Below this a test is not worth a line of its own.
    slowTestThreshold: 5000,
    reporters: ['default', new CountReporter()],
    projects: [
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: {
          name: 'tidy',
          include: ['tests/*.test.ts', 'tests/types/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: {
          name: 'engines',
          include: ['tests/{conformance,integration,e2e}/**/*.test.ts'],
          globalSetup: built,
          // Containers and PostgreSQL servers do the work, and CI machines have two cores: more files at once only wait longer.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
