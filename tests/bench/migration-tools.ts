/**
 * What is measured, as whole processes like a user starts them, and the floors beside it.
 */
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { TestDatabase } from '../support/postgres.ts'
import type { Program } from './measure.ts'
import type { MigrationFiles } from './migration-files.ts'
import type { Peers } from './peers.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const floor = fileURLToPath(new URL('floor-migrations.mjs', import.meta.url))

/** What is done to a database. `again` is `apply` with nothing left to do. */
export type Deed = 'apply' | 'again' | 'status' | 'rollback'

export interface Tool {
  /** Head of its column. */
  readonly name: string
  /** The program for a deed on the database of a URL, or why there is none. */
  program(deed: Deed, on: Target): Program | string
}

export interface Target {
  readonly database: TestDatabase
  readonly files: MigrationFiles
  readonly count: number
}

/** Poststack comes first. Peers that could not be installed are left out. */
export function toolsWith(peers: Peers | string): readonly Tool[] {
  const others = typeof peers === 'string' ? [] : [dbmate(peers), nodePgMigrate(peers)]
  return [poststack, ...others, pgFloor, psqlFloor]
}

const poststack: Tool = {
  name: 'Poststack',
  program(deed, on) {
    const words: Readonly<Record<Deed, readonly string[]>> = {
      apply: ['migrate'],
      again: ['migrate'],
      status: ['migration-status'],
      rollback: ['rollback', '--target-version', '0', '--yes'],
    }
    const where = ['--url', urlOf(on), '--migrations', on.files.poststack]
    return started([process.execPath, cli, 'database', ...words[deed], ...where], on)
  },
}

function dbmate(peers: Peers): Tool {
  return {
    name: 'dbmate',
    program(deed, on) {
      if (deed === 'rollback') return 'one a call'
      // Without the dump of the schema after it, which is pg_dump's work.
      const flags = ['--url', urlOf(on), '--migrations-dir', on.files.dbmate, '--no-dump-schema']
      return started([peers.dbmate, ...flags, deed === 'status' ? 'status' : 'migrate'], on)
    },
  }
}

function nodePgMigrate(peers: Peers): Tool {
  return {
    name: 'node-pg-migrate',
    program(deed, on) {
      if (deed === 'status') return 'has none'
      const words = deed === 'rollback' ? ['down', String(on.count)] : ['up']
      const command = [process.execPath, peers.nodePgMigrate, ...words, '--migrations-dir', on.files.nodePgMigrate]
      return started(command, on, { DATABASE_URL: urlOf(on) })
    },
  }
}

const pgFloor: Tool = {
  name: 'floor: pg',
  program(deed, on) {
    const words = { apply: 'up', again: 'up', status: 'status', rollback: 'down' }
    return started([process.execPath, floor, urlOf(on), on.files.poststack, words[deed]], on)
  },
}

const psqlFloor: Tool = {
  name: 'floor: psql',
  program(deed, on) {
    if (deed === 'again' || deed === 'status') return 'keeps no record'
    const file = on.files.all[deed === 'apply' ? 'up' : 'down']
    return started(['psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', file, urlOf(on)], on)
  },
}

/** Without the password, which stands in the environment for all of them. */
function urlOf({ database: { target } }: Target): string {
  return `postgresql://${target.user}@${target.host}:${target.port}/${target.database}?sslmode=disable`
}

function started(command: readonly string[], on: Target, env: Readonly<Record<string, string>> = {}): Program {
  const [file = '', ...args] = command
  return { command: [file, ...args], cwd: tmpdir(), env: { PGPASSWORD: on.database.target.password ?? '', ...env } }
}
