import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import CountReporter from './support/count-reporter.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const built = './tests/support/global-setup.ts'

// Where Debian's postgresql-15 is; prepare-engines.sh installs it.
const postgres15 = '/usr/lib/postgresql/15'

// On the two cores of a CI machine: engines and servers are waited for much of the time, and a third file fills it.
const maxWorkers = 3

// As in `src/cli/main.ts`: a test file ends before the optimizing of the SQL parser has paid.
const execArgv = ['--wasm-tiering-budget=100000000']

// A process serves one file after another, and reads what all of them import once: a file alone takes a second for that. Tests give back
// what they change of the process.
const isolate = false

// Unit tests tell soonest what is wrong, and alone; all others side by side, so that a long file keeps nobody waiting.
const sequence = { groupOrder: 1 }

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
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          maxWorkers,
          execArgv,
          isolate,
          sequence: { groupOrder: 0 },
        },
      },
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: {
          name: 'tidy',
          include: ['tests/*.test.ts', 'tests/types/**/*.test.ts'],
          globalSetup: built,
          maxWorkers,
          execArgv,
          isolate,
          testTimeout: 60_000,
          sequence,
        },
      },
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: {
          name: 'engines',
          include: ['tests/{conformance,integration,e2e}/**/*.test.ts'],
          globalSetup: built,
          maxWorkers,
          execArgv,
          isolate,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence,
        },
      },
      {
        root,
        define: { POSTSTACK_VERSION: JSON.stringify(version) },
        test: {
          // The same tests of migrations on the oldest server of the machine: what the server says and can do differs.
          name: 'postgres-15',
          include: existsSync(`${postgres15}/bin/initdb`)
            ? ['tests/integration/migrations/**/*.test.ts']
            : ['tests/support/postgres-15-missing.test.ts'],
          // What is about files, texts and speed, or about the ledger alone, and not about what a server says and can do.
          exclude: `baseline commit compile folders include kill library new parts read read-seeds renumber retry seed`
            .split(' ')
            .map((name) => `tests/integration/migrations/${name}.test.ts`),
          env: { POSTSTACK_TEST_POSTGRES: postgres15 },
          globalSetup: built,
          maxWorkers,
          execArgv,
          isolate,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence,
        },
      },
    ],
  },
})
