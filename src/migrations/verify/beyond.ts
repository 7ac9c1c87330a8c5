/**
 * What in a migration would reach beyond the database it runs in: roles, databases and tablespaces belong to the whole server, and some
 * functions act on sessions, files or servers. A try-out must not touch them.
 */
import { blankSpans } from '../sql/blank.ts'
import { leadingWords, scanStatements, type Span } from '../sql/statements.ts'
import { isBlank, readToken } from '../sql/tokens.ts'

const shared = 'role|group|user(?!\\s+mapping)|database|tablespace|system|subscription'
const beyond = [
  `\\b(?:create|alter|drop)\\s+(?:${shared})\\b`,
  '\\b(?:reassign|drop)\\s+owned\\b',
  '\\b(?:comment|security\\s+label(?:\\s+for\\s+\\S+)?)\\s+on\\s+(?:role|database|tablespace|subscription)\\b',
  '\\b(?:grant|revoke)\\b[^;]*?\\bon\\s+(?:database|tablespace|parameter)\\b',
  // Membership in a role: no ON between what is granted and to whom.
  '\\b(?:grant|revoke)\\b(?:(?!\\bon\\b)[^;])*?\\b(?:to|from)\\b',
  // The server's own disk and programs.
  "\\bcopy\\b[^;]*?\\b(?:to\\s+e?'|(?:to|from)\\s+program\\b)",
]
const pattern = new RegExp(beyond.join('|'), 'i')

// What acts on other sessions, on the server with its files, slots and stand-bys, or on another server.
const functions = [
  'pg_(?:terminate|cancel)_backend',
  'pg_(?:reload_conf|rotate_logfile|promote|switch_wal|create_restore_point)',
  'pg_(?:wal_replay_(?:pause|resume)|(?:start|stop)_backup|backup_(?:start|stop))',
  'pg_(?:create|copy|drop|sync)_\\w*replication_slots?',
  'pg_(?:replication_slot_advance|logical_slot_get_\\w+|replication_origin_(?:create|drop|advance))',
  'pg_stat_reset_(?:shared|slru|replication_slot)',
  'pg_file_\\w+',
  'lo_export',
  'dblink\\w*',
]
const call = new RegExp(`\\b(?:${functions.join('|')})(?=\\s*\\()`, 'i')
/** Statements that say something of a function, or make what would call it later, and call none themselves. */
const callsNothing =
  /^(?:grant|revoke|comment|alter|drop|create(?!\s+(?:(?:global|local|temp|temporary|unlogged)\s+)*(?:table|materialized)\b))\b/i

export interface WithinDatabase {
  /** The text with blanks in place of those statements; all others stand where they stood. */
  readonly sql: string
  /** The first words of each that was taken out, or the function that it calls: `CREATE ROLE`, `pg_cancel_backend`. */
  readonly taken: readonly string[]
}

/** Takes out of a text every statement that would reach beyond its database, or that runs code which would. */
export function withinDatabase(sql: string): WithinDatabase {
  const spans: Span[] = []
  const taken: string[] = []
  for (const statement of scanStatements(sql)) {
    const found = findBeyond(executable(sql, statement))
    if (found === undefined) continue
    spans.push({ start: statement.start, end: statement.copy?.after ?? statement.end })
    taken.push(found)
  }
  return spans.length === 0 ? { sql, taken } : { sql: blankSpans(sql, spans), taken }
}

function findBeyond(words: string): string | undefined {
  const found = pattern.exec(words)
  if (found !== null) return found[0].trim().split(/\s+/).slice(0, 2).join(' ').toUpperCase()
  return callsNothing.test(words) ? undefined : call.exec(words)?.[0].toLowerCase()
}

/**
 * The part of a statement that can be executed: without comments, and without constants where nothing can run what they say. The
 * body of a function may be called later, so it counts, and so does what a DO block executes.
 */
function executable(sql: string, statement: Span): string {
  const [first = ''] = leadingWords(sql, statement, 1)
  return wordsOf(sql, statement, {
    constants: /^(?:do|call|select|with|execute)$/.test(first),
    copies: first === 'copy',
  })
}

interface Kept {
  /** Constants may be commands. */
  readonly constants: boolean
  /** A constant is the name of a file. */
  readonly copies: boolean
}

function wordsOf(sql: string, { start, end }: Span, kept: Kept): string {
  const words: string[] = []
  for (let index = start; index < end;) {
    const next = readToken(sql, index)
    const text = sql.slice(index, Math.min(next.end, end))
    const tag = /^\$[^$]*\$/.exec(text)?.[0]
    if (isBlank(next)) words.push(' ')
    else if (text.startsWith('"')) words.push('name')
    else if (tag !== undefined)
      words.push(wordsOf(text, { start: tag.length, end: text.length - tag.length }, { ...kept, constants: true }))
    else if (!text.startsWith("'") && !/^e'/i.test(text)) words.push(text)
    else if (kept.constants) words.push(text)
    else words.push(kept.copies ? "'" : '0')
    index = next.end
  }
  return words.join('')
}
