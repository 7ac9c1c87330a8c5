/**
 * SQL as scripts and tests write it. Types only.
 */

/** Rows by their columns' names, with the types that node-postgres reads: `bigint` and `numeric` are texts. */
export interface Sql {
  /**
   * Runs one statement. What stands in `${}` is sent as a parameter, never as text.
   *
   * @example
   * const users = await sql<{ id: number }>`SELECT id FROM users WHERE name = ${name}`
   */
  <Row extends object = Record<string, unknown>>(
    text: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<readonly Row[]>
  /** Runs a text: one statement with `$1`, `$2`, …, or without values any number of them, of which the last one's rows are given. */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>
  /**
   * Runs all of it in one transaction: committed when the function returns, rolled back when it throws. Where a statement failed, it is rolled
   * back too, and `begin` fails, even if the function has caught the error.
   */
  begin<Result>(body: (sql: Sql) => Promise<Result>): Promise<Result>
}

export interface OwnedSql extends Sql {
  /** Ends its sessions; what runs in them is waited for. Without it they end with the process. */
  end(): Promise<void>
}
