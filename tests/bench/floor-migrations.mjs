/**
 * The least that migrating takes in Node, with nothing looked at and nothing kept safe: pg, a transaction for each file with a row
 * for it, sent in one round trip. Only the last commit waits for the disk, which then has those before it, too.
 *
 *   node floor-migrations.mjs <url> <folder> up|status|down
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

const [, , connectionString, folder, direction] = process.argv
const client = new pg.Client({ connectionString })
await client.connect()
const names = readdirSync(folder).filter((name) => !name.endsWith('.rollback.sql'))
const files = names.toSorted().map((name) => {
  const sql = readFileSync(join(folder, name), 'utf8')
  return { name, sql, hash: createHash('sha256').update(sql).digest('hex') }
})
const { rows: found } = await client.query("SELECT to_regclass('public.floor_ledger') IS NOT NULL AS there")
if (direction === 'up' && !found[0].there)
  await client.query('CREATE TABLE floor_ledger (name text PRIMARY KEY, hash text)')
const { rows } = await client.query('SELECT name, hash FROM floor_ledger ORDER BY name')
const known = new Map(rows.map(({ name, hash }) => [name, hash]))
const changed = files.filter(({ name, hash }) => known.has(name) && known.get(name) !== hash)
if (changed.length > 0) throw new Error(`changed: ${changed.map(({ name }) => name).join(' ')}`)

if (direction === 'up') {
  await carryOut(
    files
      .filter(({ name }) => !known.has(name))
      .map(({ name, sql, hash }) => `${sql}; INSERT INTO floor_ledger VALUES ('${name}', '${hash}')`),
  )
} else if (direction === 'down') {
  await carryOut(
    rows.toReversed().map(({ name }) => {
      const sql = readFileSync(join(folder, name.replace(/\.sql$/, '.rollback.sql')), 'utf8')
      return `${sql}; DELETE FROM floor_ledger WHERE name = '${name}'`
    }),
  )
} else {
  process.stdout.write(`${files.map(({ name }) => `${known.has(name) ? 'applied' : 'pending'} ${name}`).join('\n')}\n`)
}
await client.end()

async function carryOut(texts) {
  for (const [index, text] of texts.entries()) {
    const waiting = index === texts.length - 1 ? '' : 'SET LOCAL synchronous_commit = off; '
    // One file after the other.
    await client.query(`BEGIN; ${waiting}${text}; COMMIT`)
  }
}
