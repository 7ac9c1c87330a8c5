import { test } from 'vitest'

// Stands in for the tests on PostgreSQL 15 where this machine does not have it, so that they are not missing in silence.
test('migrations on PostgreSQL 15', (context) => {
  context.skip('postgres-15: /usr/lib/postgresql/15 is missing (tests/support/prepare-engines.sh installs it)')
})
