/**
 * A role may have a search_path with operators of its own before those of PostgreSQL: `=` then means what somebody wrote. What is asked
 * where a role's path holds names its operators and types in full; elsewhere the path is this one.
 */
import type { Connect } from './connection.ts'
import { heeding } from './heeding.ts'
import { isPooled } from './lock/pooler.ts'

/** Nothing but PostgreSQL's own. Temporary objects are named, and last, because else they would come first. */
export const ownPath = 'search_path = pg_catalog, pg_temp'

/** `=` and `||` of PostgreSQL, whatever the path. Written so, each binds like `||` does, and from the left. */
export const equals = 'OPERATOR(pg_catalog.=)'
export const joined = 'OPERATOR(pg_catalog.||)'

/** A way to sessions that only ask for us, with this path, and that stop when they are told to. */
export function asking(connect: Connect): Connect {
  return withOwnPath(async (options) => heeding(await connect(options), options.signal))
}

/**
 * A way to sessions with this path. Through a pooler they keep that of the role: what is set for a session there reaches somebody else.
 */
export function withOwnPath(connect: Connect): Connect {
  return async (options) => {
    const session = await connect(options)
    try {
      if (!(await isPooled(session))) await session.query(`SET ${ownPath}`)
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }
}
