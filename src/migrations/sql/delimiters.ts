/**
 * Signs by which other tools end a statement where PostgreSQL wants a semicolon: Liquibase's `endDelimiter`, the `DELIMITER` of MySQL's
 * client, `GO` and a slash on a line of their own.
 */

const liquibase = /^[ \t]*--[ \t]*changeset\b.*\bendDelimiter:"?([^\s"]+)/im
const mysql = /^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*$/im
const onItsOwn = /^[ \t]*(GO|\/)[ \t]*$/im

/** What to do about a text that does not parse and has such a sign; nothing where it has none. */
export function delimiterHint(sql: string): string | undefined {
  const sign = (liquibase.exec(sql) ?? mysql.exec(sql) ?? onItsOwn.exec(sql))?.[1]
  if (sign === undefined || sign === ';') return undefined
  return `"${sign}" ends a statement for another tool, and is no more than SQL here: end each statement with a semicolon, and take "${sign}" out. The body of a function is kept together by its quotes ($$).`
}
