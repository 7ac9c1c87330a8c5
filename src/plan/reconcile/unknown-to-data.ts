/**
 * Role, database and password are made at the first start of a data volume only. What to say, and what a person can do, when the data
 * know other ones than the config.
 */
import type { PostgresSpec } from '../types.ts'
import { identifier } from '../../migrations/sql/quote.ts'

export interface UnknownToData {
  readonly code: 'DATABASE_MISSING' | 'PASSWORD_REJECTED'
  readonly volume: string
  readonly wanted: Pick<PostgresSpec, 'user' | 'database'>
  /** What the server that runs now was made with, as far as it is known. */
  readonly before: Partial<Pick<PostgresSpec, 'user' | 'database'>>
}

/** Cause and ways out of a blocked step. */
export function unknownToData(facts: UnknownToData): { readonly cause: string; readonly ways: readonly string[] } {
  const { cause, ways } = facts.code === 'DATABASE_MISSING' ? missingDatabase(facts) : missingRole(facts)
  return { cause, ways: [...ways, 'or, if the data may go: poststack down --volumes, then up'] }
}

function missingDatabase({ volume, wanted, before }: UnknownToData): ReturnType<typeof unknownToData> {
  const to = identifier(wanted.database)
  const from = before.database === wanted.database ? undefined : before.database
  const rename =
    from === undefined
      ? []
      : [
          `or rename it yourself in the running server, connected to its database "postgres": ALTER DATABASE ${identifier(from)} RENAME TO ${to};`,
        ]
  return {
    cause: `volume ${volume} has no database ${to}: one is made at the first start of a volume only`,
    ways: [
      ...putBack('database', from),
      ...rename,
      `or make an empty one yourself in the running server: CREATE DATABASE ${to};`,
    ],
  }
}

function missingRole({ volume, wanted, before }: UnknownToData): ReturnType<typeof unknownToData> {
  const to = identifier(wanted.user)
  const makes = 'at the first start of a volume only'
  if (before.user === undefined || before.user === wanted.user)
    return {
      cause: `volume ${volume} has another password for role ${to}: it is set ${makes}`,
      ways: [
        'put the old password back, in the config, or in .poststack/secrets.json where it was generated',
        `or change it yourself in the running server: ALTER ROLE ${to} PASSWORD '…';`,
      ],
    }
  return {
    cause: `volume ${volume} has no role ${to} with the declared password: one is made ${makes}`,
    ways: [
      ...putBack('user', before.user),
      `or make it yourself in the running server, with the declared password: CREATE ROLE ${to} LOGIN SUPERUSER PASSWORD '…';`,
    ],
  }
}

function putBack(field: 'database' | 'user', before: string | undefined): readonly string[] {
  return before === undefined ? [] : [`set \`${field}\` back to ${JSON.stringify(before)}`]
}
