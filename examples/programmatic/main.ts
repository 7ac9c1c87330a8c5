// A stack that a program of yours brings up, asks, and takes down again: `npx tsx main.ts`, and `npx tsx main.ts down`.
import { defineConfig, isPoststackError, openStack, postgres, type StackEvent } from 'poststack'

// A config is a value. It may as well come from a file: without `config`, openStack looks for poststack.config.ts.
const config = defineConfig({
  name: 'programmatic',
  services: { db: postgres({ port: 5443, migrations: './migrations' }) },
})

/** Whatever happens, as it happens. */
async function tell(events: AsyncIterable<StackEvent>): Promise<void> {
  for await (const event of events) {
    if (event.type === 'step-done') console.log(`${event.subject}: ${event.kind} took ${event.durationMs} ms`)
    if (event.type === 'migration-applied') console.log(`applied ${event.file}`)
  }
}

async function main(wanted: string | undefined): Promise<void> {
  // The first Ctrl-C stops what is under way, and takes back what was begun.
  const ending = new AbortController()
  process.once('SIGINT', () => ending.abort())

  // Closed at the end of the function, however that ends. What runs goes on running.
  await using stack = await openStack({ cwd: import.meta.dirname, env: process.env, config, signal: ending.signal })
  const telling = tell(stack.events())

  // Nothing is done before it is asked for, and nothing twice.
  const outcome = wanted === 'down' ? await stack.down({ volumes: false }) : await stack.up()
  console.log(outcome.ok ? `${wanted ?? 'up'}: ${outcome.results.length} steps` : 'some steps failed')
  if (!outcome.ok) process.exitCode = 1

  if (wanted !== 'down') {
    // Connection variables for any program: a server, a test, another tool. A password stands in them.
    const { PGHOST, PGPORT, PGDATABASE } = await stack.variables()
    console.log(`the database is ${PGDATABASE} on ${PGHOST}:${PGPORT}`)
    const { services } = await stack.status()
    for (const { service, state } of services) console.log(`${service} is ${state}`)
  }

  await stack.close()
  await telling
}

try {
  await main(process.argv[2])
} catch (error) {
  if (!isPoststackError(error)) throw error
  console.error(`${error.code}: ${error.message}`)
  if (error.hint !== undefined) console.error(error.hint)
  process.exitCode = 1
}
